"""The distance of each image and level: per column the measure d fused with the squared difference E as d +
E omega(d), averaged over columns.

The gradient is found in closed form during the forward pass, and it is all that is kept for the backward pass. Columns
are independent of each other, so that blocks of them bound the memory: see `enhance.metrics.deep.folding`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from enhance.metrics.deep import folding
from enhance.metrics.deep.folding import Sizes
from enhance.metrics.deep.kernels import uses_triton
from enhance.metrics.deep.measures import apply_measure
from enhance.metrics.deep.published import LevelSpec
from enhance.metrics.deep.smoothing import SmoothedWasserstein
from enhance.metrics.deep.writing import write
from enhance.metrics.first_order import anchor, applied, first_order


@dataclass(frozen=True)
class PreparedLevels:
    """The reference's side of levels that lie side by side.

    Attributes:
        sizes: number of columns of each level.
        columns: the 64-vectors (64, B, N).
        measured: what depends on the reference alone, each tensor (..., B, N); empty: to be computed in the comparison.
    """

    sizes: Sizes
    columns: Tensor
    measured: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class Compared:
    """What a comparison of columns finds.

    Attributes:
        distances: of each column, (B, N).
        gradient: of the sum of the distances in the columns, (64, B, N), if asked for; without what a change of `scale`
            contributes.
        shift: of each image and level, (B, L): what the gradient lacks, the same at each entry of the level; None where
            there is no scale.
    """

    distances: Tensor
    gradient: Tensor | None = None
    shift: Tensor | None = None


def omega(d: Tensor, eps: float) -> Tensor:
    """Weight of the squared difference, 1 / (sqrt(exp(-1 / (d + c))) (d + c)^2). Source: the published code."""
    shifted = d + eps
    return (0.5 / shifted).exp() / shifted**2


def prepare_levels(columns: Tensor, sizes: Sizes, spec: LevelSpec) -> PreparedLevels:
    """Compute the reference's side of levels from a copy of their columns (64, B, N)."""
    columns = _like(columns).copy_(columns)
    if spec.distributions == "softmax":
        return PreparedLevels(sizes, columns, (_softmax(columns, sizes),))
    if uses_triton(spec, columns):  # the kernel takes the columns as they are
        return PreparedLevels(sizes, columns)
    batch, count = columns.shape[1:]
    scale = _scales(columns, sizes) if spec.distributions == "squared" else None
    given = (columns, None if scale is None else folding.spread(scale, sizes))
    blocks = [spec.measure.prepare(_distributions(*part)) for part in folding.blocks(batch, given)]
    measured = (folding.side_by_side(same).unflatten(-1, (batch, count)) for same in zip(*blocks, strict=True))
    return PreparedLevels(sizes, columns, tuple(measured))


def level_distances(columns: Tensor, prepared: PreparedLevels, spec: LevelSpec) -> Tensor:
    """Distance of each image's levels to the reference's: (64, B, N) -> (B, L). A reference of one image serves the
    whole batch. Differentiable once, in `columns`.
    """
    sizes = prepared.sizes
    if spec.distributions == "softmax":
        return folding.divided(folding.sums(_softmax_distances(columns, prepared, spec), sizes), sizes)
    gradient = torch.is_grad_enabled() and columns.requires_grad
    given = (columns, anchor(columns), prepared.columns, *prepared.measured)
    return applied(_FusedDistance, spec, sizes, gradient, *given)[0]


@torch.no_grad()
def column_distances(columns: Tensor, prepared: PreparedLevels, spec: LevelSpec) -> tuple[Tensor, ...]:
    """The distance of every column, (B, columns of the level) for each level; its mean is the level's."""
    if spec.distributions == "softmax":
        distances = _softmax_distances(columns, prepared, spec)
    else:
        distances = compare(columns, prepared, spec, False).distances
    return distances.split(prepared.sizes, -1)


def compare(x: Tensor, prepared: PreparedLevels, spec: LevelSpec, gradient: bool) -> Compared:
    """Distances of columns (64, B, N) to the reference's and, if asked for, their gradient."""
    sizes, y, measured = prepared.sizes, prepared.columns, prepared.measured
    fused = uses_triton(spec, x)
    scale = x_scale = y_scale = None
    if spec.distributions == "squared":
        scale = _scales(x, sizes)
        x_scale = folding.spread(scale, sizes)
        y_scale = folding.spread(_scales(y, sizes), sizes) if fused or not measured else None
    if fused:
        distances, grad, shares = _compare_fused(spec, x, x_scale, y, y_scale, gradient)
    else:
        grad = _like(x) if gradient else None
        given = (x, x_scale, y, y_scale, grad, *measured)
        parts = [_compare_block(spec, *part) for part in folding.blocks(x.shape[1], given)]
        distances, shares = (folding.side_by_side(same).view(x.shape[1:]) for same in zip(*parts, strict=True))
    shift = -(folding.sums(shares, sizes) * scale) if gradient and scale is not None else None
    return Compared(distances, grad, shift)


def _compare_fused(
    spec: LevelSpec, x: Tensor, x_scale: Tensor | None, y: Tensor, y_scale: Tensor | None, gradient: bool
) -> tuple[Tensor, Tensor | None, Tensor]:
    from enhance.metrics.deep.wasserstein_kernel import fused_wasserstein

    scales = None if x_scale is None or y_scale is None else (x_scale, y_scale)
    smoothing = (spec.measure.amount, spec.measure.lags) if isinstance(spec.measure, SmoothedWasserstein) else None
    distances, grad, shares = fused_wasserstein(x, y, scales, spec.eps, smoothing, gradient)
    return distances, grad, distances if shares is None else shares


def _compare_block(
    spec: LevelSpec,
    x: Tensor,
    x_scale: Tensor | None,
    y: Tensor,
    y_scale: Tensor | None,
    grad: Tensor | None,
    *measured: Tensor,
) -> tuple[Tensor, Tensor]:
    """Of columns (64, n): the distances (n,), and what a change of all distributions together weighs, (n,); the
    gradient goes to `grad`.
    """
    measured = measured or spec.measure.prepare(_distributions(y, y_scale))
    d, d_grad = spec.measure.compare(_distributions(x, x_scale), measured, grad is not None)
    fused, d_weight, e_grad = _fuse(d, x, y, spec.eps)
    share = fused
    if grad is not None and d_grad is not None:
        if x_scale is not None:  # x^2 s with s = 1 / (sum of x): 2 x s each, and -s times that of all together
            d_grad *= x
            d_weight *= 2 * x_scale
            share = d_weight * (d_grad * x).sum(0) / 2
        write(grad, torch.addcmul, e_grad, d_grad, d_weight)
    return fused, share


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


def _distributions(columns: Tensor, scale: Tensor | None) -> Tensor:
    return columns if scale is None else (columns * columns).mul_(scale)


def _scales(columns: Tensor, sizes: Sizes) -> Tensor:
    """1 / (sum of the level + 1e-6), which turns squared features into distributions: (64, B, N) -> (B, L).

    On a CPU image by image, as the reference's may have been: a batch is rounded otherwise, and equal images would not
    be equal.
    """
    if folding.cached(columns.device):
        columns_sums = torch.stack([image.sum(0) for image in columns.unbind(1)])
    else:
        columns_sums = columns.sum(0)
    return (folding.sums(columns_sums, sizes) + 1e-6).reciprocal()


def _like(columns: Tensor) -> Tensor:
    """An empty matrix, in memory as its blocks are read and written."""
    if folding.cached(columns.device):
        return torch.empty_like(columns)
    return torch.empty_like(columns, memory_format=torch.contiguous_format)


def _softmax(columns: Tensor, sizes: Sizes) -> Tensor:
    return folding.side_by_side([torch.softmax(level, -1) for level in columns.split(sizes, -1)])


def _softmax_distances(columns: Tensor, prepared: PreparedLevels, spec: LevelSpec) -> Tensor:
    """A softmax over all columns ties the blocks together, so autograd computes this gradient: (64, B, N) -> (B, N)."""
    seen = prepared.measured[0] if prepared.measured else _softmax(prepared.columns, prepared.sizes)
    distributions = _softmax(columns, prepared.sizes)
    d = apply_measure(spec.measure, distributions, seen.expand_as(distributions), dim=0)
    if spec.eps is None:
        return d
    return d + (columns - prepared.columns).square().sum(0) * omega(d, spec.eps)


class _FusedDistance(torch.autograd.Function):
    """Columns (64, B, N) -> the mean fused distance of each image and level (B, L), with what the backward pass needs:
    the gradient (64, B, N) and the shift (B, L).
    """

    @staticmethod
    def forward(
        spec: LevelSpec, sizes: Sizes, gradient: bool, x: Tensor, anchor: Tensor, y: Tensor, *measured: Tensor
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        found = compare(x, PreparedLevels(sizes, y, measured), spec, gradient)
        return folding.divided(folding.sums(found.distances, sizes), sizes), found.gradient, found.shift

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor | None, Tensor | None]) -> None:
        ctx.sizes = inputs[1]
        ctx.mark_non_differentiable(*(tensor for tensor in output[1:] if tensor is not None))
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*output[1:], inputs[4])

    @staticmethod
    @first_order
    def backward(ctx: Any, *incoming: Tensor) -> tuple[Tensor | None, ...]:
        grad, shift, _ = ctx.saved_tensors
        share = folding.divided(incoming[0], ctx.sizes)
        weight = folding.spread(share, ctx.sizes)
        if shift is None:
            gradient = grad * weight
        else:
            gradient = torch.addcmul(folding.spread(shift * share, ctx.sizes), grad, weight)
        return None, None, None, gradient, *(None for _ in ctx.needs_input_grad[4:])

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *given: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Another dimension of images joins the batch."""
        spec, sizes, gradient, x, _, *others = given
        x_dim, _, *other_dims = in_dims[3:]
        batch = x.shape[-2] if x_dim is None else x.movedim(x_dim, 0).shape[-2]
        x, *others = (
            _with_batch(tensor, dim, info.batch_size, batch)
            for tensor, dim in zip((x, *others), (x_dim, *other_dims), strict=True)
        )
        gradient = gradient or (torch.is_grad_enabled() and x.requires_grad)
        value, grad, shift = _FusedDistance.apply(spec, sizes, gradient, x, anchor(x), *others)  # type: ignore[misc]
        many = (info.batch_size, batch)
        outputs = (
            value.unflatten(0, many),
            None if grad is None else grad.unflatten(1, many),
            None if shift is None else shift.unflatten(0, many),
        )
        return outputs, (0, None if grad is None else 1, None if shift is None else 0)


def _with_batch(tensor: Tensor, dim: int | None, size: int, batch: int) -> Tensor:
    """A dimension of `size` joins the images of (..., batch or 1, N): (..., size * batch or 1, N)."""
    if dim is None and tensor.shape[-2] == 1 and batch > 1:
        return tensor
    tensor = tensor.unsqueeze(-3) if dim is None else tensor.movedim(dim, -3)
    return tensor.expand(*tensor.shape[:-3], size, batch, -1).flatten(-3, -2)
