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

from enhance.metrics.deep import transport
from enhance.metrics.first_order import anchor, applied, first_order

Prepared = tuple[Tensor, ...]
Compared = tuple[Tensor, "Tensor | None"]


class Measure(Protocol):
    """A distance between the columns of two (n, columns) matrices, each column compared on its own."""

    def prepare(self, y: Tensor) -> Prepared:
        """What depends on the reference alone; every tensor has the columns of `y` last."""
        ...

    def compare(self, x: Tensor, prepared: Prepared, gradient: bool) -> Compared:
        """Distance (columns,) and, if asked for, its gradient in x (n, columns)."""
        ...


@dataclass(frozen=True)
class Wasserstein:
    """p-Wasserstein distance to the power p of non-negative distributions on the grid 0..n-1, see `wasserstein`."""

    p: float = 2.0

    def prepare(self, y: Tensor) -> Prepared:
        g = transport.cumulative(y)
        return g, transport.reversed_keys(g)

    def compare(self, x: Tensor, prepared: Prepared, gradient: bool) -> Compared:
        g, keys = prepared
        return transport.distance(transport.cumulative(x), g, self.p, gradient, keys)


@dataclass(frozen=True)
class SignedWasserstein:
    """What POT's `wasserstein_1d` returns for features of either sign, as published for MobileNet."""

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
            grad = torch.autograd.grad(value.sum(), leaf)[0] if gradient else None
        return value.detach(), grad


@dataclass(frozen=True)
class JensenShannon:
    """Jensen-Shannon divergence, natural log, between the softmax of each column (see `jensen_shannon`).

    With the mixture m = (p + q) / 2, log(p / m) = 2 artanh((p - m) / (p + m)), and (p - m) / (p + m) = (p - q) / (3 p +
    q): accurate, and exactly zero, as p approaches q. log(1 + s) with s = (p - q) / (p + q) is as good, but torch's
    log1p is twenty times slower in some processes than in others, depending on what ran before. The constants of up to
    1e-17 that the published code adds inside the log of the mixture only matter where p and q are below 1e-13, whose
    share vanishes.
    """

    def prepare(self, y: Tensor) -> Prepared:
        return (_positive_softmax(y),)

    def compare(self, x: Tensor, prepared: Prepared, gradient: bool) -> Compared:
        (q,) = prepared
        p = _positive_softmax(x)
        most = 1 - torch.finfo(p.dtype).eps  # artanh(1) is infinite
        gap, both = p - q, p + q
        half_p = (gap / both.add(p, alpha=2)).clamp_(-most, most).atanh_()
        half_q = gap.div_(both.add_(q, alpha=2)).clamp_(-most, most).atanh_()  # of -log(q / m)
        mean = (p * half_p).sum(0)
        value = mean - half_q.mul_(q).sum(0)
        return value, half_p.sub_(mean).mul_(p) if gradient else None


def _positive_softmax(x: Tensor) -> Tensor:
    """No entry is zero, nor so small that its products are subnormal, which processors compute many times slower."""
    p = torch.softmax(x, 0)
    return p.clamp_min_(torch.finfo(p.dtype).tiny ** 0.75)


@dataclass(frozen=True)
class SymmetricKL:
    """Mean of the two Kullback-Leibler divergences between the softmax of each column (see `symmetric_kl`).

    Attributes:
        floor: constant that the published code adds to the second argument inside its log (0 or 1e-17). Here it is
            added to the first as well, which changes less than the floor itself and makes equal columns exactly equal.
    """

    floor: float = 0.0

    def prepare(self, y: Tensor) -> Prepared:
        log_q = torch.log_softmax(y, 0)
        return (self._raised(log_q), log_q.exp())

    def compare(self, x: Tensor, prepared: Prepared, gradient: bool) -> Compared:
        raised_q, q = prepared
        log_p = torch.log_softmax(x, 0)
        p, raised_p = log_p.exp(), self._raised(log_p)
        ratio, gap = raised_p - raised_q, p - q
        value = (ratio * gap).sum(0).mul_(0.5)
        if not gradient:
            return value, None
        # of sum (p - q) (log(p + floor) - log(q + floor)) through the softmax; without a floor the gaps sum to zero
        mean = (p * ratio).sum(0)
        if self.floor:
            gap *= (log_p - raised_p).exp_()  # p / (p + floor)
            mean += gap.sum(0)
        return value, torch.addcmul(gap, ratio.sub_(mean), p).mul_(0.5)

    def _raised(self, log_p: Tensor) -> Tensor:
        """log(p + floor)."""
        return torch.logaddexp(log_p, log_p.new_tensor(math.log(self.floor))) if self.floor else log_p


def wasserstein(x: Tensor, y: Tensor, p: float = 2.0, dim: int = -1) -> Tensor:
    """p-Wasserstein distance, to the power p, between distributions on the integer grid 0..n-1.

    Their totals may differ: quantile levels beyond the total of a distribution lie at the last grid point, as POT's
    `wasserstein_1d` defines the distance. It has kinks where the cumulative distributions of x and y tie: at the same
    grid point the gradient is the symmetric one, so that it is zero at x = y, elsewhere a one-sided one. Differentiable
    once, in x and in y.

    Args:
        x: non-negative distributions, n entries along `dim`; any shape, float32 or float64.
        y: distributions of the same shape.
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
    if not 1 <= p < math.inf:
        raise ValueError(f"wasserstein needs a finite order p of at least 1, got p={p}.")
    return apply_measure(Wasserstein(p), x, y, dim)


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

    Example:
        >>> round(jensen_shannon(torch.tensor([9.0, 0.0]), torch.tensor([0.0, 9.0])).item(), 4)
        0.6919
    """
    return apply_measure(JensenShannon(), x, y, dim)


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

    Example:
        >>> round(symmetric_kl(torch.tensor([9.0, 0.0]), torch.tensor([0.0, 9.0])).item(), 4)
        8.9978
    """
    return apply_measure(SymmetricKL(), x, y, dim)


def apply_measure(measure: Measure, x: Tensor, y: Tensor, dim: int) -> Tensor:
    """The measure along `dim` of two tensors of one shape, differentiable once in both."""
    if not (isinstance(x, Tensor) and isinstance(y, Tensor)):
        raise ValueError(f"Both must be tensors, got {type(x).__name__} and {type(y).__name__}.")
    if x.shape != y.shape:
        raise ValueError(f"Both tensors must have the same shape, got {tuple(x.shape)} and {tuple(y.shape)}.")
    if not x.dtype == y.dtype or x.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"Both tensors must be float32 or both float64, got {x.dtype} and {y.dtype}; convert them.")
    if not -x.dim() <= dim < x.dim():
        raise ValueError(f"There is no dim={dim} in tensors of shape {tuple(x.shape)}.")
    if x.shape[dim] == 0:
        raise ValueError(f"There must be at least one entry along dim={dim}, got shape {tuple(x.shape)}.")
    x, y = x.movedim(dim, 0), y.movedim(dim, 0)
    if not x.numel():
        return x.sum(0)
    flat = x.reshape(len(x), -1), y.reshape(len(y), -1)
    needs = (torch.is_grad_enabled() and flat[0].requires_grad, torch.is_grad_enabled() and flat[1].requires_grad)
    value: Tensor = applied(_Symmetric, measure, *needs, *flat, anchor(*flat))[0]
    return value.reshape(x.shape[1:])


class _Symmetric(torch.autograd.Function):
    """A symmetric measure between the columns of two matrices, with its gradients where they are wanted; the gradient
    in y is the one in x with the roles swapped.
    """

    @staticmethod
    def forward(
        measure: Measure, needs_x: bool, needs_y: bool, x: Tensor, y: Tensor, anchor: Tensor
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        value, grad_x = measure.compare(x, measure.prepare(y), needs_x)
        grad_y = measure.compare(y, measure.prepare(x), True)[1] if needs_y else None
        return value, grad_x, grad_y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor | None, Tensor | None]) -> None:
        ctx.mark_non_differentiable(*(tensor for tensor in output[1:] if tensor is not None))
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*output[1:], inputs[-1])

    @staticmethod
    @first_order
    def backward(ctx: Any, *incoming: Tensor) -> tuple[Tensor | None, ...]:
        grad_x, grad_y, _ = ctx.saved_tensors
        return (
            None,
            None,
            None,
            grad_x * incoming[0] if grad_x is not None else None,
            grad_y * incoming[0] if grad_y is not None else None,
            None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *given: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """The dimension joins the columns."""
        measure, *needs, x, y, _ = given
        x, y = (
            tensor[:, None].expand(-1, info.batch_size, -1) if dim is None else tensor.movedim(dim, 1)
            for tensor, dim in zip((x, y), in_dims[3:5], strict=True)
        )
        flat = x.flatten(1), y.flatten(1)
        needs = [need or (torch.is_grad_enabled() and one.requires_grad) for need, one in zip(needs, flat, strict=True)]
        found = _Symmetric.apply(measure, *needs, *flat, anchor(*flat))
        many = (info.batch_size, -1)
        outputs = tuple(None if tensor is None else tensor.unflatten(-1, many) for tensor in found)  # type: ignore[attr-defined]
        return outputs, tuple(None if tensor is None else tensor.dim() - 2 for tensor in outputs)
