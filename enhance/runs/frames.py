"""Which steps of a run are kept as frames, known before it begins."""

from __future__ import annotations

from dataclasses import dataclass

MOST = 1000  # frames on disk, whatever the settings


@dataclass(frozen=True)
class FramePlan:
    """The first and the last step are always kept.

    Attributes:
        spacing: `geometric`, dense at first, where most happens; or `fixed`.
        count: about how many frames in geometric spacing.
        every: distance of the frames in fixed spacing; made larger where it would give more than a thousand.
        steps: updates of the whole run.
    """

    spacing: str = "geometric"
    count: int = 40
    every: int = 10
    steps: int = 100

    def chosen(self) -> frozenset[int]:
        """The steps that are kept."""
        if self.spacing == "fixed":
            every = max(self.every, -(-self.steps // (MOST - 1)))
            return frozenset((*range(0, self.steps, every), self.steps))
        last = max(1, min(self.count, MOST) - 1)
        curve = ((self.steps + 1) ** (place / last) - 1 for place in range(last + 1))
        return frozenset((0, *(min(self.steps, round(value)) for value in curve), self.steps))
