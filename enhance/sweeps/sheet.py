"""The contact sheet: results side by side, the two settings that vary most as columns and rows."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from matplotlib.axes import Axes

from enhance.report.crops import picture
from enhance.report.style import BLUE, FAINT, INK, figure, plain
from enhance.runs import layout as names
from enhance.sweeps.jobs import Job, Sweep

_MOST = 60  # pictures on a sheet
_PIXELS = 384
_WIDE = 6  # pictures in a line


@dataclass(frozen=True)
class Cell:
    """A place on the sheet; `title` is written above it, and where it has no job it is empty."""

    title: str
    job: Job | None


@dataclass(frozen=True)
class Grid:
    """Attributes:
    columns: what is written above all lines; empty where each cell has a title of its own.
    lines: the title of each line, empty where there is one only, and its cells.
    """

    columns: list[str]
    lines: list[tuple[str, list[Cell]]]


def grid(sweep: Sweep) -> Grid:
    """Columns and lines by the two settings of the most values where these tell all jobs apart, else the jobs in their
    order.
    """
    values = {key: list(dict.fromkeys(job.settings.get(key, "-") for job in sweep.jobs)) for key in sweep.varying}
    keys = sorted(sweep.varying, key=lambda key: -len(values[key]))[:2]
    if len(keys) == 2:
        across, down = keys
        cells = {(job.settings.get(down, "-"), job.settings.get(across, "-")): job for job in sweep.jobs}
        if len(cells) == len(sweep.jobs):
            columns = values[across]
            return Grid(
                columns, [(row, [Cell("", cells.get((row, name))) for name in columns]) for row in values[down]]
            )
    several = len(sweep.varying) > 1
    titled = [Cell(f"{job.number}: {sweep.label(job)}" if several else sweep.label(job), job) for job in sweep.jobs]
    return Grid([], [("", titled)])


def shared_reference(sweep: Sweep) -> Path | None:
    """The file of the reference that all jobs have in common; None where they have several."""
    if "reference" in sweep.varying:  # a job that failed may have left none of its own
        return None
    files = [file for job in sweep.jobs if (file := job.folder / names.REFERENCE).is_file()]
    return files[0] if files and len({file.read_bytes() for file in files}) == 1 else None


@plain
def contact_sheet(sweep: Sweep) -> bytes | None:
    """A PNG of the reference and the results, PSNR under each; None where no job has one or there are too many."""
    if len(sweep.jobs) > _MOST or not any((job.folder / names.RESULT).is_file() for job in sweep.jobs):
        return None
    pictures = {
        job.folder: picture(job.folder / names.RESULT, _PIXELS)
        for job in sweep.jobs
        if (job.folder / names.RESULT).is_file()
    }
    reference = shared_reference(sweep)
    found = grid(sweep)
    lines = found.lines
    if not found.columns:  # a long line is broken, and has the reference once
        cells = [*([None] if reference else []), *lines[0][1]]
        wide = min(len(cells), _WIDE)
        lines = [("", cells[place : place + wide]) for place in range(0, len(cells), wide)]
    else:
        wide = len(found.columns) + bool(reference)
        lines = [(title, [*([None] if reference else []), *cells]) for title, cells in lines]
    ratio = min(max(max(image.shape[0] / image.shape[1] for image in pictures.values()), 0.3), 1.6)
    side, left, head, foot = 1.7, 0.28 if found.columns else 0.04, 0.24 if found.columns else 0.04, 0.26
    above = 0 if found.columns else 0.2  # inches; each cell has its own title there
    drawn = figure(left + wide * side, head + len(lines) * (side * ratio + foot + above))
    width, height = drawn.get_size_inches()
    best = next((job for job in sweep.ranked() if job.state == "finished"), None)
    for number, (title, cells) in enumerate(lines):
        top = height - head - number * (side * ratio + foot + above) - above
        for place, cell in enumerate(cells):
            box = (left + place * side + 0.02, top - side * ratio, side - 0.04, side * ratio)
            axis = drawn.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
            _frame(axis)
            if cell is None and reference:
                axis.imshow(picture(reference, _PIXELS), interpolation="lanczos")
                _below(axis, "reference", FAINT)
            elif cell and cell.job:
                _cell(axis, cell.job, pictures.get(cell.job.folder), cell.job is best)
            names_above = found.columns[place - bool(reference)] if found.columns and number == 0 else ""
            heading = names_above if cell is not None else ""
            if heading or (cell and cell.title):
                axis.set_title(_short(heading or (cell.title if cell else "")), fontsize=8, color=INK, pad=4)
        if title:
            middle = (top - side * ratio / 2) / height
            drawn.text(
                0.15 / width, middle, _short(title), rotation=90, fontsize=8, color=INK, ha="center", va="center"
            )
    data = BytesIO()
    drawn.savefig(data, format="png", dpi=200, metadata={"Software": None})
    return data.getvalue()


def _cell(axis: Axes, job: Job, image: object, best: bool) -> None:
    if image is None:
        axis.set_facecolor("#f3f3ef")
        axis.text(0.5, 0.5, job.state, ha="center", va="center", fontsize=8, color=FAINT, transform=axis.transAxes)
        return
    axis.imshow(image, interpolation="lanczos")  # type: ignore[arg-type]
    value = job.figure("psnr")
    told = "" if value is None else f"{value:.2f} dB"
    _below(axis, f"{told}, best" if best else told, BLUE if best else INK, bold=best)


def _below(axis: Axes, told: str, colour: str, bold: bool = False) -> None:
    axis.set_xlabel(told, fontsize=8, color=colour, labelpad=3, fontweight="bold" if bold else "normal")


def _frame(axis: Axes) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


def _short(title: str, most: int = 28) -> str:
    """A title without mathematics: a $ is a dollar."""
    title = title if len(title) <= most else f"{title[: most - 9]}\N{HORIZONTAL ELLIPSIS}{title[-8:]}"
    return title.replace("$", r"\$")
