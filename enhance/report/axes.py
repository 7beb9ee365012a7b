"""Axes of charts that a page draws: the place of a value, and the values that get a line of the grid."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from matplotlib.ticker import MaxNLocator

Tick = tuple[float, str]
_MOST_TICKS = 6


@dataclass(frozen=True)
class Axis:
    """A range of values, and the places where it begins and ends.

    Attributes:
        low, high: values; their logarithms on a logarithmic axis.
        start, end: their places.
        logarithmic: whether equal factors are equally far apart.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    @classmethod
    def around(
        cls, values: Sequence[float], start: float, end: float, *, logarithmic: bool = False, margin: float = 0.0
    ) -> Self:
        """The axis that shows all values, with a margin on both sides in parts of their range."""
        change = math.log if logarithmic else float
        low, high = change(min(values)), change(max(values))
        room = margin * (high - low) or (abs(high) * 0.1 or 1.0 if low == high else 0.0)
        return cls(low - room, high + room, start, end, logarithmic)

    def place(self, value: float) -> float:
        """Where a value lies."""
        share = (self._scaled(value) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self, count: int = 4, *, whole: bool = False) -> list[Tick]:
        """Places and labels of round values: about `count` of them, or powers of ten on a logarithmic axis, with some
        between where these are few.
        """
        values = self._powers() if self.logarithmic else []
        if not values:
            ends = (math.exp(end) if self.logarithmic else end for end in (self.low, self.high))
            values = list(MaxNLocator(count, integer=whole, steps=[1, 2, 5, 10]).tick_values(*ends))
        return [(self.place(value), f"{value:.6g}") for value in values if value in self]

    def __contains__(self, value: float) -> bool:
        return (value > 0 or not self.logarithmic) and self.low <= self._scaled(value) <= self.high

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.logarithmic else value

    def _powers(self) -> list[float]:
        """Powers of ten, or their multiples where these are few; empty where all are few."""
        first, last = math.floor(self.low / math.log(10)), math.ceil(self.high / math.log(10))
        powers = [10.0**power for power in range(first, last + 1)]
        for factors in ((1,), (1, 3), (1, 2, 5)):
            values = [factor * power for power in powers for factor in factors if factor * power in self]
            if len(values) >= 3:
                return values[:: -(-len(values) // _MOST_TICKS)]
        return []


def polyline(points: Iterable[tuple[float, float]]) -> str:
    """The `points` of an SVG polyline."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
