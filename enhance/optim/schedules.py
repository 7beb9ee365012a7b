"""Learning-rate schedules: the factor on the learning rate of the update after step `index`, in a run of `steps`
updates.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[int, int], float]


def constant(index: int, steps: int) -> float:
    """Always 1."""
    return 1.0


def cosine(index: int, steps: int) -> float:
    """Half a cosine from 1 down to 0, which the update after the last would reach."""
    return 0.5 * (1 + math.cos(math.pi * index / steps))


def halving(every: int) -> Schedule:
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
    """From `amount` down to 0 at the last step, ever more slowly: how far `descend` smooths the gradient."""
    return lambda index, steps: amount * (1 - index / steps) ** 2
