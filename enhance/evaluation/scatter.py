"""Subjective against objective scores with the fitted logistic, a panel for each metric; PNG and PDF for a paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from enhance.evaluation.correlations import ALL, Evaluation
from enhance.report.style import BLUE, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION, figure, plain, save, style_axes

_STYLES = ((BLUE, "o"), (VERMILION, "^"), (GREEN, "s"), (PURPLE, "D"), (ORANGE, "v"), (SKY, "P"))
_MOST_ACROSS = 4
_WIDTH = 7.1  # inches, two columns of a paper


@plain
def scatter(evaluations: Sequence[Evaluation], path: Path) -> None:
    """Draw every metric of every evaluation; each evaluation begins a row.

    Colours and marks distinguish the types of distortion where there is one evaluation of six types or fewer.
    """
    most = max(len(evaluation.agreements) for evaluation in evaluations)
    across = 3 if most == 6 else min(most, _MOST_ACROSS)
    rows = [
        (evaluation, list(evaluation.agreements)[start : start + across])
        for evaluation in evaluations
        for start in range(0, len(evaluation.agreements), across)
    ]
    types = sorted(set(evaluations[0].data.types)) if len(evaluations) == 1 else []
    types = types if 1 < len(types) <= len(_STYLES) else []
    width = _WIDTH if across > 1 else _WIDTH / 2
    panel, foot = (width - 0.5) / across * 0.8, 0.42 + (0.25 if types else 0)
    height = len(rows) * (panel + 0.62) + foot - 0.35
    drawn = figure(width, height)
    axes = drawn.subplots(len(rows), across, squeeze=False, sharey="row")
    drawn.subplots_adjust(
        left=0.52 / width,
        right=1 - 0.08 / width,
        top=1 - 0.3 / height,
        bottom=foot / height,
        wspace=0.1,
        hspace=0.66 / panel,
    )
    for panels, (evaluation, metrics) in zip(axes, rows, strict=True):
        for axis, metric in zip(panels, metrics, strict=False):
            _panel(axis, evaluation, metric, types)
        for axis in panels[len(metrics) :]:
            axis.set_visible(False)
        panels[0].set_ylabel(evaluation.data.subjective_column, fontsize=8, color=INK, parse_math=False)
    if types:
        _legend(drawn, types)
    save(drawn, path)


def _legend(drawn: Figure, types: list[str]) -> None:
    handles = [
        Line2D([], [], color=colour, marker=mark, linestyle="", markersize=4, label=name)
        for (colour, mark), name in zip(_STYLES, types, strict=False)
    ]
    found = drawn.legend(
        handles=handles, loc="lower center", ncols=len(types), fontsize=7, frameon=False, handletextpad=0.1
    )
    for text in found.get_texts():
        text.set_parse_math(False)


def _panel(axis: Axes, evaluation: Evaluation, metric: str, types: list[str]) -> None:
    scores, subjective = evaluation.data.scores[metric], evaluation.data.subjective
    whole = evaluation.agreements[metric][ALL]
    size = float(np.clip(5000 / len(scores), 2, 12))
    groups = [(BLUE, "o", np.full(len(scores), True))]
    if types:
        labels = np.array(evaluation.data.types)
        groups = [(*style, labels == name) for style, name in zip(_STYLES, types, strict=False)]
    for colour, mark, rows in groups:
        axis.scatter(
            scores[rows],
            subjective[rows],
            s=size,
            color=colour,
            marker=mark,
            alpha=float(np.clip(900 / len(scores), 0.1, 0.7)),
            linewidths=0,
            rasterized=True,
        )
    if whole.curve:
        along = np.linspace(scores.min(), scores.max(), 400)
        axis.plot(along, whole.curve(along), color="white", linewidth=2.1, alpha=0.8)
        axis.plot(along, whole.curve(along), color=INK, linewidth=1.3)
    known = [
        f"{name} {abs(whole.values[key]):.3f}"
        for name, key in (("SRCC", "srcc"), ("PLCC", "plcc"))
        if math.isfinite(whole.values[key])
    ]
    axis.set_title("  ".join(known), fontsize=7, loc="left", color=INK)
    axis.set_xlabel(metric, fontsize=8, color=INK, parse_math=False)
    style_axes(axis)
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.yaxis.set_major_locator(MaxNLocator(5))
