"""Distances between vectors: Wasserstein, Jensen-Shannon and symmetric Kullback-Leibler.

Each measure exists twice. As a pure, differentiable function over one dimension of two tensors: `wasserstein`,
`jensen_shannon`, `symmetric_kl`. And as a small frozen object that splits the work the way an optimisation needs it:
`prepare(y)` computes what depends on the reference alone, `compare(x, prepared)` returns the distance together with its
gradient in closed form, so that no graph is kept. The functions are the objects behind autograd; the metrics call the
objects directly.

Matrices are (n, columns): vectors run along dimension 0, so every operation is contiguous over the columns.

Source: Liao et al., "Image Quality Assessment: Measuring Perceptual Degradation via Distribution Measures in Deep
Feature Spaces", IEEE TIP 33 (2024) 4044-4059, and the code published with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from enhance.metrics import transport

Prepared = tuple[Tensor, ...]
Compared = tuple[Tensor, "Tensor | None"]


class Measure(Protocol):
    """A distance between the columns of two (n, columns) matrices."""

    def prepare(self, y: Tensor) -> Prepared:
        """What depends on the reference alone; every tensor has the columns of `y` last."""
        ...

    def compare(self, x: Tensor, prepared: Prepared, gradient: bool) -> Compared:
        """Distance (columns,) and, if asked for, its gradient in x (n, columns)."""
        ...


@dataclass(frozen=True)
class Wasserstein:
    """p-Wasserstein distance to the power p between non-negative masses on the grid 0..n-1 (see `wasserstein`)."""

    p: float = 2.0

    def prepare(self, y: Tensor) -> Prepared:
        return (transport.cumulative(y),)

    def compare(self, x: Tensor, prepared: Prepared, gradient: bool) -> Compared:
        return transport.distance(transport.cumulative(x), prepared[0], self.p, gradient)


@dataclass(frozen=True)
class SignedWasserstein:
    """What POT's `wasserstein_1d` returns for features of either sign taken as masses, as published for MobileNet."""

    p: float = 2.0

    def prepare(self, y: Tensor) -> Prepared:
        return (y,)

    def compare(self, x: Tensor, prepared: Prepared, gradient: bool) -> Compared:
        import ot

        (y,) = prepared
        grid = torch.arange(len(x), dtype=x.dtype, device=x.device)[:, None].expand_as(x)
        with torch.set_grad_enabled(gradient):
            leaf = x.detach().requires_grad_(gradient)
            value: Any = ot.wasserstein_1d(grid, grid, leaf, y, p=self.p)  # type: ignore[arg-type]
            slope = torch.autograd.grad(value.sum(), leaf)[0] if gradient else None
        return value.detach(), slope


@dataclass(frozen=True)
class JensenShannon:
    """Jensen-Shannon divergence, natural log, between the softmax of each column (see `jensen_shannon`).

    With the mixture m = (p + q) / 2, log(p / m) = log(1 + s) and log(q / m) = log(1 - s) where s = (p - q) / (p + q):
    accurate, and exactly zero, as p approaches q. The constants of up to 1e-17 that the published
    code adds inside the log of the mixture only matter where p and q are below 1e-13, whose share vanishes.
    """

    def prepare(self, y: Tensor) -> Prepared:
        q = torch.softmax(y, 0)
        return (q.clamp_min_(torch.finfo(q.dtype).tiny),)

    def compare(self, x: Tensor, prepared: Prepared, gradient: bool) -> Compared:
        (q,) = prepared
        p = torch.softmax(x, 0)
        most = 1 - torch.finfo(p.dtype).eps  # log(0) is infinite
        share = torch.sub(p, q).div_(p + q).clamp_(-most, most)
        of_q = share.neg().log1p_()
        of_p = share.log1p_()
        mean = (p * of_p).sum(0)
        value = of_q.mul_(q).sum(0).add_(mean).mul_(0.5)
        return value, of_p.sub_(mean).mul_(p).mul_(0.5) if gradient else None


@dataclass(frozen=True)
class SymmetricKL:
    """Mean of the two Kullback-Leibler divergences between the softmax of each column (see `symmetric_kl`).

    Attributes:
        floor: constant that the published code adds to the second argument inside its log (0 or 1e-17). log(q + floor)
            is log q + s with s = softplus(log floor - log q), which is zero unless q is about as small as the floor.
    """

    floor: float = 0.0

    def prepare(self, y: Tensor) -> Prepared:
        log_q = torch.log_softmax(y, 0)
        return (log_q, log_q.exp())

    def compare(self, x: Tensor, prepared: Prepared, gradient: bool) -> Compared:
        log_q, q = prepared
        log_p = torch.log_softmax(x, 0)
        p = log_p.exp()
        ratio, gap = log_p - log_q, p - q
        value = (ratio * gap).sum(0)
        if self.floor:
            raised_q, raised_p = self._raise(log_q), self._raise(log_p)
            value -= (p * raised_q + q * raised_p).sum(0)
            if gradient:
                ratio -= raised_q  # log p - log(q + floor)
                gap = p - q * (-raised_p).exp()  # p - q p / (p + floor)
        value *= 0.5
        if not gradient:
            return value, None
        # d/dx of sum p (log p - log(q + floor)) - sum q log(p + floor), through the softmax; the sum of p is one, and
        # without a floor that of the gap is zero.
        mean = (p * ratio).sum(0)
        if self.floor:
            mean += gap.sum(0)
        return value, ratio.sub_(mean).mul_(p).add_(gap).mul_(0.5)

    def _raise(self, log_p: Tensor) -> Tensor:
        """log(p + floor) - log p."""
        return torch.nn.functional.softplus(math.log(self.floor) - log_p)


def wasserstein(x: Tensor, y: Tensor, p: float = 2.0, dim: int = -1) -> Tensor:
    """p-Wasserstein distance, to the power p, between masses on the integer grid 0..n-1.

    The masses need not be equal: quantile levels beyond a vector's total mass sit at the last grid point, which is how
    POT's `wasserstein_1d` defines the distance. Where it has a kink (tied cumulative masses) the gradient is the
    symmetric one, which is zero at x = y. Differentiable once, in x and in y.

    Args:
        x: non-negative masses, n entries along `dim`; any shape, float32 or float64.
        y: masses of the same shape.
        p: order, at least 1.
        dim: the dimension that holds the grid.

    Returns:
        The distance, with `dim` removed.

    Raises:
        ValueError: if the shapes differ or p < 1.

    Example:
        >>> wasserstein(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 1.0]))
        tensor(4.)
    """
    if p < 1:
        raise ValueError(f"wasserstein needs an order p of at least 1, got p={p}.")
    return between(Wasserstein(p), x, y, dim)


def jensen_shannon(x: Tensor, y: Tensor, dim: int = -1) -> Tensor:
    """Jensen-Shannon divergence (natural log, between 0 and log 2) between softmax(x) and softmax(y) along `dim`.

    Args:
        x: logits of any shape, float32 or float64.
        y: logits of the same shape.
        dim: the dimension that the softmax normalises.

    Returns:
        The divergence, with `dim` removed. Differentiable once, in x and in y.

    Raises:
        ValueError: if the shapes differ.
    """
    return between(JensenShannon(), x, y, dim)


def symmetric_kl(x: Tensor, y: Tensor, dim: int = -1) -> Tensor:
    """(KL(p|q) + KL(q|p)) / 2, natural log, with p = softmax(x) and q = softmax(y) along `dim`.

    Args:
        x: logits of any shape, float32 or float64.
        y: logits of the same shape.
        dim: the dimension that the softmax normalises.

    Returns:
        The divergence, with `dim` removed. Differentiable once, in x and in y.

    Raises:
        ValueError: if the shapes differ.
    """
    return between(SymmetricKL(), x, y, dim)


def between(measure: Measure, x: Tensor, y: Tensor, dim: int) -> Tensor:
    """The measure along `dim` of two tensors of one shape, differentiable once in both."""
    if x.shape != y.shape:
        raise ValueError(f"Both tensors must have the same shape, got {tuple(x.shape)} and {tuple(y.shape)}.")
    if x.dim() == 0 or x.shape[dim] == 0:
        raise ValueError(f"There must be at least one entry along dim={dim}, got shape {tuple(x.shape)}.")
    x, y = x.movedim(dim, 0), y.movedim(dim, 0)
    value: Tensor = _Symmetric.apply(measure, x.reshape(len(x), -1), y.reshape(len(y), -1))  # type: ignore[assignment]
    return value.reshape(x.shape[1:])


class _Symmetric(torch.autograd.Function):
    """A symmetric measure between the columns of two matrices; the gradient in y is the one in x with the roles
    swapped.
    """

    @staticmethod
    def forward(ctx: Any, measure: Measure, x: Tensor, y: Tensor) -> Tensor:
        _, wants_x, wants_y = ctx.needs_input_grad
        value, slope_x = measure.compare(x, measure.prepare(y), wants_x)
        slope_y = measure.compare(y, measure.prepare(x), True)[1] if wants_y else None
        ctx.save_for_backward(slope_x, slope_y)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        slope_x, slope_y = ctx.saved_tensors
        return (
            None,
            slope_x * grad_output if slope_x is not None else None,
            slope_y * grad_output if slope_y is not None else None,
        )
