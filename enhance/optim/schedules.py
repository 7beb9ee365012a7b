"""Learning-rate schedules: the factor on the learning rate of the update after step `index`, in a run of `steps`
updates.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from enhance.config.schema import ScheduleConfig
from enhance.utils.arguments import accepted, made_of
from enhance.utils.suggest import unknown

Schedule = Callable[[int, int], float]


def constant(index: int, steps: int) -> float:
    """Always 1."""
    return 1.0


def cosine(index: int, steps: int) -> float:
    """Half a cosine from 1 down to 0, which the update after the last would reach."""
    return 0.5 * (1 + math.cos(math.pi * index / steps))


def halving(every: int = ScheduleConfig.every) -> Schedule:
    """1, halved every `every` steps, as published."""
    return lambda index, steps: 0.5 ** (index // every)


def warm_up(schedule: Schedule, warmup: int) -> Schedule:
    """Rise linearly over the first `warmup` steps, then follow `schedule` over the rest."""
    if not warmup:
        return schedule
    return lambda index, steps: (
        (index + 1) / (warmup + 1) if index < warmup else schedule(index - warmup, steps - warmup)
    )


def graduated(amount: float) -> Schedule:
    """From `amount` down to 0 at the last step, ever more slowly: how far the gradient is smoothed."""
    return lambda index, steps: amount * (1 - index / steps) ** 2


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": lambda: constant,
    "cosine": lambda: cosine,
    "halving": halving,
}


def make_schedule(settings: ScheduleConfig) -> Schedule:
    """The schedule of the settings.

    Raises:
        ValueError: for an unknown name, or a setting that this schedule does not take.
    """
    if settings.name not in SCHEDULES:
        raise ValueError(unknown("schedule", settings.name, SCHEDULES))
    make = SCHEDULES[settings.name]
    arguments = accepted(make, settings, ("every",), "schedule")
    with made_of(f"schedule={settings.name}", arguments):
        schedule = make(**arguments)
        schedule(0, 2)
    return warm_up(schedule, settings.warmup)
