"""When to stop: rules that look at each Step and say why the run should end, and what to do when numbers are lost.

run = Until(descend(...), [Plateau(), Budget(60)])
for step in run:
    ...
run.reason
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol

import torch
from torch import Tensor

from enhance.optim.step import Step

ALL_STEPS = "all steps made"


class Rule(Protocol):
    """Looks at every Step of one run, in order. What it remembers are attributes, plain numbers all of them."""

    def __call__(self, step: Step) -> str | None:
        """Why the run should stop after this step; None to go on."""
        ...


class Plateau:
    """The best loss of the last `patience` steps is not better by the fraction `tolerance` than the best before them.

    Steps on reduced copies do not count: each copy ends on a plateau of its own, and the next one leaves it.

    Args:
        patience: steps to wait for an improvement.
        tolerance: smallest relative improvement that counts.
    """

    def __init__(self, patience: int = 20, tolerance: float = 0.01) -> None:
        self.patience, self.tolerance = patience, tolerance
        self._best, self._since = math.inf, 0

    def __call__(self, step: Step) -> str | None:
        if step.reduced:
            self._since = step.index
            return None
        if step.loss < self._best * (1 - self.tolerance):
            self._best, self._since = step.loss, step.index
        waited = step.index - self._since
        return f"no better by {self.tolerance:.3g} in {waited} steps" if waited >= self.patience else None


class Target:
    """The loss, or the score log(1 + loss) ** 0.25, is as low as wanted.

    Args:
        loss: stop at or below this loss.
        score: stop at or below this score.
    """

    def __init__(self, loss: float | None = None, score: float | None = None) -> None:
        self.loss, self.score = loss, score

    def __call__(self, step: Step) -> str | None:
        if self.loss is not None and step.loss <= self.loss:
            return f"loss {step.loss:.3g} is at the target {self.loss:.3g}"
        score = math.log1p(max(step.loss, 0.0)) ** 0.25
        if self.score is not None and score <= self.score:
            return f"score {score:.3g} is at the target {self.score:.3g}"
        return None


class Budget:
    """The run has lasted this many seconds. Schedules do not know of it: the rate is what it is by then."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self, step: Step) -> str | None:
        return f"{self.seconds:g} seconds are over" if step.seconds >= self.seconds else None


class Until:
    """The Steps of a run up to the first that a rule stops at; `reason` says afterwards why it ended.

    Args:
        steps: the run.
        rules: looked at in turn.
        state: of a run that goes on; see `state`.
    """

    def __init__(self, steps: Iterable[Step], rules: Sequence[Rule], state: Mapping[str, Any] | None = None) -> None:
        self.reason = ALL_STEPS
        self._steps, self._rules = steps, rules
        if state is not None:
            self.reason = state["reason"]
            for rule, saved in zip(rules, state["rules"], strict=True):
                vars(rule).update(saved)

    def state(self) -> dict[str, Any]:
        """What the rules remember after the last Step, and whether it was the last."""
        return {"reason": self.reason, "rules": [dict(vars(rule)) for rule in self._rules]}

    def __iter__(self) -> Iterator[Step]:
        steps = iter(self._steps)
        while self.reason == ALL_STEPS:
            try:
                step = next(steps)
            except StopIteration:
                return
            except Diverged as error:
                self.reason = str(error)
                return
            reasons = [reason for rule in self._rules if (reason := rule(step))]
            self.reason = reasons[0] if reasons else ALL_STEPS
            yield step


def begun(run: Until) -> Iterator[Step]:
    """The Steps of a run, the first of them made already: one that cannot begin fails before anything is written.

    Raises:
        ValueError: if there is no first Step.
    """
    steps = iter(run)
    first = next(steps, None)
    if first is None:
        raise ValueError(f"The run cannot begin: {run.reason}")
    return chain((first,), steps)


class Diverged(RuntimeError):
    """The loss or its gradient kept being no number; what was best has been restored."""


class Safeguard:
    """Remembers the best parameters of a run and returns to them, at half the rate, when the numbers are lost.

    Args:
        parameters: what the optimiser moves.
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
        """Remember the parameters if theirs is the lowest loss so far."""
        if loss < self._loss:
            self._loss = loss
            for best, parameter in zip(self._best, self._parameters, strict=True):
                best.copy_(parameter)

    @torch.no_grad()
    def restore(self, index: int) -> str:
        """Go back to the best parameters and say so.

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
        """Everything it remembers; `load` takes it back."""
        return {"factor": self.factor, "retries": self.retries, "loss": self._loss, "best": self._best}

    @torch.no_grad()
    def load(self, state: Mapping[str, Any]) -> None:
        """Remember what another safeguard of the same parameters did."""
        self.factor, self.retries, self._loss = state["factor"], state["retries"], state["loss"]
        for best, saved in zip(self._best, state["best"], strict=True):
            best.copy_(saved)
