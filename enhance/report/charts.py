"""Curves and levels as numbers for a page to draw: positions, ticks and labels, no colours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeVar

from enhance.metrics.registry import display_name
from enhance.report.axes import Axis, Tick, polyline
from enhance.report.numbers import quantity
from enhance.report.run_data import SMALLEST_SHARE, RunData, weighted_terms
from enhance.runs.history import Row

_Point = TypeVar("_Point")

WIDTH, HEIGHT = 360.0, 118.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 344.0, 6.0, 98.0
_MAX_POINTS = 600
_OF_ROWS = ("loss", "psnr", "ssim")  # figures that every row has
_MARGIN = 0.04  # above and below a curve, in parts of its range


@dataclass(frozen=True)
class TermLine:
    """What one term adds to the loss.

    Attributes:
        name: of the term, as people write it.
        lines: points of the polylines; several where the share cannot be drawn in between.
    """

    name: str
    lines: list[str]


@dataclass(frozen=True)
class Chart:
    """One curve in a box of WIDTH x HEIGHT.

    Attributes:
        key: of the quantity it shows: loss, psnr, ssim, or a metric of `judges=`.
        steps, across, up, texts: of every point: its step, its place, and its value as text.
        columns, lines: places and labels of the grid.
        dot: place of the result.
        logarithmic: whether the axis is.
        summary: the curve in a sentence.
        terms: of the loss, where it is a sum of several.
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
    terms: list[TermLine] = field(default_factory=list)

    left, right, top, bottom = _LEFT, _RIGHT, _TOP, _BOTTOM

    @property
    def title(self) -> str:
        return quantity(self.key).title

    @property
    def points(self) -> str:
        return polyline(zip(self.across, self.up, strict=True))


@dataclass(frozen=True)
class Level:
    """Distances of one level, and their places on an axis that all levels share, in percent."""

    name: str
    initial: float
    result: float
    start: float
    end: float


def charts(data: RunData) -> list[Chart]:
    """Loss, PSNR, SSIM and further scores against the step; the loss on a logarithmic axis. What was never
    finite is left out.
    """
    if not data.rows:
        return []
    first = data.rows[0].step
    across = Axis(first, max(data.rows[-1].step, first + 1), _LEFT, _RIGHT)
    drawn = (_chart(key, data, across) for key in dict.fromkeys((*_OF_ROWS, *data.scores)))
    return [chart for chart in drawn if chart]


def levels(initial: Mapping[str, Any], result: Mapping[str, Any]) -> list[Level]:
    """The distance of each level before and after, on one logarithmic axis; empty where it is not known."""
    before, after = (numbers.get("levels") or {} for numbers in (initial, result))
    known = [
        (name, before[name], after[name]) for name in before if before[name] is not None and after.get(name) is not None
    ]
    positive = [value for _, *values in known for value in values if value > 0]
    axis = Axis.around(positive, 3, 97, logarithmic=True) if positive else None
    return [
        Level(name, *values, *(axis.place(value) if axis and value > 0 else 0.0 for value in values))
        for name, *values in known
    ]


def _chart(key: str, data: RunData, across: Axis) -> Chart | None:
    rows = [row for row in data.rows if math.isfinite(_value(row, key))]
    if not rows:
        return None
    values = [_value(row, key) for row in rows]
    logarithmic = key == "loss" and min(values) > 0 and len(rows) > 1
    terms = weighted_terms(rows, data.weights) if key == "loss" else {}
    smallest = SMALLEST_SHARE * min(values) if logarithmic else -math.inf
    shares = [share for points in terms.values() for _, share in points if share >= smallest]
    up = Axis.around(values + shares, _BOTTOM, _TOP, logarithmic=logarithmic, margin=_MARGIN)
    shown = _thinned(rows)
    best = next((row for row in rows if data.best and row.step == data.best.step), None)
    write = quantity(key).write
    return Chart(
        key,
        [row.step for row in shown],
        [round(across.place(row.step), 1) for row in shown],
        [round(up.place(_value(row, key)), 1) for row in shown],
        [write(_value(row, key)) for row in shown],
        across.ticks(5, whole=True),
        up.ticks(),
        (across.place(best.step), up.place(_value(best, key))) if best else None,
        logarithmic,
        f"{quantity(key).title} from {write(values[0])} at step {rows[0].step} "
        f"to {write(values[-1])} at step {rows[-1].step}",
        [TermLine(display_name(name), _lines(points, across, up)) for name, points in terms.items()],
    )


def _value(row: Row, key: str) -> float:
    """A figure of a row, or its score by a metric; NaN where it was not computed."""
    return float(getattr(row, key)) if key in _OF_ROWS else row.scores.get(key, math.nan)


def _lines(points: list[tuple[int, float]], across: Axis, up: Axis) -> list[str]:
    """Polylines of a term's shares; what lies outside the axis is left out."""
    runs = [list(run) for shown, run in groupby(_thinned(points), lambda point: point[1] in up) if shown]
    return [polyline((across.place(step), up.place(share)) for step, share in run) for run in runs]


def _thinned(points: list[_Point]) -> list[_Point]:
    """At most `_MAX_POINTS`, the first and the last included."""
    if len(points) <= _MAX_POINTS:
        return points
    return [points[round(place * (len(points) - 1) / (_MAX_POINTS - 1))] for place in range(_MAX_POINTS)]
