"""What is compared: references prepared once, masks of the levels, and batches in parts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from enhance.metrics.deep.fusion import PreparedLevels

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


def masks_of_levels(mask: Tensor | None, features: list[Tensor]) -> list[Tensor] | None:
    """The mask averaged to the size of each level, (B or 1, 1, H', W')."""
    if mask is None:
        return None
    return [functional.interpolate(mask, size=level.shape[-2:], mode="area") for level in features]


def covered(masks: list[Tensor]) -> Tensor:
    """The share of each level that lies inside the mask, (B or 1, L)."""
    shares = torch.stack([mask.mean((1, 2, 3)) for mask in masks], 1)
    return shares.clamp_min(torch.finfo(shares.dtype).tiny)


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
