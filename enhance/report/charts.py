"""Curves and levels as numbers for a page to draw: positions, ticks and labels, no colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.ticker import MaxNLocator

from enhance.report.run_data import Story
from enhance.runs.history import Row

WIDTH, HEIGHT = 360.0, 118.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 344.0, 6.0, 98.0
_MOST_POINTS = 600
_MOST_TICKS = 6

FORMATS: Mapping[str, str] = {
    "loss": "{:.4g}",
    "score": "{:.3f}",
    "psnr": "{:.2f} dB",
    "ssim": "{:.4f}",
    "ms_ssim": "{:.4f}",
}
TITLES: Mapping[str, str] = {"loss": "Loss", "score": "Score", "psnr": "PSNR", "ssim": "SSIM", "ms_ssim": "MS-SSIM"}

Tick = tuple[float, str]


@dataclass(frozen=True)
class Chart:
    """One curve in a box of WIDTH x HEIGHT.

    Attributes:
        key: of the figure it shows: loss, psnr or ssim.
        steps, across, up, texts: of every point: its step, its place, and what to say of it.
        columns, lines: places and labels of the grid.
        dot: place of the result.
        logarithmic: whether the axis is.
        summary: the curve in a sentence.
    """

    key: str
    steps: list[int]
    across: list[float]
    up: list[float]
    texts: list[str]
    columns: list[Tick]
    lines: list[Tick]
    dot: tuple[float, float] | None
    logarithmic: bool
    summary: str

    left, right, top, bottom = _LEFT, _RIGHT, _TOP, _BOTTOM

    @property
    def title(self) -> str:
        return TITLES[self.key]

    @property
    def points(self) -> str:
        """For a polyline."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(self.across, self.up, strict=True))


@dataclass(frozen=True)
class Level:
    """Distances of one level, and their places on an axis that all levels share, in percent."""

    name: str
    initial: float
    result: float
    start: float
    end: float


def charts(story: Story) -> list[Chart]:
    """Loss, PSNR and SSIM against the step; the loss on a logarithmic axis. What was never finite is left out."""
    if not story.rows:
        return []
    first, last = story.rows[0].step, max(story.rows[-1].step, story.rows[0].step + 1)
    place = _scale(first, last, _LEFT, _RIGHT)
    whole = [step for step in MaxNLocator(5, integer=True).tick_values(first, last) if first <= step <= last]
    columns = [(place(step), f"{step:.0f}") for step in whole]
    drawn = (_chart(key, story, place, columns) for key in ("loss", "psnr", "ssim"))
    return [chart for chart in drawn if chart]


def levels(initial: Mapping[str, Any], result: Mapping[str, Any]) -> list[Level]:
    """The distance of each level before and after, on one logarithmic axis; empty where it is not known."""
    before, after = (numbers.get("levels") or {} for numbers in (initial, result))
    known = [
        (name, before[name], after[name]) for name in before if before[name] is not None and after.get(name) is not None
    ]
    positive = [value for _, *values in known for value in values if value > 0]
    if not positive:
        return [Level(*row, 0, 0) for row in known]
    least, most = math.log(min(positive)), math.log(max(positive))
    place = _scale(least, max(most, least + 1e-6), 3, 97)
    return [
        Level(name, *values, *(place(math.log(value)) if value > 0 else 0 for value in values))
        for name, *values in known
    ]


def _chart(key: str, story: Story, place: Callable[[float], float], columns: list[Tick]) -> Chart | None:
    rows = [row for row in story.rows if math.isfinite(getattr(row, key))]
    if not rows:
        return None
    values = [float(getattr(row, key)) for row in rows]
    logarithmic = key == "loss" and min(values) > 0 and len(rows) > 1
    change = math.log if logarithmic else float
    low, high = change(min(values)), change(max(values))
    margin = 0.04 * (high - low) or abs(high) * 0.1 or 1.0
    rise = _scale(low - margin, high + margin, _BOTTOM, _TOP)
    ticks = _ticks(min(values), max(values), logarithmic)
    chosen = _thinned(rows)
    text = FORMATS[key].format
    dot = _dot(key, story, rows)
    return Chart(
        key,
        [row.step for row in chosen],
        [round(place(row.step), 1) for row in chosen],
        [round(rise(change(getattr(row, key))), 1) for row in chosen],
        [text(getattr(row, key)) for row in chosen],
        columns,
        [(rise(change(tick)), f"{tick:.6g}") for tick in ticks],
        (place(dot.step), rise(change(getattr(dot, key)))) if dot else None,
        logarithmic,
        f"{TITLES[key]} from {text(values[0])} at step {rows[0].step} to {text(values[-1])} at step {rows[-1].step}",
    )


def _dot(key: str, story: Story, rows: list[Row]) -> Row | None:
    best = story.best
    return next((row for row in rows if best and row.step == best.step), None)


def _thinned(rows: list[Row]) -> list[Row]:
    """At most `_MOST_POINTS`, the first and the last included."""
    if len(rows) <= _MOST_POINTS:
        return rows
    return [rows[round(place * (len(rows) - 1) / (_MOST_POINTS - 1))] for place in range(_MOST_POINTS)]


def _ticks(low: float, high: float, logarithmic: bool) -> list[float]:
    """Round values from `low` to `high`: powers of ten on a logarithmic axis, with some between where these are few."""
    if logarithmic:
        powers = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
        for factors in ((1,), (1, 3), (1, 2, 5)):
            ticks = [factor * power for power in powers for factor in factors if low <= factor * power <= high]
            if len(ticks) >= 3:
                return ticks[:: -(-len(ticks) // _MOST_TICKS)]
    return [float(tick) for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: round(start + (value - low) / (high - low) * (end - start), 2)
