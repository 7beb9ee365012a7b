"""Exact one-dimensional Wasserstein distances on the integer grid, without sorting.

With F and G the cumulative distributions of two vectors *without their last entry*, walk up all these levels in
ascending order, u_1 <= u_2 <= ..., and let d be how many of F have been passed minus how many of G: how far apart the
two quantile functions are between two levels. The distance to the power p is

    W = sum_m (u_{m+1} - u_m) |d_m|^p = sum_m u_m (|d_{m-1}|^p - |d_m|^p),

for unequal totals too. Level F_i is passed when i others of F and some number of G have been: if it comes at place m of
the walk (from 0) then d goes from 2i - m to 2i - m + 1. So W is linear in F and G with factors that follow from the
places alone, and the factors are the gradient. The same holds for G by symmetry.

The places come from merging two sorted lists (Batcher's bitonic merge): log2(2n) rounds of comparing and exchanging
whole rows. Vectors run along dimension 0 of a (n, columns) matrix, so every operation is contiguous over the columns.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from enhance.metrics.deep import folding
from enhance.metrics.deep.writing import write

_BITS = {torch.float32: torch.int32, torch.float64: torch.int64}


def cumulative(values: Tensor) -> Tensor:
    """Cumulative distributions without the last entry: (n, columns) -> (n - 1, columns)."""
    return _running_sum(values[:-1])


def from_cumulative(grad: Tensor) -> Tensor:
    """The gradient in distributions of one in the cumulative ones: entry j moves every cumulative entry from j on."""
    out = grad.new_empty((len(grad) + 1, *grad.shape[1:]))
    out[0] = 0
    if len(grad):
        below = _running_sum(grad)
        write(out[1:], torch.sub, below[-1], below)
        out[0] = below[-1]
    return out


def _running_sum(rows: Tensor) -> Tensor:
    """Sum of the rows up to each; on a CPU within groups of rows first, then group by group, which is faster there.

    Non-decreasing for non-negative rows, as a sum in parts need not be: to each row of a group the same is added.
    """
    if not folding.cached(rows.device):
        return rows.cumsum(0)
    group = math.isqrt(len(rows)) + 1
    sums = torch.empty_like(rows)
    sums[::group] = rows[::group]
    for row in range(1, min(group, len(rows))):
        of_groups = rows[row::group]
        write(sums[row::group], torch.add, of_groups, sums[row - 1 :: group][: len(of_groups)])
    for start in range(group, len(rows), group):
        sums[start : start + group].add_(sums[start - 1])
    return sums


def distance(
    f: Tensor, g: Tensor, p: float, gradient: bool, keys: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """W_p^p of each column and, if asked for, its gradient in the distributions whose cumulative sums are `f`.

    Args:
        f, g: cumulative distributions (n - 1, columns), non-decreasing along dimension 0 (see `cumulative`).
        p: order, at least 1.
        gradient: whether to return the gradient. Where f and g are equal in a row it is the symmetric one.
        keys: `reversed_keys(g)`, where it is known.

    Returns:
        (columns,) and (n, columns) or None.
    """
    difference = f - g
    if p == 1:
        return difference.abs().sum(0), from_cumulative(difference.sign_()) if gradient else None
    rank_f, rank_g = rank_differences(f, reversed_keys(g) if keys is None else keys)
    # sum(grad_f F + grad_g G), written so that nothing is left where F and G agree
    if p == 2:  # gradients -2 d - 1 are small integers
        grad_f = (-2 * rank_f).sub_(1)
        terms = grad_f * difference
        terms.addcmul_(rank_g.add_(rank_f).add_(1).to(f.dtype), g, value=-2)
    else:
        grad_f, grad_g = ((d := rank.to(f.dtype)).abs().pow(p) - (d + 1).abs().pow(p) for rank in (rank_f, rank_g))
        terms = grad_g.add_(grad_f).mul_(g).addcmul_(grad_f, difference)
    value = terms.sum(0)
    if not gradient:
        return value, None
    return value, from_cumulative(grad_f.mul_(difference != 0).to(f.dtype))


def rank_differences(f: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """How many of the own list have been passed minus how many of the other when an entry comes, for each entry of two
    ascending lists: (n, columns) and the other's `reversed_keys` keys -> two of (n, columns), of small integers.

    Two ascending lists, the second turned round, rise and then fall. Exchanging entries half the length apart wherever
    they descend leaves the lower half of the union in front and the upper behind, each again of that kind; and so on
    with the halves. Walking back through the exchanges gives the place that every entry has in the union. Exchanges are
    masks of bits and places small integers, a quarter of the memory of what is compared.
    """
    size, rows = len(keys), len(f)
    small = torch.int8 if size <= 64 else torch.int32
    front, back = _distinct(f, size)[None], keys[None]
    exchanges = [_descends(front, back, small)]
    buffers = [f.new_empty((2 * size, f.shape[-1])) for _ in range(2)]
    step = size
    while step > 1:
        merged = buffers[0].view(-1, 2, step, front.shape[-1])
        write(merged[:, 0], torch.minimum, front, back)
        write(merged[:, 1], torch.maximum, front, back)
        step //= 2
        front, back = merged.view(-1, 2, step, front.shape[-1]).unbind(1)
        exchanges.append(_descends(front, back, small))
        buffers.reverse()
    last = exchanges.pop()
    even = torch.arange(0, 2 * size, 2, dtype=small, device=f.device)[:, None]
    place = torch.stack((-last, last + 1), 1).add_(even[:, None, None])
    while exchanges:
        step *= 2
        front, back = place.view(-1, 2, step, place.shape[-1]).unbind(1)
        swapped = exchanges.pop().bitwise_and_(front ^ back)
        place = torch.empty_like(place).view(-1, 2, step, place.shape[-1])
        write(place[:, 0], torch.bitwise_xor, front, swapped)
        write(place[:, 1], torch.bitwise_xor, back, swapped)
    twice = even[:rows]  # an entry at place m of which i are its own has seen m - i of the other
    return twice - place[0, 0, :rows], twice - place[0, 1].flip(0)[:rows]


def reversed_keys(levels: Tensor) -> Tensor:
    """The keys of the second list of `rank_differences` (see `_distinct`) in reverse order, filled up
    to a power of two.
    """
    size = 1 << (len(levels) - 1).bit_length() if len(levels) else 1
    return _distinct(levels, size).flip(0)


def _descends(front: Tensor, back: Tensor, dtype: torch.dtype) -> Tensor:
    """-1, all bits set, where the entry in front is greater than the one behind, else 0."""
    descends = front > back
    return (descends.view(dtype) if dtype == torch.int8 else descends.to(dtype)).neg_()


def _distinct(levels: Tensor, size: int) -> Tensor:
    """Ascending levels made strictly ascending, and filled up to `size` rows with infinities.

    The bits of a non-negative float order as integers do; raising row i by i units in the last place, no more than the
    rounding of a cumulative sum, keeps the order within a list where entries are zero and lets the earlier row come
    first where the two lists tie.
    """
    keys = levels.new_empty((size, *levels.shape[1:]))
    keys[len(levels) :] = torch.inf
    bits = _BITS[levels.dtype]
    index = torch.arange(len(levels), dtype=bits, device=levels.device)[:, None]
    write(keys[: len(levels)].view(bits), torch.add, levels.view(bits), index)
    return keys
