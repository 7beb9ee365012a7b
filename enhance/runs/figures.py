"""The figures of a run, drawn from its files alone: the comparison of images and the curves. PNG and PDF, fit for a
paper.
"""

from __future__ import annotations

import json
import math
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter
from PIL import Image

from enhance.files import write_bytes
from enhance.runs import folder as names
from enhance.runs.history import Row, read

Array = np.ndarray[Any, Any]

# Okabe and Ito's colours, which people with any colour vision tell apart.
BLUE, VERMILION, GREEN, INK, FAINT = "#0072B2", "#D55E00", "#009E73", "#222222", "#888888"
_MOST = 1200  # pixels of an image's longer side inside a figure


def comparison(folder: Path) -> None:
    """initial | result | reference, below them the square where initial and reference differ most, enlarged."""
    images = [_image(path) for path in (folder / names.INITIAL, result_file(folder), folder / names.REFERENCE)]
    results = json.loads((folder / names.METRICS).read_text())
    rows = read(folder / names.HISTORY)
    height, width = images[0].shape[:2]
    top, left, side = zoom(images[0], images[2])
    panel = 2.3
    ratio = min(max(height / width, 0.25), 1.6)
    figure = _figure(3 * panel + 0.2, panel * ratio + panel + 0.55)
    grid = figure.add_gridspec(
        2,
        3,
        height_ratios=(ratio, 1),
        left=0.01,
        right=0.99,
        bottom=0.01,
        top=1 - 0.48 / figure.get_figheight(),
        wspace=0.03,
        hspace=0.04,
    )
    figures = (results.get("initial"), results.get("best"), None)
    titles = (
        f"initial: {results.get('start', '')}",
        f"result: {_how(results)}",
        "reference",
    )
    for column, (image, title, numbers) in enumerate(zip(images, titles, figures, strict=True)):
        whole, detail = figure.add_subplot(grid[0, column]), figure.add_subplot(grid[1, column])
        _show(whole, image, FAINT, 0.5)
        for line, points in ((title, 17), (_caption(numbers, rows, column), 5)):
            whole.annotate(
                line,
                (0.5, 1),
                (0, points),
                xycoords="axes fraction",
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=INK,
            )
        whole.add_patch(
            Rectangle(
                (left - 0.5, top - 0.5), side, side, fill=False, edgecolor=VERMILION, linewidth=1.2, clip_on=False
            )
        )
        _show(detail, image[top : top + side, left : left + side], VERMILION, 1.2)
    _save(figure, folder / names.COMPARISON)


def curves(folder: Path) -> None:
    """Loss, PSNR and SSIM against the step; the dot marks the step of the result."""
    rows = read(folder / names.HISTORY)
    if not rows:
        return
    best = min(rows, key=lambda row: row.loss)
    figure = _figure(7.1, 2.0)
    axes = figure.subplots(1, 3)
    figure.subplots_adjust(left=0.075, right=0.985, bottom=0.21, top=0.88, wspace=0.33)
    known = [row for row in rows if not math.isnan(row.ssim)]
    finite = [row for row in rows if math.isfinite(row.psnr)]
    series = (("loss", rows, "loss", BLUE), ("PSNR (dB)", finite, "psnr", GREEN), ("SSIM", known, "ssim", VERMILION))
    for axis, (title, shown, key, colour) in zip(axes, series, strict=True):
        _curve(axis, shown, key, colour)
        axis.set_title(title, fontsize=9, loc="left", color=INK)
        if shown:
            nearest = min(shown, key=lambda row: abs(row.step - best.step))
            axis.plot([nearest.step], [getattr(nearest, key)], "o", color=colour, markersize=4)
    if all(row.loss > 0 for row in rows) and len(rows) > 1:
        axes[0].set_yscale("log")
        axes[0].yaxis.set_minor_formatter(NullFormatter())
        if max(row.loss for row in rows) < 20 * best.loss:  # few decades: label the steps between the powers of ten too
            axes[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes[0].yaxis.set_major_formatter(FormatStrFormatter("%.3g"))
    _save(figure, folder / names.CURVES)


def zoom(image: Array, reference: Array) -> tuple[int, int, int]:
    """Top, left and side of the square, a quarter of the longer side, in which the reference holds most detail of those
    where the two
    images differ: the sum of the reference's gradient times the absolute difference."""
    grey, other = reference.mean(-1), image.mean(-1)
    height, width = grey.shape
    side = max(8, min(height, width, max(height, width) // 4))
    gradient = np.hypot(*np.gradient(grey)) if min(grey.shape) > 1 else grey
    weight = gradient * (np.abs(grey - other) + 1)
    total = np.pad(weight, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    sums = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    top, left = np.unravel_index(sums.argmax(), sums.shape)
    return int(top), int(left), side


def result_file(folder: Path) -> Path:
    """The result, or where a run has none yet its last frame, or its initial image."""
    if (folder / names.RESULT).is_file():
        return folder / names.RESULT
    return next(reversed(names.frame_files(folder).values()), folder / names.INITIAL)


def _how(results: dict[str, Any]) -> str:
    """What made the result, e.g. `deepjsd in vgg16`."""
    return f"{results.get('metric', {}).get('name', '')} in {results.get('backbone', {}).get('name', '')}"


def _caption(numbers: dict[str, Any] | None, rows: list[Row], column: int) -> str:
    if column == 2:
        return ""
    if not numbers:
        numbers = {"psnr": rows[0 if column == 0 else -1].psnr} if rows else {}
    parts = []
    if numbers.get("psnr") is not None:
        parts.append(f"PSNR {numbers['psnr']:.1f} dB")
    if numbers.get("ssim") is not None:
        parts.append(f"SSIM {numbers['ssim']:.3f}")
    if numbers.get("loss") is not None:
        parts.append(f"loss {numbers['loss']:.3g}")
    return "  ".join(parts) or ""


def _image(path: Path) -> Array:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    if max(picture.size) > _MOST:
        picture.thumbnail((_MOST, _MOST), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _show(axis: Axes, image: Array, colour: str, width: float) -> None:
    axis.imshow(image, interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_color(colour)
        spine.set_linewidth(width)


def _curve(axis: Axes, rows: list[Row], key: str, colour: str) -> None:
    axis.plot([row.step for row in rows], [getattr(row, key) for row in rows], color=colour, linewidth=1.4)
    axis.set_xlabel("step", fontsize=8, color=INK)
    axis.tick_params(labelsize=7, color=FAINT, labelcolor=INK)
    axis.grid(True, color="#e6e6e6", linewidth=0.6)
    axis.set_axisbelow(True)
    for name, spine in axis.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(FAINT)


def _save(figure: Figure, path: Path) -> None:
    """PNG at 200 dots an inch and PDF, without dates, so that the same files give the same bytes."""
    for suffix, metadata in ((".png", {"Software": None}), (".pdf", {"CreationDate": None, "Producer": None})):
        buffer = BytesIO()
        figure.savefig(buffer, format=suffix[1:], dpi=200, metadata=metadata)
        write_bytes(path.with_suffix(suffix), buffer.getvalue())
