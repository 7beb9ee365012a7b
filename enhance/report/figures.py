"""The figures of a run, drawn from its files alone: the comparison of images and the curves. PNG and PDF, fit for a
paper.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.font_manager import findfont, get_font
from matplotlib.patches import Rectangle
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullFormatter

from enhance.report.crops import Array, crop, picture, square
from enhance.report.run_data import Story
from enhance.report.style import BLUE, FAINT, GREEN, INK, VERMILION
from enhance.report.style import figure as _figure
from enhance.report.style import plain as _plain
from enhance.report.style import save as _save
from enhance.runs import layout as names
from enhance.runs.history import Row

_MOST = 1200  # pixels of an image's longer side inside a figure


@_plain
def comparison(story: Story) -> None:
    """initial | result | reference, below them the square that `crops.zoom` chooses, enlarged.

    A run that is not finished shows its best image so far; an image so small that the square is most of it has no
    second row. Where one of the images is missing there is no figure.
    """
    if not (story.initial and story.result and story.reference):
        return
    paths = (story.initial, story.result, story.reference)
    initial, result, reference = (picture(path, _MOST) for path in paths)
    numbers = (*story.numbers(), {})
    height, width = reference.shape[:2]
    left, top, side = square(initial, reference, paths[2])
    enlarged = side < 0.8 * max(height, width)
    panel, head = 2.3, 0.48  # inches
    ratio = min(max(height / width, 0.2), 1.6)
    figure = _figure(3 * panel + 0.2, panel * (ratio + enlarged) + head + 0.07)
    grid = figure.add_gridspec(
        1 + enlarged,
        3,
        height_ratios=(ratio, 1) if enlarged else (1,),
        left=0.01,
        right=0.99,
        bottom=0.01,
        top=1 - head / figure.get_figheight(),
        wspace=0.03,
        hspace=0.04,
    )
    titles = (_start(story), _made(story), "reference")
    for column, image in enumerate((initial, result, reference)):
        whole = figure.add_subplot(grid[0, column])
        _show(whole, image, FAINT, 0.5)
        for line, points in ((titles[column], 17), (_caption(numbers[column]), 5)):
            _write(whole, line, points)
        if enlarged:
            corner = (left * width - 0.5, top * height - 0.5)
            for colour, line in (("white", 2.4), (VERMILION, 1.2)):  # to be seen on any image
                box = Rectangle(corner, side, side, fill=False, edgecolor=colour, linewidth=line, clip_on=False)
                whole.add_patch(box)
            _show(figure.add_subplot(grid[1, column]), crop(paths[column], left, top, side / width), VERMILION, 1.2)
    _save(figure, story.folder / names.COMPARISON)


@_plain
def curves(story: Story) -> None:
    """Loss, PSNR and SSIM against the step; the dot marks the step of the result."""
    rows, best = story.rows, story.best
    if best is None:
        return
    figure = _figure(7.1, 2.0)
    axes = figure.subplots(1, 3)
    figure.subplots_adjust(left=0.075, right=0.985, bottom=0.21, top=0.88, wspace=0.33)
    if math.isnan(best.ssim) and (result := story.facts.get("best", {})).get("step") == best.step:
        best = replace(best, ssim=result.get("ssim") or math.nan)  # between frames it is known of the result alone
    _curves(axes, rows, best)
    _save(figure, story.folder / names.CURVES)


@_plain
def strip(images: Mapping[str, Array], rows: list[Row], best: Row) -> tuple[bytes, dict[str, int]]:
    """Images in a row, each under its title, above the curves of the rows: a PNG at 200 dots an inch, and the width
    and height to show it at, half its own, so that it is sharp on any screen.
    """
    height, width = next(iter(images.values())).shape[:2]
    ratio = min(max(height / width, 0.2), 1.6)
    wide, chart, head = 9.0, 1.75, 0.24  # inches
    panel = (wide - 0.1) / len(images)
    figure = _figure(wide, panel * ratio + head + chart)
    upper = figure.add_gridspec(
        1,
        len(images),
        left=0.006,
        right=0.994,
        top=1 - head / figure.get_figheight(),
        bottom=chart / figure.get_figheight(),
        wspace=0.04,
    )
    for place, (title, image) in enumerate(images.items()):
        axis = figure.add_subplot(upper[place])
        _show(axis, image, FAINT, 0.5)
        _write(axis, title, 4)
    inch = 1 / figure.get_figheight()
    lower = figure.add_gridspec(
        1, 3, left=0.055, right=0.988, bottom=0.4 * inch, top=(chart - 0.33) * inch, wspace=0.25
    )
    _curves([figure.add_subplot(lower[place]) for place in range(3)], rows, best)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=200, metadata={"Software": None})
    return buffer.getvalue(), {"width": round(100 * wide), "height": round(100 * figure.get_figheight())}


def _start(story: Story) -> str:
    """What the run began with, e.g. `initial: gaussian noise (sigma 50)`; a file's name stays as it is."""
    start = str(story.facts.get("start", ""))
    return f"initial: {start.replace('_', ' ') if story.facts.get('degradation') else start}"


def _made(story: Story) -> str:
    """What made the result, e.g. `result: DeepJSD in vgg16`."""
    return ": ".join(("result" if story.ended else "so far", *filter(None, [story.made_of])))


def _caption(numbers: dict[str, Any]) -> str:
    forms = (("psnr", "PSNR {:.1f} dB"), ("ssim", "SSIM {:.3f}"), ("score", "score {:.2f}"))
    known = [(form, numbers[key]) for key, form in forms if numbers.get(key) is not None]
    return "  ".join(form.format(value) for form, value in known if math.isfinite(value))


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


def _curves(axes: Sequence[Axes], rows: list[Row], best: Row) -> None:
    """Loss, PSNR and SSIM; a dot where the best image is."""
    known = [row for row in rows if not math.isnan(row.ssim)]
    finite = [row for row in rows if math.isfinite(row.psnr)]
    series = (("loss", rows, "loss", BLUE), ("PSNR (dB)", finite, "psnr", GREEN), ("SSIM", known, "ssim", VERMILION))
    for axis, (title, shown, key, colour) in zip(axes, series, strict=True):
        _curve(axis, shown, key, colour)
        axis.set_title(title, fontsize=9, loc="left", color=INK)
        axis.set_xlim(rows[0].step, max(rows[-1].step, rows[0].step + 1))
        value = getattr(best, key)
        if math.isfinite(value):
            axis.plot([best.step], [value], "o", color=colour, markersize=4, clip_on=False, zorder=5)
    axes[0].set_title(f"dot: result, step {best.step}", fontsize=7, loc="right", color=FAINT)
    if all(row.loss > 0 for row in rows) and len(rows) > 1:
        axes[0].set_yscale("log")
        axes[0].yaxis.set_minor_formatter(NullFormatter())
        if max(row.loss for row in rows) < 20 * best.loss:  # few decades: label the steps between the powers of ten too
            axes[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes[0].yaxis.set_major_formatter(FormatStrFormatter("%.3g"))


def _curve(axis: Axes, rows: list[Row], key: str, colour: str) -> None:
    axis.plot([row.step for row in rows], [getattr(row, key) for row in rows], color=colour, linewidth=1.4)
    axis.set_xlabel("step", fontsize=8, color=INK)
    axis.tick_params(which="both", labelsize=7, color=FAINT, labelcolor=INK)
    axis.grid(True, color="#e6e6e6", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    for name, spine in axis.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(FAINT)
