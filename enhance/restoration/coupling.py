"""Plug-and-play: an observation and a denoiser, coupled by half-quadratic splitting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from enhance.restoration.observations import Observation

Denoise = Callable[[Tensor, Tensor], Tensor]
"""The clean image of an image (1, 3, H, W) and a map (1, 1, H, W) of its noise's standard deviation."""


@dataclass(frozen=True)
class Schedule:
    """The noise levels of a run.

    Attributes:
        iterations: number of passes.
        first, last: noise level of the first and the last pass, in units of [0, 1]; those between are spaced evenly in
            their logarithms.
        trust: weight of the denoised image against the observation.
    """

    iterations: int
    first: float
    last: float
    trust: float

    def levels(self) -> list[float]:
        """The noise level of each pass.

        Example:
            >>> [round(level, 2) for level in Schedule(3, 0.4, 0.1, 0.2).levels()]
            [0.4, 0.2, 0.1]
        """
        steps = max(1, self.iterations - 1)
        return [self.first * (self.last / self.first) ** (place / steps) for place in range(self.iterations)]


@dataclass(frozen=True)
class Pass:
    """One pass.

    Attributes:
        index: from 1 on.
        level: noise level that the denoiser was given.
        estimate: of the denoiser, (1, 3, H, W).
    """

    index: int
    level: float
    estimate: Tensor


@torch.no_grad()
def split(observation: Observation, denoise: Denoise, schedule: Schedule) -> Iterator[Pass]:
    """Minimise |A x - y|^2 / (2 s^2) + prior(x) by half-quadratic splitting, and yield every pass.

    A pass with the noise level t brings the last estimate z towards the observation,

        x = argmin |A x - y|^2 + trust (s / t)^2 |x - z|^2,

    and denoises x at the level t, which falls from pass to pass.

    References:
        Zhang et al., "Plug-and-Play Image Restoration with Deep Denoiser Prior", IEEE TPAMI 44 (2022) 6360-6376.
    """
    estimate = observation.start()
    for index, level in enumerate(schedule.levels(), start=1):
        moved = observation.proximal(estimate, schedule.trust * (observation.reckoned / level) ** 2)
        estimate = denoise(moved, moved.new_full((1, 1, *moved.shape[-2:]), level))
        yield Pass(index, level, estimate)
