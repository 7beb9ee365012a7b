"""The figures of a run, drawn from its files alone: the comparison of images and the curves. PNG and PDF, fit for a
paper.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.gridspec import GridSpec
from matplotlib.patches import Rectangle
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullFormatter

from enhance.metrics.registry import display_name
from enhance.report.crops import Array, crop, square
from enhance.report.numbers import QUANTITIES
from enhance.report.run_data import SMALLEST_SHARE, RunData, reduced, weighted_terms
from enhance.report.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    encode,
    figure,
    plain,
    save,
    style_axes,
)
from enhance.runs import layout as names
from enhance.runs.history import Row

_MOST = 1200  # pixels of an image's longer side inside a figure
_PANEL, _HEAD = 2.3, 0.48  # inches: width of an image of the comparison, and height of the text above it
_CURVES = (("loss", BLUE), ("psnr", GREEN), ("ssim", VERMILION))
_TERM_COLOURS = (ORANGE, SKY, PURPLE, FAINT)


@plain
def comparison(data: RunData) -> None:
    """Draw initial | result | reference, below them the square that `crops.zoom` chooses, enlarged.

    A run that is not finished shows its best image so far; an image so small that the square is most of it has no
    second row. Where one of the images is missing there is no figure.
    """
    if not (data.initial and data.result and data.reference):
        return
    pictures = (data.initial, data.result, data.reference)
    images = [np.asarray(reduced(picture.pixels, _MOST)) for picture in pictures]
    height, width = images[2].shape[:2]
    left, top, side = square(images[0], images[2], data.reference.pixels.width)
    enlarged = side < 0.8 * max(height, width)
    drawn, grid = _panels(height / width, enlarged)
    titles = (_titled("initial", data.start), _result_title(data), "reference")
    for column, (image, title, numbers) in enumerate(zip(images, titles, (*data.results(), {}), strict=True)):
        axis = drawn.add_subplot(grid[0, column])
        _show(axis, image, FAINT, 0.5)
        _write(axis, title, 17)
        _write(axis, _caption(numbers), 5)
        if enlarged:
            _outline(axis, left * width, top * height, side)
            detail = np.asarray(crop(pictures[column].pixels, left, top, side / width))
            _show(drawn.add_subplot(grid[1, column]), detail, VERMILION, 1.2)
    save(drawn, data.folder / names.COMPARISON)


@plain
def curves(data: RunData) -> None:
    """Draw loss, PSNR and SSIM against the step; the dot marks the step of the result. Where the objective has several
    terms, thin lines below the loss show what each adds to it.
    """
    best = data.best
    if best is None:
        return
    result = data.metadata.get("best", {})
    if math.isnan(best.ssim) and result.get("step") == best.step and result.get("ssim") is not None:
        best = replace(best, ssim=result["ssim"])  # between frames the SSIM of the result alone is known
    drawn = figure(7.1, 2.0)
    axes = drawn.subplots(1, 3)
    drawn.subplots_adjust(left=0.075, right=0.985, bottom=0.21, top=0.88, wspace=0.33)
    _curves(axes, data.rows, best, data.weights)
    save(drawn, data.folder / names.CURVES)


@plain
def strip(
    images: Mapping[str, Array], rows: list[Row], best: Row, weights: Mapping[str, float] | None = None
) -> tuple[bytes, dict[str, int]]:
    """A PNG at 200 dots an inch of images in a row above the curves, and the width and height to show it at, half its
    own, so that it is sharp on any screen.

    Args:
        images: (H, W, 3), by title.
        rows: the history.
        best: the row of the result.
        weights: of the objective's terms, where it has several.
    """
    height, width = next(iter(images.values())).shape[:2]
    ratio = min(max(height / width, 0.2), 1.6)
    wide, chart, head = 9.0, 1.75, 0.24  # inches
    drawn = figure(wide, (wide - 0.1) / len(images) * ratio + head + chart)
    inch = 1 / drawn.get_figheight()
    upper = drawn.add_gridspec(
        1, len(images), left=0.006, right=0.994, top=1 - head * inch, bottom=chart * inch, wspace=0.04
    )
    for place, (title, image) in enumerate(images.items()):
        axis = drawn.add_subplot(upper[place])
        _show(axis, image, FAINT, 0.5)
        _write(axis, title, 4)
    lower = drawn.add_gridspec(1, 3, left=0.055, right=0.988, bottom=0.4 * inch, top=(chart - 0.33) * inch, wspace=0.25)
    _curves([drawn.add_subplot(lower[place]) for place in range(3)], rows, best, weights or {})
    return encode(drawn, "png", 200), {"width": round(100 * wide), "height": round(100 * drawn.get_figheight())}


def _panels(ratio: float, enlarged: bool) -> tuple[Figure, GridSpec]:
    """An empty figure for three images of this height to width, with a second row of squares if `enlarged`."""
    ratio = min(max(ratio, 0.2), 1.6)
    drawn = figure(3 * _PANEL + 0.2, _PANEL * (ratio + enlarged) + _HEAD + 0.07)
    grid = drawn.add_gridspec(
        1 + enlarged,
        3,
        height_ratios=(ratio, 1) if enlarged else (1,),
        left=0.01,
        right=0.99,
        bottom=0.01,
        top=1 - _HEAD / drawn.get_figheight(),
        wspace=0.03,
        hspace=0.04,
    )
    return drawn, grid


def _result_title(data: RunData) -> str:
    """What made the result, e.g. `result: DeepJSD in vgg16`."""
    return _titled("result" if data.ended else "so far", data.method)


def _titled(name: str, text: str) -> str:
    return f"{name}: {text}" if text else name


def _caption(numbers: Mapping[str, Any]) -> str:
    values = {key: numbers.get(key) for key in ("psnr", "ssim", "score")}
    known = [(QUANTITIES[key], value) for key, value in values.items() if value is not None and math.isfinite(value)]
    return "  ".join(f"{quantity.word} {quantity.write(value, short=True)}" for quantity, value in known)


def _outline(axis: Axes, left: float, top: float, side: float) -> None:
    """Mark the enlarged square, so that it is seen on any image."""
    for colour, line in (("white", 2.4), (VERMILION, 1.2)):
        corner = (left - 0.5, top - 0.5)
        axis.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=colour, linewidth=line, clip_on=False))


def _show(axis: Axes, image: Array, colour: str, width: float) -> None:
    axis.imshow(image, interpolation="antialiased")  # square pixels where enlarged threefold or more, smooth elsewhere
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_color(colour)
        spine.set_linewidth(width)


def _write(axis: Axes, line: str, points: float) -> None:
    """A line of text above an image, shortened to its width. Names of files come here: a $ is a dollar, and a
    letter that the font lacks is a question mark.
    """
    glyphs = get_font(findfont("DejaVu Sans"))
    line = "".join(letter if glyphs.get_char_index(ord(letter)) else "?" for letter in line)
    text = axis.annotate(
        line,
        (0.5, 1),
        (0, points),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        fontsize=8,
        color=INK,
        parse_math=False,
    )
    kept = len(line)
    while kept > 8 and text.get_window_extent().width > axis.get_window_extent().width:
        kept -= 1
        text.set_text(f"{line[: kept - kept // 3]}\N{HORIZONTAL ELLIPSIS}{line[len(line) - kept // 3 :]}")


def _curves(axes: Sequence[Axes], rows: list[Row], best: Row, weights: Mapping[str, float]) -> None:
    """Loss, PSNR and SSIM; a dot where the best image is."""
    for axis, (key, colour) in zip(axes, _CURVES, strict=True):
        known = [row for row in rows if math.isfinite(getattr(row, key))]
        axis.plot([row.step for row in known], [getattr(row, key) for row in known], color=colour, linewidth=1.4)
        axis.set_title(QUANTITIES[key].heading, fontsize=9, loc="left", color=INK)
        axis.set_xlabel("step", fontsize=8, color=INK)
        axis.set_xlim(rows[0].step, max(rows[-1].step, rows[0].step + 1))
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
        axis.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        style_axes(axis)
        value = getattr(best, key)
        if math.isfinite(value):
            axis.plot([best.step], [value], "o", color=colour, markersize=4, clip_on=False, zorder=5)
    axes[0].set_title(f"dot: result, step {best.step}", fontsize=7, loc="right", color=FAINT)
    logarithmic = all(row.loss > 0 for row in rows) and len(rows) > 1
    if logarithmic:
        _logarithmic(axes[0], few_decades=max(row.loss for row in rows) < 20 * best.loss)
    _terms(axes[0], rows, weights, SMALLEST_SHARE * best.loss if logarithmic else -math.inf)


def _logarithmic(axis: Axes, few_decades: bool) -> None:
    axis.set_yscale("log")
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few_decades else (1,)))
    if few_decades:
        axis.yaxis.set_major_formatter(FormatStrFormatter("%.3g"))


def _terms(axis: Axes, rows: list[Row], weights: Mapping[str, float], smallest: float) -> None:
    """Thin lines of what each term adds to the loss, as far as it is `smallest` or more, and a legend."""
    terms = weighted_terms(rows, weights)
    for place, (name, points) in enumerate(terms.items()):
        shares = [share if share >= smallest else math.nan for _, share in points]
        colour = _TERM_COLOURS[place % len(_TERM_COLOURS)]
        axis.plot([step for step, _ in points], shares, color=colour, linewidth=0.9, label=display_name(name))
    if terms:
        legend = axis.legend(fontsize=6, frameon=False, loc="best", handlelength=1.2, labelcolor=INK)
        for text in legend.get_texts():
            text.set_parse_math(False)
