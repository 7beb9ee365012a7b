"""Early stopping: rules that return, for each Step, why the run should end.

run = EarlyStopping(minimize(...), [Plateau(20), Budget(60)])
for step in run:
    ...
run.reason
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol

from enhance.config.schema import StoppingConfig
from enhance.optim.guard import Diverged
from enhance.optim.step import Step

ALL_STEPS = "all steps made"


class Rule(Protocol):
    """Called with every Step of one run, in order. Its state is its attributes, numbers all of them."""

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

    def __init__(self, patience: int, tolerance: float = StoppingConfig.tolerance) -> None:
        self.patience, self.tolerance = patience, tolerance
        self._best, self._since = math.inf, 0

    def __call__(self, step: Step) -> str | None:
        if step.reduced:
            self._since = step.index
            return None
        if step.loss < self._best * (1 - self.tolerance if self._best > 0 else 1 + self.tolerance):
            self._best, self._since = step.loss, step.index
        waited = step.index - self._since
        return f"no better by {self.tolerance:.3g} in {waited} steps" if waited >= self.patience else None


class Target:
    """The loss, or the main metric's score, is as good as wanted.

    Args:
        loss: stop at or below this loss.
        score: stop at this score, or a better one.
        higher_is_better: of the score.
    """

    def __init__(self, loss: float | None = None, score: float | None = None, higher_is_better: bool = False) -> None:
        self.loss, self.score, self.higher_is_better = loss, score, higher_is_better

    def __call__(self, step: Step) -> str | None:
        if self.loss is not None and step.loss <= self.loss:
            return f"loss {step.loss:.3g} is at the target {self.loss:.3g}"
        if self.score is not None and (step.score >= self.score if self.higher_is_better else step.score <= self.score):
            return f"score {step.score:.3g} is at the target {self.score:.3g}"
        return None


class Budget:
    """The run has lasted this many seconds. Schedules do not depend on it: the rate is what it is by then."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self, step: Step) -> str | None:
        return f"time limit of {self.seconds:g} s reached" if step.seconds >= self.seconds else None


class EarlyStopping:
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
        """The state of the rules after the last Step, and why the run ended, if it did."""
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


def started(run: EarlyStopping) -> Iterator[Step]:
    """The Steps of a run, the first of them made already: one that cannot begin fails before anything is written.

    Raises:
        ValueError: if there is no first Step.
    """
    steps = iter(run)
    first = next(steps, None)
    if first is None:
        raise ValueError(f"The run cannot begin: {run.reason}")
    return chain((first,), steps)


def stopping_rules(settings: StoppingConfig, higher_is_better: bool = False) -> list[Rule]:
    """The rules that the settings ask for.

    Args:
        settings: null rules do not apply.
        higher_is_better: of the objective's score.
    """
    rules: list[Rule] = [Target(settings.loss, settings.score, higher_is_better)]
    if settings.patience is not None:
        rules.append(Plateau(settings.patience, settings.tolerance))
    if settings.seconds is not None:
        rules.append(Budget(settings.seconds))
    return rules
