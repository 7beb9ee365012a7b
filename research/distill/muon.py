"""The optimiser of a distillation: Muon for the convolutions, Adam for everything else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

_MOMENTUM = 0.95
_BETAS = (0.9, 0.99)
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Momentum whose matrix is made orthogonal, so that every direction of a layer learns at the same pace; torch's own
    takes matrices alone, not filters.

    Args:
        filters: weights of convolutions, taken as matrices (outputs, everything else).
        others: biases and heads, for Adam.
        lr: learning rate of both.

    References:
        K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024),
        https://kellerjordan.github.io/posts/muon
    """

    def __init__(self, filters: Iterable[Tensor], others: Iterable[Tensor], lr: float) -> None:
        groups = [{"params": list(filters), "orthogonal": True}, {"params": list(others), "orthogonal": False}]
        super().__init__(groups, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update."""
        for group in self.param_groups:
            for parameter in group["params"]:
                update = _orthogonal if group["orthogonal"] else _adam
                parameter.sub_(group["lr"] * update(parameter.grad, self.state[parameter]))


def _orthogonal(gradient: Tensor, state: dict[str, Any]) -> Tensor:
    momentum = state.setdefault("momentum", torch.zeros_like(gradient))
    momentum.mul_(_MOMENTUM).add_(gradient)
    matrix = (gradient + _MOMENTUM * momentum).flatten(1)
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-12)
    a, b, c = _NEWTON_SCHULZ
    for _ in range(5):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    # As long as Adam's steps, whose entries are about 0.2 where gradients are noisy.
    return (x.T if tall else x).reshape(gradient.shape) * (0.2 * max(matrix.shape) ** 0.5)


def _adam(gradient: Tensor, state: dict[str, Any]) -> Tensor:
    first = state.setdefault("first", torch.zeros_like(gradient))
    second = state.setdefault("second", torch.zeros_like(gradient))
    state["count"] = count = state.get("count", 0) + 1
    first.lerp_(gradient, 1 - _BETAS[0])
    second.lerp_(gradient * gradient, 1 - _BETAS[1])
    return first / (1 - _BETAS[0] ** count) / ((second / (1 - _BETAS[1] ** count)).sqrt() + 1e-10)
