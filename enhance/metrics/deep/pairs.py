"""What is compared: references prepared once, columns in pairs, masks of the levels, and batches in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from enhance.metrics import checks
from enhance.metrics.deep.folding import fold
from enhance.metrics.deep.fusion import PreparedLevels, level_distances
from enhance.metrics.deep.published import LevelSpec

_AT_ONCE = 2  # images of a batch that are scored together on a CPU


@dataclass(frozen=True)
class Prepared:
    """A reference whose side of the distance has been computed once; accepted wherever a reference is.

    Attributes:
        shape: of the reference, (B, 3, H, W).
        levels: its features, per group of levels that lie side by side.
        fingerprint: of the metric that prepared it: settings and weights.
    """

    shape: tuple[int, ...]
    levels: tuple[PreparedLevels, ...]
    fingerprint: str

    @property
    def device(self) -> torch.device:
        return self.levels[0].columns.device

    @property
    def dtype(self) -> torch.dtype:
        return self.levels[0].columns.dtype


def check_prepared(target: Prepared, image: Tensor, fingerprint: str | None) -> None:
    """Check that an image and a prepared reference belong together; a fingerprint of None is not compared.

    Raises:
        ValueError: if the reference was prepared by another metric, elsewhere, or for other sizes.
    """
    if not hasattr(target, "fingerprint"):
        raise ValueError(
            "reference must be a torch tensor (B, 3, H, W) or what metric.prepare returned, "
            f"got {type(target).__name__}.{checks.how_to_read('reference', target)}"
        )
    if fingerprint is not None and target.fingerprint != fingerprint:
        raise ValueError(
            "This reference was prepared by another metric; prepare it with the one that compares: "
            "metric.prepare(reference)."
        )
    if target.device != image.device or target.dtype != image.dtype:
        raise ValueError(
            f"The prepared reference is {target.dtype} on {target.device}, the image {image.dtype} on "
            f"{image.device}; the metric was moved since. "
            "Prepare the reference again."
        )
    checks.same_size(image, target.shape)


def masks_of_levels(mask: Tensor | None, features: list[Tensor]) -> list[Tensor] | None:
    """The mask averaged to the size of each level, (B or 1, 1, H', W')."""
    if mask is None:
        return None
    return [functional.interpolate(mask, size=level.shape[-2:], mode="area") for level in features]


def covered(masks: list[Tensor]) -> Tensor:
    """The share of each level that lies inside the mask, (B or 1, L)."""
    shares = torch.stack([mask.mean((1, 2, 3)) for mask in masks], 1)
    return shares.clamp_min(torch.finfo(shares.dtype).tiny)


def paired(
    features: list[Tensor], target: Prepared, masks: list[Tensor] | None, cut: Callable[[Tensor], Tensor]
) -> Iterator[tuple[Tensor, PreparedLevels]]:
    """The columns (64, B, N) of levels that lie side by side, and the reference's, which replace them outside a mask.

    Args:
        features: the levels of the image.
        target: the reference.
        masks: of the levels, or None.
        cut: a level -> its columns, (B, 64, N).
    """
    grouped = [prepared.sizes for prepared in target.levels]
    columns = fold(map(cut, features), grouped)
    if masks is None:
        return zip(columns, target.levels, strict=True)
    channels = zip(masks, features, strict=True)
    weights = fold((cut(mask.expand(-1, level.shape[1], -1, -1)) for mask, level in channels), grouped)
    masked = (
        torch.lerp(prepared.columns.expand_as(x), x, weight.expand_as(x))
        for x, prepared, weight in zip(columns, target.levels, weights, strict=True)
    )
    return zip(masked, target.levels, strict=True)


def symmetric_distances(x: Tensor, prepared: PreparedLevels, spec: LevelSpec) -> Tensor:
    """Distances of levels that lie side by side, (B, L), differentiable in the image and, if the reference asks for
    gradients, in the reference.
    """
    y = prepared.columns
    distances = level_distances(x, replace(prepared, columns=y.detach()), spec)
    if not y.requires_grad:
        return distances
    swapped = level_distances(y.expand_as(x), PreparedLevels(prepared.sizes, x.detach()), spec)
    return distances + (swapped - swapped.detach())  # the measure is symmetric; the value stays the same exactly


Part = tuple[Tensor, "Tensor | Prepared", "Tensor | None"]


def in_parts(image: Tensor, reference: Tensor | Prepared, mask: Tensor | None) -> list[Part]:
    """A batch of pairs in parts that a processor's caches hold; anything else as it is."""
    whole = mask is not None or not isinstance(image, Tensor) or image.device.type != "cpu"
    if whole or image.dim() != 4 or image.shape[1] != 3 or len(image) <= _AT_ONCE:
        return [(image, reference, mask)]
    if isinstance(reference, Prepared) and reference.shape[0] == 1:
        return [(part, reference, None) for part in image.split(_AT_ONCE)]
    if isinstance(reference, Tensor) and reference.shape == image.shape:
        pairs = zip(image.split(_AT_ONCE), reference.split(_AT_ONCE), strict=True)
        return [(part, other, None) for part, other in pairs]
    return [(image, reference, None)]
