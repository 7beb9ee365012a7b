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

from enhance.metrics.deep.measures import Prepared, apply_measure
from enhance.metrics.deep.published import LevelSpec
from enhance.metrics.first_order import anchor, first_order

_BLOCK = 8192  # columns: large enough to share an operation among threads, small enough for their caches


@dataclass(frozen=True)
class PreparedLevel:
    """The reference's side of one level.

    Attributes:
        columns: the 64-vectors (B, 64, N).
        distributions: what the measure sees of them, per image (64, N).
        measured: what the measure has prepared from the distributions, per image.
    """

    columns: Tensor
    distributions: tuple[Tensor, ...]
    measured: tuple[Prepared, ...]


def omega(d: Tensor, eps: float) -> Tensor:
    """Weight of the squared difference, 1 / (sqrt(exp(-1 / (d + c))) (d + c)^2). Source: the published code."""
    shifted = d + eps
    return (0.5 / shifted).exp() / shifted**2


def prepare_level(columns: Tensor, spec: LevelSpec) -> PreparedLevel:
    """Compute the reference's side of a level from its columns (B, 64, N)."""
    if spec.distributions == "softmax":
        return PreparedLevel(columns, tuple(torch.softmax(columns, -1)), ())
    # One by one, as the images are: a sum over a batch is rounded otherwise, and equal images would not be equal.
    seen = [image * image * _scale(image) if spec.distributions == "squared" else image for image in columns]
    return PreparedLevel(columns, (), tuple(spec.measure.prepare(image) for image in seen))


def level_distance(columns: Tensor, prepared: PreparedLevel, spec: LevelSpec) -> Tensor:
    """Distance of each image's level to the reference's: (B, 64, N) -> (B,). A reference of one image serves the whole
    batch.
    """
    images = [
        _softmax_distances(columns[image], prepared, image, spec).mean()
        if spec.distributions == "softmax"
        else _FusedDistance.apply(columns[image], anchor(columns), prepared, image, spec)
        for image in range(len(columns))
    ]
    return torch.stack(images)  # type: ignore[arg-type]


@torch.no_grad()
def column_distances(columns: Tensor, prepared: PreparedLevel, spec: LevelSpec) -> Tensor:
    """The distance of every column, (B, 64, N) -> (B, N); its mean over the columns is the level's."""
    return torch.stack([_column_distances(columns[image], prepared, image, spec) for image in range(len(columns))])


def _column_distances(columns: Tensor, prepared: PreparedLevel, image: int, spec: LevelSpec) -> Tensor:
    if spec.distributions == "softmax":
        return _softmax_distances(columns, prepared, image, spec)
    reference = image % len(prepared.columns)
    distributions = columns * columns * _scale(columns) if spec.distributions == "squared" else columns
    d, _ = spec.measure.compare(distributions, prepared.measured[reference], False)
    return _fuse(d, columns, prepared.columns[reference], spec.eps)[0]


def _softmax_distances(columns: Tensor, prepared: PreparedLevel, image: int, spec: LevelSpec) -> Tensor:
    """A softmax over all columns ties the blocks together, so autograd computes this gradient."""
    reference = image % len(prepared.columns)
    d = apply_measure(spec.measure, torch.softmax(columns, -1), prepared.distributions[reference], dim=0)
    if spec.eps is not None:
        d = d + (columns - prepared.columns[reference]).square().sum(0) * omega(d, spec.eps)
    return d


def _scale(columns: Tensor) -> Tensor:
    """1 / (sum of the level + 1e-6), which turns squared features into distributions: (64, N) -> (1, 1).

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
    def forward(
        ctx: Any, columns: Tensor, anchor: Tensor, prepared: PreparedLevel, image: int, spec: LevelSpec
    ) -> Tensor:
        wants_gradient = ctx.needs_input_grad[0]
        reference = image % len(prepared.columns)
        squared = spec.distributions == "squared"
        scale = _scale(columns) if squared else columns.new_ones(1, 1)
        grad = torch.empty_like(columns) if wants_gradient else None

        def compare(block: slice) -> tuple[Tensor, Tensor]:
            """Sum over a block's columns of the distance, and of what a change of all distributions together weighs."""
            x = columns[:, block]
            distributions = x * x * scale if squared else x
            measured = tuple(tensor[:, block] for tensor in prepared.measured[reference])
            d, d_grad = spec.measure.compare(distributions, measured, wants_gradient)
            fused, d_weight, e_grad = _fuse(d, x, prepared.columns[reference, :, block], spec.eps)
            distribution_grad = scale
            if grad is not None and d_grad is not None:
                if (
                    squared
                ):  # distributions x^2 s, s = 1 / (sum of all x): 2 x s each, and -s times that of all together
                    d_grad *= x
                    d_weight *= 2 * scale[0]
                    distribution_grad = (d_weight * (d_grad * x).sum(0)).sum() / 2
                torch.addcmul(e_grad, d_grad, d_weight, out=grad[:, block])
            return fused.sum(), distribution_grad

        totals, distribution_grads = zip(*map(compare, _blocks(columns)), strict=True)
        ctx.shift = -(torch.stack(distribution_grads).sum() * scale[0, 0]) if squared else None
        ctx.count = columns.shape[-1]
        ctx.save_for_backward(grad, anchor)
        return torch.stack(totals).sum() / ctx.count

    @staticmethod
    @first_order
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None, None, None, None]:
        grad, _ = ctx.saved_tensors
        weight = grad_output / ctx.count
        gradient = grad * weight if ctx.shift is None else torch.addcmul(ctx.shift * weight, grad, weight)
        return gradient, None, None, None, None


def _fuse(d: Tensor, x: Tensor, y: Tensor, eps: float | None) -> tuple[Tensor, Tensor, Tensor]:
    """d + E omega(d) of each column with its derivatives: (columns,), in d (columns,), and in x through E (64,
    columns).
    """
    if eps is None:
        return d, torch.ones_like(d), x.new_zeros(())
    difference = x - y
    energy = (difference * difference).sum(0)
    weight = omega(d, eps)
    shifted = d + eps
    in_d = 1 - energy * weight * (0.5 / shifted + 2) / shifted
    return d + energy * weight, in_d, difference.mul_(2 * weight)
