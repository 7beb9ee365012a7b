"""What happens where the loss or its gradient is not finite."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor


class Diverged(RuntimeError):
    """The loss or its gradient was not finite again and again; the best image has been restored."""

    @classmethod
    def at_first(cls, what: str) -> Self:
        """The error of a run whose initial image has no finite `what`: no lower rate could help."""
        return cls(
            f"the {what} of the initial image is not finite in this backbone; give it other weights or, if it "
            "computes in float16, full precision."
        )

    @classmethod
    def without_gradient(cls, loss: float) -> Self:
        """The error of a run whose objective has no gradient at the initial image, so that nothing would ever move."""
        return cls(
            f"the gradient is zero at the initial image, though its loss is {loss:.3g}: no step would change it. Take "
            "another, such as initial=noise, or add a term, such as terms.mse=0.1."
        )


class NaNGuard:
    """Keeps the best parameters of a run and returns to them, at half the rate, where numbers are not finite.

    Args:
        parameters: of the optimizer.
        retries: how often.

    Attributes:
        factor: on the learning rate: 1, halved at each return.
    """

    def __init__(self, parameters: Sequence[Tensor], retries: int = 5) -> None:
        self.factor, self.retries = 1.0, retries
        self._parameters = parameters
        self._best, self._loss = [parameter.detach().clone() for parameter in parameters], math.inf

    @torch.no_grad()
    def keep(self, loss: float) -> None:
        """Keep the parameters if theirs is the lowest loss so far."""
        if loss < self._loss:
            self._loss = loss
            for best, parameter in zip(self._best, self._parameters, strict=True):
                best.copy_(parameter)

    @torch.no_grad()
    def restore(self, index: int) -> str:
        """A note for the user, once the best parameters are back.

        Raises:
            Diverged: when all retries are used up; the best parameters have been restored then too.
        """
        for best, parameter in zip(self._best, self._parameters, strict=True):
            parameter.copy_(best)
        self.factor /= 2
        if not self.retries:
            raise Diverged(
                f"The loss or its gradient was not finite at step {index}, again and again: back to the best image; "
                "try a lower learning rate."
            )
        self.retries -= 1
        return f"step {index} was not finite: back to the best image, rate times {self.factor:g}"

    def state(self) -> dict[str, Any]:
        """All that `load` needs."""
        return {"factor": self.factor, "retries": self.retries, "loss": self._loss, "best": self._best}

    @torch.no_grad()
    def load(self, state: Mapping[str, Any]) -> None:
        """Take over the state of another guard of the same parameters."""
        self.factor, self.retries, self._loss = state["factor"], state["retries"], state["loss"]
        for best, saved in zip(self._best, state["best"], strict=True):
            best.copy_(saved)
