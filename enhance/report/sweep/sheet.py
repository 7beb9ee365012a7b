"""The contact sheet: results side by side, the two settings that vary most as columns and rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from enhance.report.run_data import open_picture, reduced
from enhance.report.style import BLUE, FAINT, INK, PALE, encode, figure, plain
from enhance.report.sweep.jobs import Job, Sweep
from enhance.runs import layout as names

_MAX_JOBS = 60
_PIXELS = 384  # of a picture's longer side
_MAX_ACROSS = 6  # pictures in a line
_SIDE, _GAP = 1.7, 0.04  # inches: width of a cell, and of the gap between two pictures
_BELOW, _ABOVE, _MARGIN = 0.26, 0.2, 0.04  # inches: caption, a cell's own title, and the edge without titles
_LEFT, _HEAD = 0.28, 0.24  # inches: titles of the lines, and of the columns


@dataclass(frozen=True)
class Cell:
    """A place on the sheet.

    Attributes:
        title: what is written above it.
        job: whose result it shows; None: it stays empty.
        is_shared: it shows `shared_picture`.
    """

    title: str = ""
    job: Job | None = None
    is_shared: bool = False


@dataclass(frozen=True)
class Grid:
    """The cells of a sheet.

    Attributes:
        columns: titles of the columns; empty where each cell has a title of its own.
        lines: the title of each line, empty where there is one only, and its cells.
    """

    columns: list[str]
    lines: list[tuple[str, list[Cell]]]


def grid(sweep: Sweep) -> Grid:
    """Columns and lines by the two settings of the most values where these distinguish all jobs, else the jobs in their
    order.
    """
    values = {key: list(dict.fromkeys(job.settings.get(key, "-") for job in sweep.jobs)) for key in sweep.varying}
    keys = sorted(sweep.varying, key=lambda key: -len(values[key]))[:2]
    if len(keys) == 2:
        across, down = keys
        jobs = {(job.settings.get(down, "-"), job.settings.get(across, "-")): job for job in sweep.jobs}
        if len(jobs) == len(sweep.jobs):
            lines = [(row, [Cell(job=jobs.get((row, name))) for name in values[across]]) for row in values[down]]
            return Grid(values[across], lines)
    if found := _questions(sweep):
        return found
    several = len(sweep.varying) > 1
    cells = [Cell(f"{job.number}: {sweep.label(job)}" if several else sweep.label(job), job) for job in sweep.jobs]
    return Grid([], [("", cells)])


def _questions(sweep: Sweep) -> Grid | None:
    """Methods across, questions down; None where that does not distinguish all jobs."""
    jobs = {(sweep.asked(job), sweep.method(job)): job for job in sweep.jobs}
    asked, methods = (list(dict.fromkeys(keys)) for keys in zip(*jobs, strict=True))
    if len(jobs) < len(sweep.jobs) or min(len(asked), len(methods)) < 2:
        return None
    return Grid(methods, [(row, [Cell(job=jobs.get((row, name))) for name in methods]) for row in asked])


def shared_picture(sweep: Sweep) -> tuple[str, Path] | None:
    """The picture that all results are shown beside, with its title: the reference, or of restorations the picture as
    it was given; None where there are several.
    """
    restores = sweep.restores
    setting, title, name = ("image", "before", names.INITIAL) if restores else ("reference",) * 2 + (names.REFERENCE,)
    if setting in sweep.varying:  # a job that failed may have left none of its own
        return None
    files = [file for job in sweep.jobs if (file := job.folder / name).is_file()]
    return (title, files[0]) if files and len({file.read_bytes() for file in files}) == 1 else None


def read_small(file: Path, longer: int) -> Image.Image | None:
    """The image in a file, its longer side reduced to `longer` pixels; None where it cannot be read."""
    try:
        return reduced(open_picture(file).pixels, longer)
    except (OSError, ValueError):
        return None


@plain
def contact_sheet(sweep: Sweep) -> bytes | None:
    """A PNG of the results beside `shared_picture`, PSNR under each; None where there are none or too many."""
    if len(sweep.jobs) > _MAX_JOBS:
        return None
    results = {job.folder: read_small(job.folder / names.RESULT, _PIXELS) for job in sweep.jobs}
    pictures = {folder: image for folder, image in results.items() if image}
    if not pictures:
        return None
    beside = shared_picture(sweep)
    shared = read_small(beside[1], _PIXELS) if beside else None
    found = grid(sweep)
    lines = _lines(found, shared is not None)
    layout = _Layout(
        across=max(len(cells) for _, cells in lines),
        down=len(lines),
        ratio=min(max(max(image.height / image.width for image in pictures.values()), 0.3), 1.6),
        titled_lines=bool(found.columns),
    )
    drawn = figure(*layout.size)
    best = {job.folder for job in sweep.best}
    for row, (title, cells) in enumerate(lines):
        _write_beside(drawn, layout, row, title)
        for column, cell in enumerate(cells):
            axis = _axis(drawn, layout, row, column, cell.title)
            if cell.is_shared and beside and shared:
                _show(axis, shared, beside[0], FAINT)
            elif cell.job and (image := pictures.get(cell.job.folder)):
                _show_result(axis, image, cell.job, cell.job.folder in best)
            elif cell.job:
                _show_absent(axis, cell.job.state)
    return encode(drawn, "png", 200)


@dataclass(frozen=True)
class _Layout:
    """Where the cells lie, in inches.

    Attributes:
        across, down: cells in a line, and lines.
        ratio: height of a picture to its width.
        titled_lines: lines and columns have titles; if not, each cell has one.
    """

    across: int
    down: int
    ratio: float
    titled_lines: bool

    @property
    def size(self) -> tuple[float, float]:
        left, head = (_LEFT, _HEAD) if self.titled_lines else (_MARGIN, _MARGIN)
        return left + self.across * _SIDE, head + self.down * self._line

    def box(self, row: int, column: int) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a picture."""
        left = self.size[0] - (self.across - column) * _SIDE
        bottom = (self.down - 1 - row) * self._line + _BELOW
        return left + _GAP / 2, bottom, _SIDE - _GAP, _SIDE * self.ratio

    @property
    def _line(self) -> float:
        return _SIDE * self.ratio + _BELOW + (0 if self.titled_lines else _ABOVE)


def _lines(found: Grid, shared: bool) -> list[tuple[str, list[Cell]]]:
    """The lines of the sheet: beside the shared picture, the columns' titles above the first, and a long one broken."""
    first = [Cell(is_shared=True)] if shared else []
    if not found.columns:
        cells = [*first, *found.lines[0][1]]
        return [("", cells[place : place + _MAX_ACROSS]) for place in range(0, len(cells), _MAX_ACROSS)]
    (title, top), *rest = found.lines
    titled = [replace(cell, title=name) for name, cell in zip(found.columns, top, strict=True)]
    return [(title, first + titled), *((name, first + cells) for name, cells in rest)]


def _axis(drawn: Figure, layout: _Layout, row: int, column: int, title: str) -> Axes:
    (width, height), (left, bottom, wide, high) = layout.size, layout.box(row, column)
    axis = drawn.add_axes((left / width, bottom / height, wide / width, high / height))
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)
    if title:
        axis.set_title(_shortened(title), fontsize=8, color=INK, pad=4, parse_math=False)
    return axis


def _write_beside(drawn: Figure, layout: _Layout, row: int, title: str) -> None:
    """The title of a line, left of it."""
    (width, height), (_, bottom, _, high) = layout.size, layout.box(row, 0)
    place = (0.15 / width, (bottom + high / 2) / height)
    drawn.text(
        *place, _shortened(title), rotation=90, fontsize=8, color=INK, ha="center", va="center", parse_math=False
    )


def _show_result(axis: Axes, image: Image.Image, job: Job, best: bool) -> None:
    quality = "" if job.result("psnr") is None else job.written("psnr")
    _show(axis, image, f"{quality}, best" if best else quality, BLUE if best else INK, "bold" if best else "normal")


def _show(axis: Axes, image: Image.Image, caption: str, colour: str, weight: str = "normal") -> None:
    axis.imshow(np.asarray(image), interpolation="lanczos")
    axis.set_xlabel(caption, fontsize=8, color=colour, labelpad=3, fontweight=weight)


def _show_absent(axis: Axes, state: str) -> None:
    axis.set_facecolor(PALE)
    axis.text(0.5, 0.5, state, ha="center", va="center", fontsize=8, color=FAINT, transform=axis.transAxes)


def _shortened(title: str, most: int = 28) -> str:
    return title if len(title) <= most else f"{title[: most - 9]}\N{HORIZONTAL ELLIPSIS}{title[-8:]}"
