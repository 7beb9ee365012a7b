"""Which steps of a run are kept as frames, known before it begins."""

from __future__ import annotations

from dataclasses import dataclass

from enhance.config.schema import FramesConfig
from enhance.metrics.registry import Row

MOST = 1000  # frames on disk, whatever the settings


@dataclass(frozen=True)
class FramePlan:
    """The first and the last step are always kept.

    Attributes:
        spacing: `geometric`, dense at first, where most happens; or `fixed`.
        count: about how many frames in geometric spacing.
        every: distance of the frames in fixed spacing; made larger where it would give more than a thousand.
        steps: updates of the whole run.

    Raises:
        ValueError: for another spacing, or numbers that leave no room for the first and the last step.
    """

    spacing: str = FramesConfig.spacing
    count: int = FramesConfig.count
    every: int = FramesConfig.every
    steps: int = Row.steps

    def __post_init__(self) -> None:
        if self.spacing not in ("geometric", "fixed"):
            raise ValueError(f"The spacing of frames is 'geometric' or 'fixed', got {self.spacing!r}.")
        for name, least in (("count", 2), ("every", 1), ("steps", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"A plan of frames needs {name} of at least {least}, got {getattr(self, name)}.")

    def chosen(self) -> frozenset[int]:
        """The steps that are kept."""
        if self.spacing == "fixed":
            every = max(self.every, -(-self.steps // (MOST - 1)))
            return frozenset((*range(0, self.steps, every), self.steps))
        # Where the curve is so flat that two places would round to one step, it begins anew from the step after: a plan
        # for 40 frames of 60 steps has 40.
        step, chosen = 0, [0]
        for remaining in range(min(self.count, MOST, self.steps + 1) - 1, 0, -1):
            grown = (step + 1) * ((self.steps + 1) / (step + 1)) ** (1 / remaining) - 1
            step = max(step + 1, round(grown))
            chosen.append(step)
        return frozenset((*chosen, self.steps))
