"""A duel as figures for a paper: the four images beside initial image and reference, and both metrics on the way."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

from enhance.metrics.registry import display_name
from enhance.report.duel.data import DuelData
from enhance.report.style import BLUE, FAINT, INK, VERMILION, figure, plain, save, style_axes
from enhance.runs import layout as names

_PANEL, _HEAD = 2.3, 0.4  # inches
_PLACES = ("reference", "initial", "best-A", "best-B", "worst-A", "worst-B")  # by columns


@plain
def comparison(data: DuelData) -> None:
    """Draw reference, best and worst by A above initial image, best and worst by B, with the scores of both metrics."""
    width, height = data.pictures["reference"].pixels.size
    panel = _PANEL * height / width + _HEAD
    drawn = figure(3 * _PANEL + 0.2, 2 * panel)
    axes = drawn.subplots(2, 3)
    drawn.subplots_adjust(left=0.01, right=0.99, top=1 - 0.38 / (2 * panel), bottom=0.01, wspace=0.03, hspace=_HEAD / 2)
    for axis, name in zip(axes.T.flat, _PLACES, strict=True):
        axis.set_axis_off()
        if name in data.pictures:
            axis.imshow(np.asarray(data.pictures[name].pixels), interpolation="lanczos", interpolation_stage="rgba")
        axis.set_title(data.title(name), fontsize=8, color=INK, pad=13, parse_math=False)
        axis.text(
            0.5,
            1.015,
            data.caption(name),
            transform=axis.transAxes,
            ha="center",
            fontsize=7,
            color=FAINT,
            parse_math=False,
        )
    save(drawn, data.folder / names.COMPARISON)


@plain
def curves(data: DuelData) -> None:
    """Draw both metrics against the step: one opens a gap, the other stays at its level."""
    drawn = figure(7.1, 2.8)
    axes = drawn.subplots(1, 2)
    drawn.subplots_adjust(left=0.085, right=0.985, bottom=0.33, top=0.9, wspace=0.25)
    for axis, side in zip(axes, "AB", strict=True):
        _curve(axis, data, side)
    save(drawn, data.folder / names.CURVES)


def _curve(axis: Axes, data: DuelData, side: str) -> None:
    moving, fixed = data.sides(f"best-{side}")
    for name, colour in ((f"best-{side}", BLUE), (f"worst-{side}", VERMILION)):
        rows = data.rows.get(name, [])
        steps = [row.step for row in rows]
        for key, label, style in (
            (moving, f"{name.partition('-')[0]} {display_name(moving)}", {"linewidth": 1.4}),
            (fixed, f"{display_name(fixed)}, fixed", {"linewidth": 0.9, "linestyle": (0, (4, 2))}),
        ):
            values = [row.terms[key] / rows[0].terms[key] for row in rows]
            axis.plot(steps, values, color=colour, label=label, **style)  # type: ignore[arg-type]
    style_axes(axis)
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("")
    axis.set_xlabel("step", fontsize=8, color=INK)
    axis.set_ylabel("loss, initial image = 1", fontsize=8, color=INK)
    title = f"{display_name(moving)} at equal {display_name(fixed)}"
    axis.set_title(title, fontsize=8, color=INK, parse_math=False)
    axis.legend(fontsize=6.5, frameon=False, ncol=2, loc="upper center", bbox_to_anchor=(0.5, -0.22))
