"""Exact one-dimensional Wasserstein distances on the integer grid, without sorting.

With F and G the cumulative masses of two vectors *without their last entry*, the distance to the power p is a sum over
lags,

    W = sum_i |F_i - G_i| + sum_{k>=1} c_k sum_i [ (F_i - G_{i+k})+ + (G_i - F_{i+k})+ ],    c_k = (k+1)^p - 2 k^p +
    (k-1)^p,

for unequal masses too. F and G rise, so the first lag at which every bracket is zero ends the sum. For p = 1 only the
first term remains; for p = 2 all c_k are 2 and W is linear with small integer factors between ties, so that counting
comparisons gives both W and its exact gradient.

Vectors run along dimension 0 of a (n, columns) matrix, so every operation is contiguous over the columns.
"""

from __future__ import annotations

import torch
from torch import Tensor


def cumulative(mass: Tensor) -> Tensor:
    """Cumulative masses without the last entry: (n, columns) -> (n - 1, columns)."""
    total = mass[:-1].clone()
    for row in range(1, len(total)):  # row by row, since torch.cumsum strides down each column
        total[row] += total[row - 1]
    return total


def distance(f: Tensor, g: Tensor, p: float, gradient: bool) -> tuple[Tensor, Tensor | None]:
    """W_p^p of each column and, if asked for, its gradient with respect to the masses whose cumulative sums are `f`.

    Args:
        f, g: cumulative masses (n - 1, columns), non-decreasing along dimension 0 (see `cumulative`).
        p: order, at least 1.
        gradient: whether to return the gradient.

    Returns:
        (columns,) and (n, columns) or None.
    """
    if p == 1:
        difference = f - g
        value, slope = difference.abs().sum(0), difference.sign() if gradient else None
    elif p == 2:
        value, slope = _by_counting(f, g)
    else:
        value, slope = _by_lags(f, g, p, gradient)
    return value, to_masses(slope) if gradient and slope is not None else None


def _by_counting(f: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """p = 2: W = sum(s F + t G), integer s = dW/dF and t = dW/dG, rearranged as s (F - G) + (s + t) G against rounding.

    The comparisons are written as numbers: for a processor that is several times faster than as booleans.
    """
    difference = f - g
    s = difference.sign().mul_(0.5)
    t = s.neg()
    buffer = torch.empty_like(f)
    for lag in range(1, len(f)):
        compared = buffer[:-lag]
        torch.gt(f[:-lag], g[lag:], out=compared)
        s[:-lag] += compared
        t[lag:] -= compared
        torch.gt(g[:-lag], f[lag:], out=compared)
        s[lag:] -= compared
        t[:-lag] += compared
    value = difference.mul_(s).add_(t.add_(s).mul_(g)).sum(0).mul_(2)
    return value, s.mul_(2)


def _by_lags(f: Tensor, g: Tensor, p: float, gradient: bool) -> tuple[Tensor, Tensor | None]:
    difference = f - g
    value, slope = difference.abs().sum(0), difference.sign() if gradient else None
    for lag in range(1, len(f)):
        ahead, behind = (f[:-lag] - g[lag:]).clamp_min_(0), (g[:-lag] - f[lag:]).clamp_min_(0)
        if f.device.type == "cpu" and not (ahead.any() or behind.any()):
            break
        weight = (lag + 1) ** p - 2 * lag**p + (lag - 1) ** p
        value += weight * (ahead.sum(0) + behind.sum(0))
        if slope is not None:
            slope[:-lag].add_((ahead > 0).to(f.dtype), alpha=weight)
            slope[lag:].sub_((behind > 0).to(f.dtype), alpha=weight)
    return value, slope


def to_masses(slope: Tensor) -> Tensor:
    """Gradient in the cumulative masses -> gradient in the masses: entry j moves every cumulative mass from j on."""
    out = slope.new_zeros((len(slope) + 1, *slope.shape[1:]))
    for row in range(len(slope) - 1, -1, -1):
        torch.add(out[row + 1], slope[row], out=out[row])
    return out
