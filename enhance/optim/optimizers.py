"""Optimizers by name: any torch.optim.Optimizer whose `step` takes a closure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from enhance.config.limits import check_betas
from enhance.config.schema import OptimizerConfig
from enhance.utils.arguments import accepted, made_of
from enhance.utils.suggest import unknown

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

MakeOptimizer = Callable[["Iterable[Tensor]", float], "Optimizer"]


@dataclass(frozen=True)
class Row:
    """An optimizer of the registry.

    Attributes:
        target: `module:class`.
        arguments: of its constructor, where its own defaults do not fit.
        learning_rate: where the parametrization's, made for Adam, does not fit.
    """

    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    learning_rate: float | None = None


# One iteration of L-BFGS a step, which ends when its line search does. The tolerances of torch are absolute, and the
# gradient of a mean over n values has entries of the size 1 / n: those of a large image would all count as 0.
_LBFGS = {
    "max_iter": 1,
    "max_eval": 20,
    "tolerance_grad": 0.0,
    "tolerance_change": 0.0,
    "line_search_fn": "strong_wolfe",
}

OPTIMIZERS: dict[str, Row] = {
    "adam": Row("torch.optim:Adam"),
    "adamw": Row("torch.optim:AdamW"),
    "nadam": Row("torch.optim:NAdam"),
    "rmsprop": Row("torch.optim:RMSprop"),
    "sgd": Row("torch.optim:SGD", learning_rate=10.0),
    "lbfgs": Row("torch.optim:LBFGS", _LBFGS, learning_rate=1.0),
}


def make_optimizer(settings: OptimizerConfig) -> MakeOptimizer:
    """A function that makes the optimizer of the settings from parameters and a learning rate.

    The optimizer gets those of the settings that its constructor takes, and all of `arguments`.

    Raises:
        ValueError: for an unknown name, a setting that this optimizer does not take, or arguments with which it makes
            no step.

    Example:
        >>> make = make_optimizer(OptimizerConfig(name="adam"))
        >>> make([torch.zeros(3, requires_grad=True)], 0.02).param_groups[0]["betas"]
        (0.9, 0.99)
    """
    if settings.name not in OPTIMIZERS:
        raise ValueError(unknown("optimizer", settings.name, OPTIMIZERS))
    check_betas(settings.betas)
    row = OPTIMIZERS[settings.name]
    module, _, name = row.target.partition(":")
    kind = getattr(import_module(module), name)
    names, reserved = ("betas", "momentum", "weight_decay"), ("params", "lr")
    arguments = dict(row.arguments) | accepted(kind, settings, names, "optimizer", reserved)
    if "betas" in arguments:
        check_betas(arguments["betas"])
        arguments["betas"] = tuple(float(beta) for beta in arguments["betas"])  # Adam takes no integers

    def make(parameters: Iterable[Tensor], rate: float) -> Optimizer:
        moved = list(parameters)
        with made_of(f"optimizer={settings.name}", arguments):
            if settings.arguments:
                _try(kind, arguments, moved[0])
            return kind(moved, lr=rate, **arguments)

    return make


def _try(kind: Callable[..., Optimizer], arguments: Mapping[str, Any], like: Tensor) -> None:
    """Two steps in a parabola on the same device: torch looks at some arguments in the first step only."""
    parameter = like.new_ones(1, requires_grad=True)
    optimizer = kind([parameter], lr=0.1, **arguments)

    def closure() -> float:
        optimizer.zero_grad()
        loss = (parameter**2).sum()
        loss.backward()
        return loss.item()

    for _ in range(2):
        optimizer.step(closure)
