"""One level's distance: per column the measure d fused with the squared difference E as d + E omega(d), averaged over
columns.

The gradient is found in closed form during the forward pass, block by block so that every temporary stays in the
processor's cache, and it is all that is kept for the backward pass: measuring costs a few sweeps over the features,
little beside the network itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from enhance.metrics.deep.measures import Prepared, between
from enhance.metrics.deep.published import Rule
from enhance.metrics.first_order import anchor, first_order

_BLOCK = 8192  # columns: large enough to share an operation among threads, small enough for their caches


@dataclass(frozen=True)
class PreparedLevel:
    """The reference's side of one level.

    Attributes:
        columns: the 64-vectors (B, 64, N).
        masses: what the measure sees of them, per image (64, N).
        measured: what the measure has prepared from the masses, per image.
    """

    columns: Tensor
    masses: tuple[Tensor, ...]
    measured: tuple[Prepared, ...]


def omega(d: Tensor, damping: float) -> Tensor:
    """Weight of the squared difference, 1 / (sqrt(exp(-1 / (d + c))) (d + c)^2). Source: the published code."""
    shifted = d + damping
    return (0.5 / shifted).exp() / shifted**2


def prepare_level(columns: Tensor, rule: Rule) -> PreparedLevel:
    """Compute the reference's side of a level from its columns (B, 64, N)."""
    if rule.masses == "softmax":
        return PreparedLevel(columns, tuple(torch.softmax(columns, -1)), ())
    # One by one, as the images are: a sum over a batch is rounded otherwise, and equal images would not be equal.
    seen = [image * image * _scale(image) if rule.masses == "squared" else image for image in columns]
    return PreparedLevel(columns, (), tuple(rule.measure.prepare(image) for image in seen))


def level_distance(columns: Tensor, prepared: PreparedLevel, rule: Rule) -> Tensor:
    """Distance of each image's level to the reference's: (B, 64, N) -> (B,). A reference of one image serves the whole
    batch.
    """
    images = [
        _softmax_distances(columns[image], prepared, image, rule).mean()
        if rule.masses == "softmax"
        else _FusedDistance.apply(columns[image], anchor(columns), prepared, image, rule)
        for image in range(len(columns))
    ]
    return torch.stack(images)  # type: ignore[arg-type]


@torch.no_grad()
def column_distances(columns: Tensor, prepared: PreparedLevel, rule: Rule) -> Tensor:
    """The distance of every column, (B, 64, N) -> (B, N); its mean over the columns is the level's."""
    return torch.stack([_column_distances(columns[image], prepared, image, rule) for image in range(len(columns))])


def _column_distances(columns: Tensor, prepared: PreparedLevel, image: int, rule: Rule) -> Tensor:
    if rule.masses == "softmax":
        return _softmax_distances(columns, prepared, image, rule)
    reference = image % len(prepared.columns)
    masses = columns * columns * _scale(columns) if rule.masses == "squared" else columns
    d, _ = rule.measure.compare(masses, prepared.measured[reference], False)
    return _fuse(d, columns, prepared.columns[reference], rule.damping)[0]


def _softmax_distances(columns: Tensor, prepared: PreparedLevel, image: int, rule: Rule) -> Tensor:
    """A softmax over all columns ties the blocks together, so this rule is left to autograd."""
    reference = image % len(prepared.columns)
    d = between(rule.measure, torch.softmax(columns, -1), prepared.masses[reference], dim=0)
    if rule.damping is not None:
        d = d + (columns - prepared.columns[reference]).square().sum(0) * omega(d, rule.damping)
    return d


def _scale(columns: Tensor) -> Tensor:
    """1 / (sum of the level + 1e-6), which turns squared features into masses: (64, N) -> (1, 1).

    Summed block by block, each small enough for one thread: how many threads there are does not change the rounding.
    """
    sums = columns.sum(0)
    total = torch.stack([sums[block].sum() for block in _blocks(columns)]).sum()
    return (total + 1e-6).reciprocal().view(1, 1)


def _blocks(columns: Tensor) -> list[slice]:
    count = columns.shape[-1]
    size = _BLOCK if columns.device.type == "cpu" else count
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


class _FusedDistance(torch.autograd.Function):
    """Columns of one image (64, N) -> its mean fused distance, a scalar."""

    @staticmethod
    def forward(ctx: Any, columns: Tensor, anchor: Tensor, prepared: PreparedLevel, image: int, rule: Rule) -> Tensor:
        wants_gradient = ctx.needs_input_grad[0]
        reference = image % len(prepared.columns)
        squared = rule.masses == "squared"
        scale = _scale(columns) if squared else columns.new_ones(1, 1)
        slope = torch.empty_like(columns) if wants_gradient else None

        def compare(block: slice) -> tuple[Tensor, Tensor]:
            """Sum over a block's columns of the distance, and of what a change of all masses together weighs."""
            x = columns[:, block]
            masses = x * x * scale if squared else x
            measured = tuple(tensor[:, block] for tensor in prepared.measured[reference])
            d, d_slope = rule.measure.compare(masses, measured, wants_gradient)
            fused, d_weight, e_slope = _fuse(d, x, prepared.columns[reference, :, block], rule.damping)
            mass_slope = scale
            if slope is not None and d_slope is not None:
                if squared:  # masses x^2 s, s = 1 / (sum of all x): 2 x s each, and -s times that of all together
                    d_slope *= x
                    d_weight *= 2 * scale[0]
                    mass_slope = (d_weight * (d_slope * x).sum(0)).sum() / 2
                torch.addcmul(e_slope, d_slope, d_weight, out=slope[:, block])
            return fused.sum(), mass_slope

        totals, mass_slopes = zip(*map(compare, _blocks(columns)), strict=True)
        ctx.shift = -(torch.stack(mass_slopes).sum() * scale[0, 0]) if squared else None
        ctx.count = columns.shape[-1]
        ctx.save_for_backward(slope, anchor)
        return torch.stack(totals).sum() / ctx.count

    @staticmethod
    @first_order
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None, None, None, None]:
        slope, _ = ctx.saved_tensors
        weight = grad_output / ctx.count
        gradient = slope * weight if ctx.shift is None else torch.addcmul(ctx.shift * weight, slope, weight)
        return gradient, None, None, None, None


def _fuse(d: Tensor, x: Tensor, y: Tensor, damping: float | None) -> tuple[Tensor, Tensor, Tensor]:
    """d + E omega(d) of each column with its derivatives: (columns,), in d (columns,), and in x through E (64,
    columns).
    """
    if damping is None:
        return d, torch.ones_like(d), x.new_zeros(())
    difference = x - y
    energy = (difference * difference).sum(0)
    weight = omega(d, damping)
    shifted = d + damping
    in_d = 1 - energy * weight * (0.5 / shifted + 2) / shifted
    return d + energy * weight, in_d, difference.mul_(2 * weight)
