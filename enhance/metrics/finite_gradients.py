"""Gradients of square roots and other fractional powers that stay finite where their argument is 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_ROOTS = (torch.sqrt, Tensor.sqrt)
_POWERS = (torch.pow, Tensor.pow, Tensor.__pow__)


class FiniteGradients(TorchFunctionMode):
    """A context in which x ** p, 0 < p < 1, and the square root have the derivative 0 at x = 0. Values stay the same.

    Libraries take roots of gradient magnitudes, which are 0 wherever an image is flat, and of deviations, which are 0
    at the reference. The true derivative is infinite there; times the 0 that arrives it makes every pixel of the
    gradient NaN.

    Example:
        >>> x = torch.zeros(1, requires_grad=True)
        >>> with FiniteGradients():
        ...     (x**2).sum().sqrt().backward()
        >>> x.grad
        tensor([0.])
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if kwargs or not torch.is_grad_enabled():
            return func(*args, **kwargs)
        if func in _ROOTS and args[0].requires_grad:
            return _apart_from_zero(torch.sqrt, args[0])
        if func in _POWERS and isinstance(args[0], Tensor) and args[0].requires_grad and _fractional(args[1]):
            return _apart_from_zero(lambda base: torch.pow(base, args[1]), args[0])
        return func(*args)


def _fractional(exponent: object) -> bool:
    return isinstance(exponent, float) and 0 < exponent < 1


def _apart_from_zero(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    zero = x == 0
    return torch.where(zero, function(x.detach()), function(x.masked_fill(zero, 1)))
