"""The page of two videos: the curve of every metric, the worst seconds with their distance maps, the figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from enhance.metrics.registry import display_name
from enhance.report import embed
from enhance.report.axes import Axis, Tick, polyline
from enhance.report.numbers import quantity
from enhance.report.template import render_page
from enhance.video.curve import Curve, mean
from enhance.video.maps import Scale, Shown
from enhance.video.scoring import Scored

_TEMPLATE = Path(__file__).with_name("template")
WIDTH, HEIGHT = 640.0, 150.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 632.0, 8.0, 128.0
_MOST = 600  # points of a curve
_MARGIN = 0.05
_SHOW = 540  # CSS pixels: width of the largest picture


@dataclass(frozen=True)
class Chart:
    """The curve of one column.

    Attributes:
        key: of the column.
        title, better: its name and which scores are better, for people.
        points, times, texts: of the line: places, times and scores.
        band: an area from the lowest to the highest score, where a point is the mean of several frames.
        columns, lines: of the grid.
    """

    key: str
    title: str
    better: str
    points: list[tuple[float, float]]
    times: list[str]
    texts: list[str]
    band: str
    columns: list[Tick]
    lines: list[Tick]

    left, right, top, bottom = _LEFT, _RIGHT, _TOP, _BOTTOM

    @property
    def line(self) -> str:
        return polyline(self.points)


def page(document: Mapping[str, Any], scored: Scored, shown: Sequence[Shown], scale: Scale, table: Path) -> str:
    """The page.

    Args:
        document: see `enhance.video.document.values`.
        scored: the curve.
        shown: pictures of the worst seconds, the worst first.
        scale: of their maps.
        table: the CSV, which the page links to.
    """
    curve, streams = scored.curve, document["streams"]
    across = Axis(0.0, max(curve.times[-1], 1e-3), _LEFT, _RIGHT)
    charts = [_chart(each, curve, across) for each in document["scorers"]]
    width, height = streams["reference"]["width"], streams["reference"]["height"]
    return render_page(
        "video",
        _TEMPLATE,
        "slider",
        title=f"{Path(document['reference']).name} → {Path(document['image']).name}",
        task="score",
        size=f"{width} x {height} pixels",
        frames=f"{document['frames']} frames, the last at {curve.times[-1]:.2f} s",
        rate=f"{streams['reference']['rate']:g} frames a second",
        notes=document["notes"],
        table=[_row(each, document) for each in document["scorers"]],
        charts=charts,
        data=[{"points": chart.points, "times": chart.times, "texts": chart.texts} for chart in charts],
        chart_size=(WIDTH, HEIGHT),
        thinned=len(curve) > _MOST,
        spans=[_span(one.second.number, across, curve) for one in shown],
        seconds=[_second(one, document["scorers"][0]) for one in shown],
        first=_title(document["scorers"][0]),
        scale={"title": scale.title, "most": f"{scale.most:.3g}", "unit": scale.unit},
        gradient=embed.gradient(),
        ratio=round(width / height, 4),
        show=_SHOW if width >= _SHOW else width * max(1, _SHOW // width),
        reduced=max(width, height) > embed.MOST,
        most=embed.MOST,
        files=[table.name, table.with_suffix(".json").name],
    )


def _row(about: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, str]:
    name = about["column"]
    worst = document["worst_frames"][name]
    seconds = document["seconds"][name]
    sign = 1 if about["higher_is_better"] else -1
    second = min(seconds, key=lambda number: sign * _number(seconds[number]))
    return {
        "title": _title(about),
        "better": _better(about),
        "mean": _figure(about, document["means"][name]),
        "second": f"{_figure(about, seconds[second])} from {second} s",
        "frame": f"{_figure(about, worst['score'])} at {worst['time']:.2f} s",
        "equal": str(document["infinite"][name] or ""),
    }


def _chart(about: Mapping[str, Any], curve: Curve, across: Axis) -> Chart:
    """The curve; frames of infinite score stand at its upper edge, and where all are there is no scale."""
    scores = curve.columns[about["column"]]
    known = [score for score in scores if math.isfinite(score)] or [0.0]
    up = Axis.around([min(known), max(known)], _BOTTOM, _TOP, margin=_MARGIN)
    bins = _bins(len(scores))
    means = [mean(scores[start:end]) for start, end in bins]
    drawn = [(place, value) for place, value in enumerate(means) if not math.isnan(value)]
    places = {place: across.place(_middle(curve, *bins[place])) for place, _ in drawn}
    return Chart(
        about["column"],
        _title(about),
        _better(about),
        [(round(places[place], 1), round(_height(value, up), 1)) for place, value in drawn],
        [f"{_middle(curve, *bins[place]):.2f}" for place, _ in drawn],
        [_figure(about, value) for _, value in drawn],
        _band(scores, bins, places, up) if len(scores) > _MOST else "",
        across.ticks(8),
        up.ticks() if any(map(math.isfinite, scores)) else [],
    )


def _band(scores: Sequence[float], bins: Sequence[tuple[int, int]], places: Mapping[int, float], up: Axis) -> str:
    """A polygon: the highest scores from left to right, the lowest back."""
    parts = {place: [score for score in scores[slice(*bins[place])] if not math.isnan(score)] for place in places}
    above = [(places[place], _height(max(part), up)) for place, part in parts.items()]
    below = [(places[place], _height(min(part), up)) for place, part in parts.items()]
    return polyline([*above, *reversed(below)])


def _bins(count: int) -> list[tuple[int, int]]:
    """At most `_MOST` runs of neighbouring frames."""
    number = min(count, _MOST)
    ends = [count * place // number for place in range(number + 1)]
    return list(pairwise(ends))


def _middle(curve: Curve, start: int, end: int) -> float:
    return (curve.times[start] + curve.times[end - 1]) / 2


def _height(value: float, up: Axis) -> float:
    return _TOP if math.isinf(value) else up.place(value)


def _span(second: int, across: Axis, curve: Curve) -> tuple[float, float]:
    """Where a second begins and how wide it is."""
    begin, end = across.place(second), across.place(min(second + 1, curve.times[-1]))
    return round(begin, 1), round(max(end - begin, 1.5), 1)


def _second(one: Shown, about: Mapping[str, Any]) -> dict[str, Any]:
    second = one.second
    return {
        "title": f"{second.number} s to {second.number + 1} s",
        "mean": _figure(about, second.mean),
        "frame": f"frame {second.worst.reference.number} at {second.worst.time:.2f} s",
        "score": _figure(about, second.score),
        "reference": embed.lossless(one.reference),
        "image": embed.lossless(one.image),
        "map": embed.webp(one.difference, embed.MOST, 90),
    }


def _figure(about: Mapping[str, Any], value: float | None) -> str:
    return quantity(about["metric"]).write(math.inf if value is None else value)


def _title(about: Mapping[str, Any]) -> str:
    return display_name(about["metric"], about.get("backbone"))


def _better(about: Mapping[str, Any]) -> str:
    return "higher is better" if about["higher_is_better"] else "lower is better"


def _number(score: float | None) -> float:
    return math.inf if score is None else score
