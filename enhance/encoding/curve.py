"""Score against size for each format: PNG and PDF, fit for a paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from enhance.encoding.choose import Encoded
from enhance.report.style import BLUE, FAINT, GREEN, INK, PURPLE, VERMILION, figure, plain, save, style_axes

CURVE = "encode"
_STYLES = ((BLUE, "o"), (VERMILION, "^"), (GREEN, "s"), (PURPLE, "D"))
_STEPS = 60  # of a mean curve


@plain
def curve(images: Sequence[Encoded], metric: str, path: Path) -> None:
    """Draw a line for each format and a ring around the choice; of several images means in equal bits per pixel.

    Args:
        images: one or several, encoded in the same formats.
        metric: the name of the axis.
        path: of the files, without an ending.
    """
    drawn = figure(3.5, 2.7)
    axis = drawn.add_axes((0.155, 0.16, 0.82, 0.8))
    for (name, title), (colour, mark) in zip(_formats(images), _STYLES, strict=False):
        curves = [_points(each, name) for each in images]
        sizes, scores = curves[0] if len(images) == 1 else _mean(curves)
        marks = {"marker": mark, "markersize": 2.5} if len(images) == 1 else {}
        axis.plot(sizes, scores, color=colour, linewidth=1.2, label=title, **marks)
        choices = [(each, choice) for each in images for choice in each.choices if choice.format.name == name]
        axis.plot(
            [_bits(each, choice.bytes) for each, choice in choices],
            [choice.score for _, choice in choices],
            linestyle="",
            marker="o",
            markersize=7 if len(images) == 1 else 3,
            markerfacecolor="none",
            markeredgecolor=colour,
            markeredgewidth=1.3 if len(images) == 1 else 0.7,
        )
    target = common_target(images)
    if target is not None:
        axis.axhline(target, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    _style(axis, metric, images[0].higher_is_better)
    save(drawn, path)


def common_target(images: Sequence[Encoded]) -> float | None:
    """The score that was to be reached, a dashed line; None where there is none, or not one for all."""
    wanted = {choice.wanted for each in images for choice in each.choices}
    return wanted.pop() if len(wanted) == 1 else None


def _style(axis: Axes, metric: str, higher_is_better: bool) -> None:
    style_axes(axis)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel("bits per pixel", fontsize=8, color=INK)
    better = "higher" if higher_is_better else "lower"
    axis.set_ylabel(f"{metric} ({better} is better)", fontsize=8, color=INK, parse_math=False)
    axis.legend(fontsize=7, frameon=False, loc="best")


def _formats(images: Sequence[Encoded]) -> list[tuple[str, str]]:
    return [(choice.format.name, choice.format.title) for choice in images[0].choices]


def _bits(image: Encoded, size: float) -> float:
    width, height = image.original.pixels.size
    return 8 * size / (width * height)


def _points(image: Encoded, name: str) -> tuple[list[float], list[float]]:
    """Bits a pixel and scores of the files of one format, in the order of their sizes."""
    points = sorted((_bits(image, size), score) for _, size, score in image.curves[name] if math.isfinite(score))
    return [size for size, _ in points], [score for _, score in points]


def _mean(curves: Sequence[tuple[list[float], list[float]]]) -> tuple[list[float], list[float]]:
    """The mean of several curves over the sizes that all of them have."""
    ends = [(sizes[0], sizes[-1]) for sizes, _ in curves if sizes]
    low, high = max((low for low, _ in ends), default=0.0), min((high for _, high in ends), default=0.0)
    if not 0 < low < high:
        return [], []
    sizes = np.geomspace(low, high, _STEPS)
    scores = [np.interp(np.log(sizes), np.log(xs), ys) for xs, ys in curves if xs]
    return sizes.tolist(), np.mean(scores, axis=0).tolist()
