"""How the images of a pyramid become one of full size: the same sums in a form for processors and one for accelerators.

A processor runs torch's own enlargement, whose derivative adds up in a fixed order there. On a GPU that derivative adds
up in any order, so two runs would differ in their last digits; and each of some fifty small operators takes longer to
launch than to compute. There the sums are matrix products, few of them, whose order is fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

_OCTAVES = 4


class Sums(Protocol):
    """Differentiable sums of images (B, C, H, W)."""

    def levels(self, levels: Sequence[Tensor]) -> Tensor:
        """The sum of images, each but the last with the sum of those after it, bilinearly enlarged to its size."""
        ...

    def banded(self, image: Tensor, gains: Tensor, bands: Tensor) -> Tensor:
        """An image plus bands (K, B, C, H, W) times their gains (K, B, C, 1, 1)."""
        ...


class Stencils:
    """Sums by torch's own operators."""

    def levels(self, levels: Sequence[Tensor]) -> Tensor:
        total = levels[-1]
        for level in reversed(levels[:-1]):
            total = level + enlarged(total, level)
        return total

    def banded(self, image: Tensor, gains: Tensor, bands: Tensor) -> Tensor:
        for gain, band in zip(gains, bands, strict=True):
            image = torch.addcmul(image, gain, band)
        return image


class Products:
    """Sums by matrix products. Bilinear enlargement is a matrix for the rows times the image times one for the columns.

    Args:
        levels: of the sizes that will be summed.
    """

    def __init__(self, levels: Sequence[Tensor]) -> None:
        like = levels[0]
        heights, widths = zip(*(level.shape[-2:] for level in levels), strict=True)
        self._rows = torch.cat([torch.empty(heights[0], 0), *_matrices(heights)], 1).to(like.dtype).to(like.device)
        self._columns = [matrix.T.contiguous().to(like.dtype).to(like.device) for matrix in _matrices(widths)]

    def levels(self, levels: Sequence[Tensor]) -> Tensor:
        full, *reduced = (level.flatten(0, 1) for level in levels)
        if not reduced:
            return levels[0]
        pairs = zip(reduced, self._columns, strict=True)
        widened = torch.cat([torch.bmm(level, columns.expand(len(full), -1, -1)) for level, columns in pairs], 1)
        total = torch.baddbmm(full, self._rows.expand(len(full), -1, -1), widened)
        return total.unflatten(0, levels[0].shape[:2])

    def banded(self, image: Tensor, gains: Tensor, bands: Tensor) -> Tensor:
        by_image = bands.flatten(3).flatten(1, 2).transpose(0, 1)  # (B C, K, H W)
        weights = gains.flatten(1).T[:, None]  # (B C, 1, K)
        return torch.baddbmm(image.flatten(2).flatten(0, 1)[:, None], weights, by_image).reshape(image.shape)


def sums_for(levels: Sequence[Tensor]) -> Sums:
    """The form that suits the device of the levels."""
    return Stencils() if levels[0].device.type == "cpu" else Products(levels)


def enlarged(image: Tensor, like: Tensor) -> Tensor:
    """An image, bilinearly enlarged to the size of another."""
    return functional.interpolate(image, size=like.shape[-2:], mode="bilinear", align_corners=False)


def octaves(image: Tensor) -> Tensor:
    """The finest four octaves of an image, finest first: (B, 3, H, W) -> (4, B, 3, H, W)."""
    rest, reduced, bands = image, image, []
    for _ in range(_OCTAVES):
        reduced = functional.avg_pool2d(reduced, 2, ceil_mode=True)
        smooth = enlarged(reduced, image)
        bands.append(rest - smooth)
        rest = smooth
    return torch.stack(bands)


def _matrices(sides: Sequence[int]) -> list[Tensor]:
    """Enlargement of a column of each length but the first to the first, by way of all lengths between: (n, m) each."""
    found: list[Tensor] = []
    for large, small in pairwise(sides):
        unit = torch.eye(small, dtype=torch.float64)[None]  # a channel for each entry
        step = functional.interpolate(unit, size=large, mode="linear", align_corners=False)[0].T
        found.append(found[-1] @ step if found else step)
    return found
