"""Stopping rules look at Steps alone; lost numbers bring the best image back."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from enhance.optim.guard import Diverged, NaNGuard
from enhance.optim.step import Step
from enhance.optim.stopping import ALL_STEPS, Budget, EarlyStopping, Plateau, Rule, Target


def made(losses: list[float], seconds: float = 1.0) -> Iterator[Step]:
    for index, loss in enumerate(losses):
        yield Step(index, loss, math.log1p(loss) ** 0.25, {}, 0.1, index * seconds, torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize(
    ("rule", "last", "words"),
    [
        (Plateau(patience=3, tolerance=0.01), 5, "no better by 0.01 in 3 steps"),
        (Target(loss=0.5), 2, "loss 0.5 is at the target 0.5"),
        (Target(score=math.log1p(0.6) ** 0.25), 2, "is at the target"),
        (Budget(4), 4, "time limit of 4 s reached"),
    ],
)
def test_a_rule_ends_the_run_after_the_step_it_stops_at_and_says_why(rule: Rule, last: int, words: str) -> None:
    run = EarlyStopping(made([2, 1, 0.5, 0.499, 0.498, 0.497, 0.3, 0.2]), [rule])
    assert [step.index for step in run][-1] == last
    assert words in run.reason


def test_without_a_reason_all_steps_are_made() -> None:
    run = EarlyStopping(made([3, 2, 1]), [Plateau(5), Target(loss=0.1), Budget(60)])
    assert len(list(run)) == 3
    assert run.reason == ALL_STEPS


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.integers(1, 10))
def test_a_plateau_waits_as_long_as_asked(losses: list[float], patience: int) -> None:
    rule = Plateau(patience, tolerance=0)
    stopped = [step.index for step in made(losses) if rule(step)]
    for index in stopped[:1]:
        assert min(losses[: index - patience + 1]) <= min(losses[index - patience + 1 :][:patience])
    if not stopped:
        best = losses.index(min(losses))
        assert len(losses) - 1 - best < patience


def test_the_guard_returns_to_the_best_at_half_the_rate_and_gives_up_in_the_end() -> None:
    parameter = torch.zeros(3)
    guard = NaNGuard([parameter], retries=1)
    for loss, value in ((2.0, 1.0), (1.0, 2.0), (3.0, 3.0)):
        parameter.fill_(value)
        guard.keep(loss)
    parameter.fill_(math.nan)
    assert "step 7" in guard.restore(7)
    assert parameter.tolist() == [2, 2, 2]
    assert guard.factor == 0.5
    parameter.fill_(math.inf)
    with pytest.raises(Diverged, match="lower learning rate"):
        guard.restore(8)
    assert parameter.tolist() == [2, 2, 2]
