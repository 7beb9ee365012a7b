"""The fused 2-Wasserstein distance of columns as one Triton kernel: the value and its gradient in one launch.

A program holds a few columns of both matrices in registers. It walks over the rows of G once and compares each with all
rows of F. That gives the places that `enhance.metrics.deep.transport` finds by merging, and the terms of the smoothed
gradient. Nothing but the results is written. Ties are ordered as there. Triton is imported here only.
"""

# The body of a kernel is Triton's language, not Python's.
# pyright: reportArgumentType=false, reportCallIssue=false, reportPossiblyUnboundVariable=false

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from enhance.metrics.deep.smoothing import EMPTY

_COLUMNS = 4  # of a program, a warp: measured, a quarter faster than 8 and 16
_EMPTY = tl.constexpr(EMPTY)


@triton.jit
def _cumulative(values, rows, last):
    return tl.cumsum(tl.where(rows < last, values, 0.0), 0)


@triton.jit
def _fused_wasserstein(
    x_at,
    y_at,
    x_scale_at,
    y_scale_at,
    distances_at,
    shares_at,
    grad_at,
    columns,
    x_row,
    x_image,
    y_row,
    y_image,
    x_scale_image,
    x_scale_column,
    y_scale_image,
    y_scale_column,
    eps,
    half_amount,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    LAGS: tl.constexpr,
    KEYS: tl.constexpr,
    SCALED: tl.constexpr,
    FUSED: tl.constexpr,
    SMOOTHED: tl.constexpr,
    GRADIENT: tl.constexpr,
):
    image = tl.program_id(1).to(tl.int64)
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    inside = column < columns
    rows = tl.arange(0, ROWS)[:, None]
    far = rows.to(tl.int64)
    valid = inside[None, :]
    last = ROWS - 1

    x = tl.load(x_at + image * x_image + far * x_row + column[None, :], mask=valid, other=0.0)
    y = tl.load(y_at + image * y_image + far * y_row + column[None, :], mask=valid, other=0.0)
    p, q = x, y
    if SCALED:
        x_scale = tl.load(x_scale_at + image * x_scale_image + column * x_scale_column, mask=inside, other=0.0)
        y_scale = tl.load(y_scale_at + image * y_scale_image + column * y_scale_column, mask=inside, other=0.0)
        p = x * x * x_scale[None, :]
        q = y * y * y_scale[None, :]
    f = _cumulative(p, rows, last)
    g = _cumulative(q, rows, last)
    f_keys = f.to(KEYS, bitcast=True) + rows  # see transport._distinct
    g_keys = g.to(KEYS, bitcast=True) + rows

    passed_g = tl.zeros((ROWS, COLUMNS), tl.int32)  # how many of G come before each of F
    passed_f = tl.zeros((ROWS, COLUMNS), tl.int32)  # how many of F come before each of G
    grad_p = tl.zeros((ROWS, COLUMNS), x.dtype)
    if SMOOTHED:
        width = tl.sum(tl.where(rows == last - 1, f + g, 0.0), 0) * half_amount + _EMPTY
        f_in_widths = f / width[None, :]
        g_in_widths = g / width[None, :]
    for row in range(last):
        here = rows == row
        key = tl.sum(tl.where(here, g_keys, 0), 0)
        before = (f_keys <= key[None, :]) & (rows < last)
        passed_g += (~before).to(tl.int32)
        passed_f = tl.where(here, tl.sum(before.to(tl.int32), 0)[None, :], passed_f)
        if SMOOTHED:
            gap = f_in_widths - tl.sum(tl.where(here, g_in_widths, 0.0), 0)[None, :]
            lag = row - rows
            hinge = tl.minimum(tl.maximum(gap, tl.where(lag > 0, 0.0, -1.0)), tl.where(lag < 0, 0.0, 1.0))
            weight = tl.where(lag == 0, 1.0, tl.where((lag <= LAGS) & (lag >= -LAGS), 2.0, 0.0))
            grad_p += hinge * weight

    rank_f = rows - passed_g
    rank_g = rows - passed_f
    grad_f = (-2 * rank_f - 1).to(x.dtype)
    gap = f - g
    terms = grad_f * gap - 2 * (rank_f + rank_g + 1).to(x.dtype) * g
    d = tl.sum(tl.where(rows < last, terms, 0.0), 0)

    difference = x - y
    fused = d
    in_d = tl.full((COLUMNS,), 1.0, x.dtype)
    weight_of_energy = tl.zeros((COLUMNS,), x.dtype)
    if FUSED:
        energy = tl.sum(difference * difference, 0)
        shifted = d + eps
        weight_of_energy = tl.exp(0.5 / shifted) / (shifted * shifted)
        in_d = 1 - energy * weight_of_energy * (0.5 / shifted + 2) / shifted
        fused = d + energy * weight_of_energy
    out = image * columns + column
    tl.store(distances_at + out, fused, mask=inside)

    if GRADIENT:
        if not SMOOTHED:
            grad_p = tl.where(gap != 0, grad_f, 0.0)
        grad_p = tl.cumsum(tl.where(rows < last, grad_p, 0.0), 0, reverse=True)
        if SCALED:
            grad_p *= x
            in_d *= 2 * x_scale
            tl.store(shares_at + out, in_d * tl.sum(grad_p * x, 0) / 2, mask=inside)
        grad = difference * (2 * weight_of_energy)[None, :] + grad_p * in_d[None, :]
        images = tl.num_programs(1).to(tl.int64)
        tl.store(grad_at + (far * images + image) * columns + column[None, :], grad, mask=valid)


def fused_wasserstein(
    x: Tensor,
    y: Tensor,
    scales: tuple[Tensor, Tensor] | None,
    eps: float | None,
    smoothing: tuple[float, int] | None,
    gradient: bool,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Distances of the columns (B, N), and if asked for their gradient (64, B, N) and, where there are scales, what a
    change of all distributions together weighs, (B, N).

    Args:
        x: columns (64, B, N), a power of two of rows.
        y: the reference's, (64, B or 1, N).
        scales: with which the squares of x and of y become distributions, each (B or 1, N); None: x and y are.
        eps: see `LevelSpec`.
        smoothing: amount and lags of `SmoothedWasserstein`; None: the exact gradient.
        gradient: whether to compute it.
    """
    rows, batch, count = x.shape
    x, y = (tensor if tensor.stride(-1) == 1 else tensor.contiguous() for tensor in (x, y))
    y = y.expand(-1, batch, -1)
    x_scale, y_scale = (scale.expand(batch, count) for scale in scales or (x[0], y[0]))
    distances = x.new_empty(batch, count)
    shares = torch.empty_like(distances) if gradient and scales else None
    grad = x.new_empty(x.shape) if gradient else None
    amount, lags = smoothing or (0.0, 0)
    with torch.cuda.device_of(x):
        _fused_wasserstein[(triton.cdiv(count, _COLUMNS), batch)](
            x,
            y,
            x_scale,
            y_scale,
            distances,
            distances if shares is None else shares,
            distances if grad is None else grad,
            count,
            *x.stride()[:2],
            *y.stride()[:2],
            *x_scale.stride(),
            *y_scale.stride(),
            eps or 0.0,
            amount / 2,
            ROWS=rows,
            COLUMNS=_COLUMNS,
            LAGS=lags,
            KEYS=tl.int32 if x.dtype == torch.float32 else tl.int64,
            SCALED=scales is not None,
            FUSED=eps is not None,
            SMOOTHED=smoothing is not None,
            GRADIENT=gradient,
            num_warps=1,
            enable_fp_fusion=False,  # equal columns are rounded equally
        )
    return distances, grad, shares
