"""A duel as figures for a paper: the four images beside initial image and reference, and both metrics on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from enhance.duels.results import FOUR, Duel
from enhance.images.arrays import to_array
from enhance.metrics.registry import display_name
from enhance.report.style import BLUE, FAINT, INK, VERMILION, figure, plain, save, style_axes

IMAGES, CURVES = "duel", "duel-curves"
_PANEL, _HEAD = 2.3, 0.4  # inches


@plain
def images(found: Duel, folder: Path) -> None:
    """Draw reference, best and worst by A above initial image, best and worst by B, with the scores of both metrics."""
    height, width = found.reference.shape[-2:]
    panel = _PANEL * height / width + _HEAD
    drawn = figure(3 * _PANEL + 0.2, 2 * panel)
    axes = drawn.subplots(2, 3)
    drawn.subplots_adjust(left=0.01, right=0.99, top=1 - 0.38 / (2 * panel), bottom=0.01, wspace=0.03, hspace=_HEAD / 2)
    shown = {"reference": found.reference, "initial": found.initial} | {n: end.image for n, end in found.ends.items()}
    for axis, name in zip(axes.T.flat, ("reference", "initial", "best-A", "best-B", "worst-A", "worst-B"), strict=True):
        axis.imshow(to_array(shown[name]), interpolation="lanczos", interpolation_stage="rgba")
        axis.set_axis_off()
        axis.set_title(title(found, name), fontsize=8, color=INK, pad=13, parse_math=False)
        axis.text(0.5, 1.015, caption(found, name), transform=axis.transAxes, ha="center", fontsize=7, color=FAINT)
    save(drawn, folder / IMAGES)


@plain
def curves(found: Duel, folder: Path) -> None:
    """Draw both metrics against the step: one opens a gap, the other stays at its level."""
    drawn = figure(7.1, 2.3)
    axes = drawn.subplots(1, 2)
    drawn.subplots_adjust(left=0.085, right=0.985, bottom=0.19, top=0.87, wspace=0.25)
    for axis, side in zip(axes, "AB", strict=True):
        _curve(axis, found, side)
    save(drawn, folder / CURVES)


def title(found: Duel, name: str) -> str:
    """What an image is, e.g. `best SSIM at equal MSE`."""
    if name not in FOUR:
        return name
    moving, held = (display_name(metric.name) for metric in found.sides(name))
    return f"{name.partition('-')[0]} {moving} at equal {held}"


def caption(found: Duel, name: str) -> str:
    """The scores of both metrics; empty of the reference."""
    scores = found.scores.get(name, {})
    names = dict.fromkeys((found.first.name, found.second.name))
    return ", ".join(f"{display_name(key)} {number(scores[key])}" for key in names) if scores else ""


def number(value: float) -> str:
    """A score for people.

    Example:
        >>> number(0.95031), number(0.0138), number(18.6)
        ('0.9503', '0.0138', '18.60')
    """
    return f"{value:.4f}" if 0.01 <= abs(value) < 10 else f"{value:.2f}" if abs(value) >= 10 else f"{value:.3g}"


def _curve(axis: Axes, found: Duel, side: str) -> None:
    moving, held = found.sides(f"best-{side}")
    for name, colour in ((f"best-{side}", BLUE), (f"worst-{side}", VERMILION)):
        way = np.array(found.ends[name].way)
        label = name.partition("-")[0]
        axis.plot(
            way[:, 0], way[:, 1] / way[0, 1], color=colour, linewidth=1.4, label=f"{label} {display_name(moving.name)}"
        )
        style = {"linewidth": 0.9, "linestyle": (0, (4, 2))}
        axis.plot(way[:, 0], way[:, 2] / way[0, 2], color=colour, label=f"{display_name(held.name)}, held", **style)
    style_axes(axis)
    axis.set_yscale("log")
    axis.set_xlabel("step", fontsize=8, color=INK)
    axis.set_ylabel("loss, initial image = 1", fontsize=8, color=INK)
    axis.set_title(
        f"{display_name(moving.name)} at equal {display_name(held.name)}", fontsize=8, color=INK, parse_math=False
    )
    axis.legend(fontsize=6.5, frameon=False, loc="best")
