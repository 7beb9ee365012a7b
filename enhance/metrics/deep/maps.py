"""Where images differ by a deep measure: the distances of columns at the positions that they are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional


def spread(
    features: Sequence[Tensor],
    distances: Iterable[Tensor],
    cut: Callable[[Tensor], Tensor],
    size: Sequence[int],
    inside: Tensor | None,
) -> Tensor:
    """The map of a distance, (B, H, W), which sums to each image's loss; see `DeepDistance.map`.

    Args:
        features: the levels, (B, C, H', W').
        distances: of the columns of each level, (B, N).
        cut: a level -> its columns, (B, 64, N).
        size: of the image, (H, W).
        inside: the share of each level that lies inside a mask, (B or 1, L); None: there is no mask.
    """
    total = features[0].new_zeros(len(features[0]), *size)
    for index, (level, columns) in enumerate(zip(features, distances, strict=True)):
        columns = columns / columns.shape[-1]
        share = columns / cut(torch.ones_like(level)).sum(1).clamp_min(1)
        large = functional.interpolate(_scattered(level, share, cut)[:, None], size=list(size), mode="bilinear")[:, 0]
        columns = columns if inside is None else columns / inside[:, index, None]
        kept = columns.sum(1) / large.sum((1, 2)).clamp_min(torch.finfo(large.dtype).tiny)
        total += large * kept[:, None, None] / len(features)
    return total


def _scattered(level: Tensor, share: Tensor, cut: Callable[[Tensor], Tensor]) -> Tensor:
    """Each column's share at the positions of its entries, summed over channels: (B, N) -> (B, H', W')."""
    with torch.enable_grad():  # cutting only picks entries: its derivative puts them back
        like = torch.zeros_like(level, requires_grad=True)
        columns = cut(like)
        (found,) = torch.autograd.grad(columns, like, share[:, None].expand_as(columns))
    return found.sum(1)
