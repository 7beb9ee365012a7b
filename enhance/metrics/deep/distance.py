"""What DeepWSD, DeepJSD and DeepSKLD share: a backbone, a layout and a measure make a distance between images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor

from enhance.backbones.moving import moved
from enhance.backbones.network import Backbone, Weights, load
from enhance.metrics import checks
from enhance.metrics.deep.folding import fold, groups
from enhance.metrics.deep.fusion import PreparedLevels, column_distances, prepare_levels
from enhance.metrics.deep.kernels import KERNELS
from enhance.metrics.deep.layouts import LAYOUTS, pad
from enhance.metrics.deep.levels import levels_of
from enhance.metrics.deep.maps import spread
from enhance.metrics.deep.pairs import (
    Prepared,
    check_prepared,
    covered,
    in_parts,
    masks_of_levels,
    paired,
    symmetric_distances,
)
from enhance.metrics.deep.published import level_spec, network_for
from enhance.metrics.deep.smoothing import smoothed, stage_weights, weighted_mean
from enhance.metrics.metric import BaseMetric
from enhance.utils.precision import autocast_to
from enhance.utils.suggest import unknown


class DeepDistance(BaseMetric):
    """Distance between two images as the mean distance between the distributions of their deep features.

    Do not instantiate it; take `DeepWSD`, `DeepJSD` or `DeepSKLD`. With no other setting than the backbone each
    reproduces the authors' published code.

    The backbone is a submodule with frozen parameters, which optimizers skip; it stays out of `state_dict()`. Metrics
    may share one: moving a metric gives it a copy where the network changes, and leaves the others where they are.

    On a GPU losses and scores are computed in full precision; so is their gradient where `backward` is called within
    `enhance.full_precision()`, as `enhance.optimize` does. Elsewhere torch may round convolutions to TF32 there.

    Args:
        backbone: a name of `enhance.BACKBONES`, or a `Backbone`.
        weights: `pretrained`, `untrained`, a file, or a state dict; see `enhance.load_backbone`.
        layout: `strided`, as published, or `spatial`, true 8 x 8 windows of each channel.
        prefilter: whether images with a longer side of 384 and more are first box-averaged to about 256, as published
            for scoring.
        reduction: over the batch: `mean`, `sum` or `none`.
        padding: how a feature map's sides become multiples of 8: `published`, which may crop a map, or `up`, which
            never does.
        check_range: whether to check that images lie in [0, 1]; costs one pass over each image.
        autocast: lower precision in which the backbone computes, e.g. `torch.bfloat16`, where the device computes
            faster in it. None: full precision, inside an autocast region too. The measure is always computed in full
            precision. In `torch.float16` gradients are scaled on their way through the network, so that they neither
            vanish nor overflow, whatever the weight of the loss.
        kernel: what computes the measure: `torch`, operators of torch; `triton`, one fused kernel, which DeepWSD has
            with most backbones; or `auto`, the latter on CUDA where Triton is installed.
        seed, model, nodes: see `enhance.load_backbone`.

    Raises:
        ValueError: for an unknown backbone, layout, reduction, padding or kernel.
        WeightsError: if the weights are not available or do not fit.

    Example:
        >>> metric = enhance.DeepJSD()                # backbone="vgg19" for published scores
        >>> reference = enhance.load_image("astronaut")[..., :64, :64]
        >>> image = (0.8 * reference).requires_grad_()
        >>> loss = metric(image, reference)           # both (B, 3, H, W), RGB in [0, 1]
        >>> loss.backward()
        >>> target = metric.prepare(reference)        # in a loop: the reference's features are computed once
        >>> metric.score(image, target) == metric.score(image, reference)
        tensor(True)

    References:
        Liao et al., "Image Quality Assessment: Measuring Perceptual Degradation via Distribution Measures in Deep
        Feature Spaces", IEEE TIP 33 (2024) 4044-4059, doi 10.1109/TIP.2024.3409176, and the code published with it.
    """

    measure: ClassVar[str]

    def __init__(
        self,
        backbone: str | Backbone = "vgg_compact",
        weights: Weights = "pretrained",
        layout: str = "strided",
        prefilter: bool = True,
        reduction: str = "mean",
        *,
        padding: str = "published",
        check_range: bool = True,
        autocast: torch.dtype | None = None,
        kernel: str = "auto",
        seed: int | None = None,
        model: str | None = None,
        nodes: Sequence[str] | None = None,
    ) -> None:
        super().__init__(self.measure, reduction, check_range)
        for what, given, accepted in (
            ("layout", layout, tuple(LAYOUTS)),
            ("padding", padding, ("published", "up")),
            ("kernel", kernel, KERNELS),
        ):
            if given not in accepted:
                raise ValueError(unknown(what, str(given), accepted))
        if not isinstance(prefilter, bool):
            raise ValueError(f"prefilter must be True or False, got {prefilter!r}.")
        if not isinstance(backbone, (str, Backbone)):
            raise ValueError(
                f"backbone must be a name of enhance.BACKBONES or a Backbone, got {type(backbone).__name__}."
            )
        if autocast is not None and autocast not in (torch.bfloat16, torch.float16):
            raise ValueError(f"autocast must be None, torch.bfloat16 or torch.float16, got {autocast!r}.")
        name = backbone if isinstance(backbone, str) else backbone.name
        seeded = {} if seed is None else {"seed": seed}
        network = (
            backbone
            if isinstance(backbone, Backbone)
            else load(network_for(self.measure, name), weights, model=model, nodes=nodes, **seeded)
        )
        self.backbone: Backbone = network
        like = next(network.parameters())
        self.register_buffer("_where", like.new_zeros(()), persistent=False)  # replicas have buffers, no parameters
        self.spec = replace(level_spec(self.measure, name.partition("/")[0]), kernel=kernel)
        self.layout, self.prefilter, self.autocast = layout, prefilter, autocast
        self.padding = self.spec.padding if padding == "published" else padding
        self._smoothing = 0.0

    def losses(self, image: Tensor, reference: Tensor | Prepared, mask: Tensor | None = None) -> Tensor:
        """The loss of each image, (B,): the mean over levels of the distance, 0 for equal images; see `forward`."""
        layers = self.layers(image, reference, mask)
        return weighted_mean(layers, stage_weights(layers, self._smoothing)) if self._smoothing else layers.mean(1)

    def as_score(self, loss: Tensor) -> Tensor:
        """The published quality score log(1 + loss) ** 0.25; lower is better."""
        return torch.log1p(loss.clamp_min(0)) ** 0.25

    @torch.no_grad()
    def scores(self, image: Tensor, reference: Tensor | Prepared, mask: Tensor | None = None) -> Tensor:
        """The published score of each image, (B,), whatever the reduction; no gradient."""
        return self.as_score(torch.cat([self.losses(*part) for part in in_parts(image, reference, mask)]))

    def smoothed(self, amount: float) -> Self:
        """The metric with the same values and a smoothed gradient, see `enhance.metrics.deep.smoothing`."""
        spec = smoothed(self.spec, amount)
        if not amount:
            return self
        twin = copy(self)
        twin.spec, twin._smoothing = spec, amount
        return twin

    def layers(self, image: Tensor, reference: Tensor | Prepared, mask: Tensor | None = None) -> Tensor:
        """The distance of each level, (B, L): the image itself first, then the backbone's stages. Their mean is the
        loss.

        A mask is averaged to the size of each level. Features outside it are replaced by the reference's, and the
        distance is divided by the share of the level that is left. Deep features see beyond their position: those
        inside the mask depend on pixels outside it, as far as the receptive field reaches.
        """
        image, target, mask = self._checked(image, reference, mask)
        features = self._features(image)
        masks = masks_of_levels(mask, features)
        with autocast_to(None, image.device):
            columns = paired(features, target, masks, self._cut)
            found = [symmetric_distances(x, level, self.spec) for x, level in columns]
            distances = torch.cat(found, 1) if len(found) > 1 else found[0]
            return distances if masks is None else distances / covered(masks)

    @torch.no_grad()
    def map(self, image: Tensor, reference: Tensor | Prepared, mask: Tensor | None = None) -> Tensor:
        """Where the images differ by the measure: (B, H, W), which sums to each image's loss.

        A level is the mean of the distances of its columns. Each column's distance is shared out equally among the
        entries of the feature map that it is made of; what the channels of a position have received is its share. In
        the published layout that is the position itself wherever the channels are a multiple of 64, and rows spread
        over the image at the level of the pixels. A level is then enlarged to the image's size, bilinearly and so that
        its sum stays, and the levels are averaged.

        Args:
            image, reference, mask: as in `forward`.

        Raises:
            ValueError: as `forward`.
        """
        image, target, mask = self._checked(image, reference, mask)
        features = self._features(image)
        masks = masks_of_levels(mask, features)
        columns = paired(features, target, masks, self._cut)
        distances = (found for x, prepared in columns for found in column_distances(x, prepared, self.spec))
        return spread(features, distances, self._cut, image.shape[-2:], None if masks is None else covered(masks))

    def _checked(
        self, image: Tensor, reference: Tensor | Prepared, mask: Tensor | None
    ) -> tuple[Tensor, Prepared, Tensor | None]:
        image = checks.image("image", image, self.dtype, self.device, self.check_range)
        target = self._target(reference) if isinstance(reference, Tensor) else reference
        # a compiler would take each weight as an input to look at it; for other settings it compiles anew
        check_prepared(target, image, None if torch.compiler.is_compiling() else self.fingerprint)
        return image, target, None if mask is None else checks.mask(mask, image)

    @torch.no_grad()
    def prepare(self, reference: Tensor) -> Prepared:
        """Compute the reference's side of the distance once: (B, 3, H, W) in [0, 1] -> what is accepted wherever a
        reference is.
        """
        target = self._target(reference)
        with autocast_to(None, reference.device):
            levels = tuple(prepare_levels(level.columns, level.sizes, self.spec) for level in target.levels)
        return replace(target, levels=levels)

    def _target(self, reference: Tensor) -> Prepared:
        """The reference's columns, with their graph if the reference asks for gradients."""
        reference = checks.image("reference", reference, self.dtype, self.device, self.check_range)
        with torch.set_grad_enabled(torch.is_grad_enabled() and reference.requires_grad):
            columns = [self._cut(level) for level in self._features(reference)]
            grouped = groups([level.shape[-1] for level in columns], reference.device)
            levels = map(PreparedLevels, grouped, fold(columns, grouped))
        return Prepared(tuple(reference.shape), tuple(levels), self.fingerprint)

    def _features(self, image: Tensor) -> list[Tensor]:
        return levels_of(self.backbone, image, self.prefilter, self.autocast)

    def _cut(self, level: Tensor) -> Tensor:
        return LAYOUTS[self.layout](pad(level, self.padding))

    @property
    def device(self) -> torch.device:
        """Where the backbone lies; images must lie there too."""
        return cast(Tensor, self._where).device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the backbone; images must have it too."""
        return cast(Tensor, self._where).dtype

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.backbone = moved(self.backbone, fn)  # another metric may share the network
        return super()._apply(fn, recurse=False)

    @property
    def kernel(self) -> str:
        """`auto`, `torch` or `triton`: see `enhance.metrics.deep.kernels`."""
        return self.spec.kernel

    @property
    def fingerprint(self) -> str:
        """Settings and weights, on which a prepared reference depends; a change of weights in place changes it."""
        edits = 0 if torch.compiler.is_compiling() else self.backbone.edits
        weights = (self.backbone.name, self.backbone.origin.sha256, edits)
        return repr((self.measure, *weights, self.layout, self.prefilter, self.padding, self.autocast))

    def describe(self) -> dict[str, Any]:
        """Settings, and the backbone with its weights, in values that JSON has."""
        settings = {"layout": self.layout, "prefilter": self.prefilter, "padding": self.padding}
        settings |= {"autocast": self.autocast and str(self.autocast).removeprefix("torch."), "kernel": self.kernel}
        return super().describe() | settings | {"backbone": self.backbone.describe()}

    def extra_repr(self) -> str:
        return f"backbone={self.backbone.name!r}, weights={self.backbone.origin.name!r}, layout={self.layout!r}"
