"""DeepWSD, DeepJSD and DeepSKLD: a backbone, a layout and a measure make a distance between images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from enhance.backbones.network import Backbone, Weights, load
from enhance.metrics import checks
from enhance.metrics.deep.fusion import PreparedLevel, column_distances, level_distance, prepare_level
from enhance.metrics.deep.layouts import LAYOUTS, pad
from enhance.metrics.deep.published import network_for, rule_for
from enhance.metrics.deep.smoothing import smoothed
from enhance.utils.suggest import unknown

REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": torch.mean,
    "sum": torch.sum,
    "none": lambda values: values,
}


_AT_ONCE = 2  # images of a batch that are scored together on a CPU


@dataclass(frozen=True)
class Prepared:
    """A reference whose side of the distance has been computed once; accepted wherever a reference is.

    Attributes:
        shape: of the reference, (B, 3, H, W).
        levels: its features, per level.
        owner: the metric that prepared it.
    """

    shape: tuple[int, ...]
    levels: tuple[PreparedLevel, ...]
    owner: DeepDistance

    @property
    def device(self) -> torch.device:
        return self.levels[0].columns.device

    @property
    def dtype(self) -> torch.dtype:
        return self.levels[0].columns.dtype


class DeepDistance(nn.Module):
    """Distance between two images as the mean distance between the distributions of their deep features.

    Do not instantiate it; take `DeepWSD`, `DeepJSD` or `DeepSKLD`. With no other setting than the backbone each
    reproduces the authors' published code.

    The module has no parameters: the backbone is frozen, moves with `.to()` and stays out of `state_dict()`.

    Args:
        backbone: a name of `enhance.BACKBONES`, or a `Backbone`.
        weights: `pretrained`, `untrained`, a file, or a state dict; see `enhance.load_backbone`.
        layout: `strided`, as published, or `spatial`, true 8 x 8 windows of each channel.
        prefilter: whether images with a longer side of 384 and more are first box-averaged to about 256, as published
            for scoring.
        reduction: over the batch: `mean`, `sum` or `none`.
        rounding: how a feature map's sides become multiples of 8: `published`, which may crop a map, or `up`, which
        never does.
        check_range: whether to check that images lie in [0, 1]; costs one pass over each image.
        autocast: lower precision in which the backbone computes, e.g. `torch.bfloat16`, for speed where the device
            likes it. None: full precision, inside an autocast region too. The measure itself is always computed in full
            precision.
        seed, model, nodes: see `enhance.load_backbone`.

    Raises:
        ValueError: for an unknown backbone, layout, reduction or rounding.
        WeightsError: if the weights cannot be had or do not fit.

    Example:
        >>> metric = DeepJSD(backbone="vgg19")
        >>> loss = metric(image, reference)       # both (B, 3, H, W), RGB in [0, 1]
        >>> loss.backward()
        >>> target = metric.prepare(reference)    # in a loop: the reference's features are computed once
        >>> metric.score(image, target)

    References:
        Liao et al., "Image Quality Assessment: Measuring Perceptual Degradation via Distribution Measures in Deep
        Feature Spaces", IEEE TIP 33 (2024) 4044-4059, doi 10.1109/TIP.2024.3409176, and the code published with it.
    """

    measure: ClassVar[str]
    lower_is_better: ClassVar[bool] = True

    def __init__(
        self,
        backbone: str | Backbone = "vgg_compact",
        weights: Weights = "pretrained",
        layout: str = "strided",
        prefilter: bool = True,
        reduction: str = "mean",
        *,
        rounding: str = "published",
        check_range: bool = True,
        autocast: torch.dtype | None = None,
        seed: int = 0,
        model: str | None = None,
        nodes: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        for what, given, accepted in (
            ("layout", layout, tuple(LAYOUTS)),
            ("reduction", reduction, tuple(REDUCTIONS)),
            ("rounding", rounding, ("published", "up")),
        ):
            if given not in accepted:
                raise ValueError(unknown(what, str(given), accepted))
        for what, given in (("prefilter", prefilter), ("check_range", check_range)):
            if not isinstance(given, bool):
                raise ValueError(f"{what} must be True or False, got {given!r}.")
        if not isinstance(backbone, (str, Backbone)):
            raise ValueError(
                f"backbone must be a name of enhance.BACKBONES or a Backbone, got {type(backbone).__name__}."
            )
        if autocast is not None and autocast not in (torch.bfloat16, torch.float16):
            raise ValueError(f"autocast must be None, torch.bfloat16 or torch.float16, got {autocast!r}.")
        name = backbone if isinstance(backbone, str) else backbone.name
        network = (
            backbone
            if isinstance(backbone, Backbone)
            else load(network_for(self.measure, name), weights, seed=seed, model=model, nodes=nodes)
        )
        object.__setattr__(self, "backbone", network)  # not a submodule: no parameters and no state of ours
        self.backbone: Backbone
        self.rule = rule_for(self.measure, name.partition("/")[0])
        self.layout, self.prefilter, self.reduction, self.check_range = layout, prefilter, reduction, check_range
        self.autocast = autocast
        self.rounding = self.rule.rounding if rounding == "published" else rounding

    def forward(self, image: Tensor, reference: Tensor | Prepared, smoothing: float = 0.0) -> Tensor:
        """The loss: mean over levels of the distance, 0 for equal images, lower is better. Differentiable in `image`.

        Args:
            image: (B, 3, H, W), RGB in [0, 1], at least 8 x 8; float32 (float64 after `.double()`); half precision is
                computed in float32.
            reference: the same shape, or (1, 3, H, W) for a batch of images, or what `prepare` returned.
            smoothing: by how much the gradient is smoothed for an optimiser's sake, see `smoothing.py`;
                the value stays exact.

        Returns:
            A scalar, or (B,) with reduction `none`.

        Raises:
            ValueError: for a wrong shape, range, dtype or device, or sizes that differ.
        """
        return REDUCTIONS[self.reduction](self.layers(image, reference, smoothing).mean(1))

    @torch.no_grad()
    def score(self, image: Tensor, reference: Tensor | Prepared) -> Tensor:
        """The published quality score log(1 + loss) ** 0.25 of each image, reduced over the batch; lower is better. No
        gradient.
        """
        return REDUCTIONS[self.reduction](self.scores(image, reference))

    @torch.no_grad()
    def scores(self, image: Tensor, reference: Tensor | Prepared) -> Tensor:
        """The score of each image, (B,), whatever the reduction."""
        loss = torch.cat([self.layers(*part).mean(1) for part in _in_parts(image, reference)]).clamp_min(0)
        return torch.log1p(loss) ** 0.25

    def layers(self, image: Tensor, reference: Tensor | Prepared, smoothing: float = 0.0) -> Tensor:
        """The distance of each level, (B, L): the image itself first, then the backbone's stages. Their mean is the
        loss.
        """
        image = checks.image("image", image, self.dtype, self.device, self.check_range)
        target = self.prepare(reference) if isinstance(reference, Tensor) else reference
        checks.pair(image, target, self)
        rule = smoothed(self.rule, smoothing)
        with torch.autocast(image.device.type, enabled=False):
            values = [
                level_distance(columns, level, rule)
                for columns, level in zip(self._columns(image), target.levels, strict=True)
            ]
        return torch.stack(values, 1)

    @torch.no_grad()
    def map(self, image: Tensor, reference: Tensor | Prepared) -> Tensor:
        """Where the images differ in the eyes of the measure: (B, H, W), which sums to each image's loss.

        A level is the mean of the distances of its columns. Each column's distance is shared out equally among the
        entries of the feature map that it is made of; what the channels of a position have received is its share. In
        the published layout that is the position itself wherever the channels are a multiple of 64, and rows spread
        over the image at the level of the pixels. A level is then enlarged to the image's size, bilinearly and so that
        its sum stays, and the levels are averaged.

        Args:
            image, reference: as in `forward`.

        Raises:
            ValueError: as `forward`.
        """
        image = checks.image("image", image, self.dtype, self.device, self.check_range)
        target = self.prepare(reference) if isinstance(reference, Tensor) else reference
        checks.pair(image, target, self)
        total = image.new_zeros(len(image), *image.shape[-2:])
        features = self._features(image)
        for level, prepared in zip(features, target.levels, strict=True):
            distances = column_distances(self._cut(level), prepared, self.rule) / prepared.columns.shape[-1]
            share = distances / self._cut(torch.ones_like(level)).sum(1).clamp_min(1)
            spread = self._scattered(level, share)
            large = functional.interpolate(spread[:, None], size=image.shape[-2:], mode="bilinear")[:, 0]
            kept = distances.sum(1) / large.sum((1, 2)).clamp_min(torch.finfo(large.dtype).tiny)
            total += large * kept[:, None, None] / len(features)
        return total

    def _scattered(self, level: Tensor, share: Tensor) -> Tensor:
        """Each column's share at the positions of its entries, summed over channels: (B, N) -> (B, H', W')."""
        with torch.enable_grad():  # cutting only picks entries: its derivative puts them back
            like = torch.zeros_like(level, requires_grad=True)
            columns = self._cut(like)
            (spread,) = torch.autograd.grad(columns, like, share[:, None].expand_as(columns))
        return spread.sum(1)

    @torch.no_grad()
    def prepare(self, reference: Tensor) -> Prepared:
        """Compute the reference's side of the distance once: (B, 3, H, W) in [0, 1] -> what is accepted wherever a
        reference is.
        """
        reference = checks.image("reference", reference, self.dtype, self.device, self.check_range)
        with torch.autocast(reference.device.type, enabled=False):
            levels = tuple(prepare_level(columns, self.rule) for columns in self._columns(reference.clone()))
        return Prepared(tuple(reference.shape), levels, self)

    def _columns(self, image: Tensor) -> list[Tensor]:
        """64-vectors of every level: (B, 3, H, W) -> a list of (B, 64, N)."""
        return [self._cut(level) for level in self._features(image)]

    def _features(self, image: Tensor) -> list[Tensor]:
        """The levels: the image as the measure sees it, then the backbone's feature maps."""
        if self.prefilter:
            factor = min(max(1, round(max(image.shape[-2:]) / 256)), *image.shape[-2:])
            image = functional.avg_pool2d(image, factor) if factor > 1 else image
        with torch.autocast(image.device.type, dtype=self.autocast, enabled=self.autocast is not None):
            maps = self.backbone(image)
        return [level.to(image.dtype) for level in (image, *maps)]

    def _cut(self, level: Tensor) -> Tensor:
        return LAYOUTS[self.layout](pad(level, self.rounding))

    @property
    def device(self) -> torch.device:
        """Where the backbone lies; images must lie there too."""
        return next(self.backbone.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the backbone; images must have it too."""
        return next(self.backbone.parameters()).dtype

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.backbone._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def extra_repr(self) -> str:
        return f"backbone={self.backbone.name!r}, weights={self.backbone.origin.name!r}, layout={self.layout!r}"


def _in_parts(image: Tensor, reference: Tensor | Prepared) -> list[tuple[Tensor, Tensor | Prepared]]:
    """A batch of pairs in parts that a processor's caches hold; anything else as it is."""
    if not (isinstance(image, Tensor) and image.device.type == "cpu" and image.dim() == 4 and image.shape[1] == 3):
        return [(image, reference)]
    if isinstance(reference, Prepared) and reference.shape[0] == 1:
        return [(part, reference) for part in image.split(_AT_ONCE)]
    if isinstance(reference, Tensor) and reference.shape == image.shape:
        return list(zip(image.split(_AT_ONCE), reference.split(_AT_ONCE), strict=True))
    return [(image, reference)]


class DeepWSD(DeepDistance):
    """Wasserstein distance between deep features; see `DeepDistance` for arguments and use."""

    measure = "deepwsd"


class DeepJSD(DeepDistance):
    """Jensen-Shannon divergence between deep features; see `DeepDistance` for arguments and use."""

    measure = "deepjsd"


class DeepSKLD(DeepDistance):
    """Symmetric Kullback-Leibler divergence between deep features; see `DeepDistance` for arguments and use."""

    measure = "deepskld"


METRICS: dict[str, type[DeepDistance]] = {kind.measure: kind for kind in (DeepWSD, DeepJSD, DeepSKLD)}
