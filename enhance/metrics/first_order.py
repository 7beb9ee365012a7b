"""Backward passes in closed form have no derivative of their own; asked for one, they say so."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor


def anchor(*inputs: Tensor) -> Tensor:
    """An empty tensor in the graph of the inputs: saved last by a forward pass, whoever differentiates the gradient
    with respect to them gets the sentence.
    """
    return torch.cat([given[..., :0].reshape(-1) for given in inputs])


def applied(function: type[torch.autograd.Function], *inputs: Any) -> Any:
    """What a Function with a `setup_context` returns.

    Where no input asks for a gradient, torch.compile would trace `forward` with a context that it does not take.
    """
    wanted = torch.is_grad_enabled() and any(given.requires_grad for given in inputs if isinstance(given, Tensor))
    return function.apply(*inputs) if wanted or not torch.compiler.is_compiling() else function.forward(*inputs)


def first_order(backward: Callable[..., Any]) -> Callable[..., Any]:
    """A `backward` whose gradients raise a sentence when they are differentiated again, wherever the graph goes on.

    PyTorch's own `once_differentiable` raises only if the incoming gradient needs one itself, and would let the second
    derivative of a plain `grad(loss, image, create_graph=True)` be silently wrong. The last saved tensor must be the
    `anchor` of what is differentiated.
    """

    @wraps(backward)
    def wrapped(ctx: Any, *incoming: Tensor) -> Any:
        if incoming[0] is None:
            return tuple(None for _ in ctx.needs_input_grad)
        with torch.no_grad():
            gradients = backward(ctx, *incoming)
        if not torch.is_grad_enabled():
            return gradients
        return tuple(
            _Last.apply(gradient, ctx.saved_tensors[-1]) if isinstance(gradient, Tensor) else gradient
            for gradient in gradients
        )

    return wrapped


class _Last(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(gradient: Tensor, anchor: Tensor) -> Tensor:
        return gradient.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor) -> Any:
        raise RuntimeError("The deep distribution measures have first derivatives only; do without a second one.")
