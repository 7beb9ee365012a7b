"""Opinions against scores with the fitted logistic, a panel for each metric. PNG and PDF, fit for a paper."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from enhance.drawing import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION, figure, plain, save
from enhance.scoring.evaluation import ALL, Evaluation

_STYLES = ((BLUE, "o"), (VERMILION, "^"), (GREEN, "s"), (PURPLE, "D"), (ORANGE, "v"), (SKY, "P"))
_MOST_ACROSS = 4
_WIDTH = 7.1  # inches, two columns of a paper


@plain
def scatter(evaluation: Evaluation, path: Path) -> None:
    """Draw every metric; colours and marks tell the types of distortion apart where they are six or fewer."""
    metrics = list(evaluation.agreements)
    across = min(len(metrics), _MOST_ACROSS if len(metrics) != 6 else 3)
    down = math.ceil(len(metrics) / across)
    width = _WIDTH if across > 1 else _WIDTH / 2
    types = sorted(set(evaluation.data.types))
    legend = 1 < len(types) <= len(_STYLES)
    panel = (width - 0.5) / across
    height = down * (panel * 0.8 + 0.62) + 0.1 + 0.25 * legend
    drawn = figure(width, height)
    axes = drawn.subplots(down, across, squeeze=False, sharey=True)
    drawn.subplots_adjust(
        left=0.52 / width,
        right=1 - 0.08 / width,
        top=1 - 0.3 / height,
        bottom=(0.42 + 0.25 * legend) / height,
        wspace=0.1,
        hspace=0.66 / (panel * 0.8),
    )
    for place, axis in enumerate(axes.flat):
        if place < len(metrics):
            _panel(axis, evaluation, metrics[place], types if legend else [])
        else:
            axis.set_visible(False)
    for row in axes:
        row[0].set_ylabel(evaluation.data.opinion, fontsize=8, color=INK, parse_math=False)
    if legend:
        handles = [
            Line2D([], [], color=colour, marker=mark, linestyle="", markersize=4, label=name)
            for (colour, mark), name in zip(_STYLES, types, strict=False)
        ]
        found = drawn.legend(
            handles=handles, loc="lower center", ncols=len(types), fontsize=7, frameon=False, handletextpad=0.1
        )
        for text in found.get_texts():
            text.set_parse_math(False)
    save(drawn, path)


def _panel(axis: Axes, evaluation: Evaluation, metric: str, types: list[str]) -> None:
    scores, opinions = evaluation.data.scores[metric], evaluation.data.opinions
    whole = evaluation.agreements[metric][ALL]
    size = float(np.clip(2500 / len(scores), 1.5, 12))
    groups = [(BLUE, "o", np.full(len(scores), True))]
    if types:
        labels = np.array(evaluation.data.types)
        groups = [(*style, labels == name) for style, name in zip(_STYLES, types, strict=False)]
    for colour, mark, rows in groups:
        axis.scatter(
            scores[rows],
            opinions[rows],
            s=size,
            color=colour,
            marker=mark,
            alpha=float(np.clip(400 / len(scores), 0.12, 0.7)),
            linewidths=0,
            rasterized=True,
        )
    if whole.curve:
        along = np.linspace(scores.min(), scores.max(), 400)
        axis.plot(along, whole.curve(along), color="white", linewidth=2.8)
        axis.plot(along, whole.curve(along), color=INK, linewidth=1.3)
    known = [
        f"{name} {abs(whole.values[key]):.3f}"
        for name, key in (("SRCC", "srcc"), ("PLCC", "plcc"))
        if math.isfinite(whole.values[key])
    ]
    axis.set_title("  ".join(known), fontsize=7, loc="left", color=INK)
    axis.set_xlabel(metric, fontsize=8, color=INK, parse_math=False)
    axis.tick_params(labelsize=7, color=FAINT, labelcolor=INK)
    axis.grid(True, color="#e6e6e6", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.yaxis.set_major_locator(MaxNLocator(5))
    for name, spine in axis.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(FAINT)
