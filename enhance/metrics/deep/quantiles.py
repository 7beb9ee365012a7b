"""The Wasserstein distance between quantile functions, as POT's `wasserstein_1d` computes it."""

from __future__ import annotations

import torch
from torch import Tensor


def quantile_distance(x: Tensor, y: Tensor, p: float) -> Tensor:
    """The p-Wasserstein distance to the power p between the columns of two (n, N) matrices on the grid 0..n-1: (N,).

    The integral over q of |F^-1(q) - G^-1(q)|^p, where F and G are the running sums of a column. Entries of either
    sign are accepted: running sums are then in no order, and a quantile is where a binary search in them ends. That has
    no meaning as a distance, but it is what was published for MobileNet, to the last bit.

    Example:
        >>> quantile_distance(torch.tensor([[1.0], [0.0], [0.0]]), torch.tensor([[0.0], [0.0], [1.0]]), 2)
        tensor([4.])
    """
    sums = [column.cumsum(0) for column in (x, y)]
    levels = torch.cat(sums).sort(0).values
    f, g = (_quantiles(levels, each) for each in sums)
    widths = levels.diff(dim=0, prepend=torch.zeros_like(levels[:1]))
    return (widths * (f - g).abs().to(x.dtype).pow(p)).sum(0)


def _quantiles(levels: Tensor, sums: Tensor) -> Tensor:
    found = torch.searchsorted(sums.detach().T.contiguous(), levels.detach().T.contiguous())
    return found.T.clamp(0, len(sums) - 1)
