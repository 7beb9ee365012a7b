"""summary.html: the ranking, the curves and the results of a sweep as one page that needs no network."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enhance.report.axes import Axis, Tick, polyline
from enhance.report.duel.data import FOUR
from enhance.report.embed import webp
from enhance.report.numbers import FITS, QUANTITIES, quantity, seconds
from enhance.report.sweep.cross_evaluation import cross_evaluation
from enhance.report.sweep.jobs import Job, Sweep
from enhance.report.sweep.metamers import metamers
from enhance.report.sweep.sheet import grid, read_small, shared_picture
from enhance.report.template import render_page
from enhance.runs import layout as names
from enhance.runs.history import Row
from enhance.runs.sweep import recorded_command

_TEMPLATE = Path(__file__).with_name("template")
_THUMB = 320  # pixels of a result's longer side in the page
_BOX = (240, 118)  # of a small curve
_LEFT, _RIGHT, _TOP, _BOTTOM = 24.0, 232.0, 6.0, 98.0
_POINTS = 100  # of a small curve
_ORDER = ("psnr", "ssim", "ms_ssim", *FITS, "score", "loss")  # the first ranks; the last two differ between metrics


@dataclass(frozen=True)
class Curves:
    """PSNR against the step of several jobs, all in the same axes.

    Attributes:
        lines: points of a polyline for each job that has a curve.
        across, up: places and labels of the axes.
    """

    lines: list[tuple[Job, str]]
    across: list[Tick]
    up: list[Tick]


def page(sweep: Sweep) -> str:
    """The page, from the jobs' files alone."""
    ranks = sweep.ranks()
    rows = {job.folder: _row(sweep, job, ranks.get(job.folder)) for job in sweep.ranked()}
    return render_page(
        "summary",
        _TEMPLATE,
        **_heading(sweep),
        **_ranking(sweep, rows),
        **_cross_evaluation(sweep),
        metamers=_metamers(sweep, rows),
        **_curves(sweep, rows),
        **_results(sweep, rows),
        **_reproduction(sweep),
    )


def curves(jobs: list[Job]) -> Curves:
    """The curves of the jobs that have one."""
    known = [(job, rows) for job in jobs if len(rows := [row for row in job.rows if math.isfinite(row.psnr)]) > 1]
    if not known:
        return Curves([], [], [])
    across = Axis(0, max(rows[-1].step for _, rows in known), _LEFT, _RIGHT)
    up = Axis.around([row.psnr for _, rows in known for row in rows], _BOTTOM, _TOP)
    lines = [
        (job, polyline((across.place(row.step), up.place(row.psnr)) for row in _thinned(rows))) for job, rows in known
    ]
    return Curves(lines, across.ticks(whole=True), up.ticks(whole=True))


def _heading(sweep: Sweep) -> dict[str, Any]:
    """What was varied and how many jobs finished."""
    jobs, of = sweep.finished, "image" if sweep.restores else "reference"
    return {
        "title": " \N{MULTIPLICATION SIGN} ".join(sweep.varying) or sweep.folder.name,
        "task": _common(job.metadata.get("task") for job in jobs),
        "reference_name": _common(Path(str(job.metadata.get(of) or "")).name for job in jobs),
        "folder": sweep.folder.name,
        "done": len(jobs),
        "untrained": _untrained(jobs),
    }


def _ranking(sweep: Sweep, rows: dict[Path, dict[str, Any]]) -> dict[str, Any]:
    """The table of all jobs, and why some failed."""
    lowest = sweep.lowest_loss()
    return {
        "varying": sweep.varying,
        "headings": [(key, quantity(key).heading) for key in sweep.known(_ORDER)],
        "rows": list(rows.values()),
        "questions": len(sweep.questions),
        "restores": sweep.restores,
        "ranked": bool(sweep.best),
        "lowest": sweep.label(lowest) if lowest else "",
        "failures": [(reason, [rows[job.folder] for job in jobs]) for reason, jobs in sweep.failures().items()],
    }


def _cross_evaluation(sweep: Sweep) -> dict[str, Any]:
    """The matrix of what was optimised with what, evaluated by what."""
    found = cross_evaluation(sweep)
    return {"matrix": found, "metric_names": [quantity(name).heading for name in found.metrics] if found else []}


def _metamers(sweep: Sweep, rows: dict[Path, dict[str, Any]]) -> list[dict[str, Any]]:
    """Different images at the same distance."""
    return [
        {
            "label": found.label,
            "rows": [rows[job.folder] for job in found.jobs],
            "losses": [QUANTITIES["loss"].write(loss) for loss in found.losses],
            "apart": QUANTITIES["psnr"].write(found.apart),
            "deviation": webp(found.deviation, _THUMB, 90),
            "most": f"{found.most:.0f}",
            "reference": _thumbnail(found.jobs[0].folder / names.REFERENCE),
            "aimed": all(_aimed(job) for job in found.jobs),
            "missed": sum("at the target" not in str(job.metadata.get("stop_reason")) for job in found.jobs),
        }
        for found in metamers(sweep)
    ]


def _aimed(job: Job) -> bool:
    """Whether the job was to end at a loss or a score."""
    stopping = job.metadata.get("stopping") or {}
    return any(stopping.get(rule) is not None for rule in ("loss", "score"))


def _curves(sweep: Sweep, rows: dict[Path, dict[str, Any]]) -> dict[str, Any]:
    drawn = curves(sweep.ranked())
    return {
        "curves": [(rows[job.folder], points) for job, points in drawn.lines],
        "across": drawn.across,
        "up": drawn.up,
        "box": _BOX,
        "sides": (_LEFT, _RIGHT, _TOP, _BOTTOM),
    }


def _results(sweep: Sweep, rows: dict[Path, dict[str, Any]]) -> dict[str, Any]:
    """The pictures, in the order of the contact sheet."""
    found, beside = grid(sweep), shared_picture(sweep)
    sizes = [job.metadata for job in sweep.finished if job.metadata.get("height")]
    return {
        "columns": found.columns,
        "lines": [
            (title, [(cell.title, rows[cell.job.folder] if cell.job else None) for cell in cells])
            for title, cells in found.lines
        ],
        "beside_all": (beside[0], _thumbnail(beside[1])) if beside else None,
        "ratio": sizes[0]["width"] / sizes[0]["height"] if sizes else 1,
    }


def _reproduction(sweep: Sweep) -> dict[str, Any]:
    """How to make the sweep again, and what else its folder holds."""
    overrides = recorded_command(sweep.folder)
    return {
        "command": "" if overrides is None else shlex.join(["python", "-m", "enhance", "-m", *map(_typed, overrides)]),
        "resumable": len(sweep.finished) < len(sweep.jobs),
        "files": [
            name for name in ("summary.csv", "cross_evaluation.csv", "summary.png") if (sweep.folder / name).is_file()
        ],
    }


def _typed(override: object) -> str:
    """An override as one types it: of a restoration Hydra is given the name of the task."""
    name = str(override).removeprefix("task.name=")
    return str(override) if name == str(override) else f"task={name}"


def _row(sweep: Sweep, job: Job, rank: int | None) -> dict[str, Any]:
    """One job as the page shows it."""
    report = (job.folder / names.REPORT).is_file()
    return {
        "rank": rank or "",
        "best": rank == 1,
        "label": sweep.label(job),
        "settings": [job.settings.get(key, "-") for key in sweep.varying],
        "state": job.state,
        "results": {key: (job.written(key, unit=False), job.result(key)) for key in _ORDER},
        "psnr": "" if job.result("psnr") is None else job.written("psnr"),
        "took": (took := job.metadata.get("seconds") or 0, seconds(took)),
        "picture": _thumbnail(_picture(job)),
        "link": f"{job.folder.name}/{names.REPORT}" if report else f"{job.folder.name}/",
        "log": f"{job.folder.name}/{names.LOG}",
    }


def _picture(job: Job) -> Path:
    """The file that shows the result of a job; of the four of a duel the first."""
    result = job.folder / names.RESULT
    return result if result.is_file() else job.folder / f"{FOUR[0]}.png"


def _thinned(rows: Sequence[Row]) -> list[Row]:
    """About `_POINTS` of the rows, the last included."""
    return [*rows[: -1 : max(1, len(rows) // _POINTS)], rows[-1]]


def _untrained(jobs: list[Job]) -> str:
    """How many of the backbones have random features: All, Some, or none, which is empty."""
    random = [not (job.metadata.get("backbone") or {}).get("pretrained", True) for job in jobs]
    return "All" if random and all(random) else "Some" if any(random) else ""


def _common(values: Iterable[Any]) -> str:
    """The value that all have; empty where they differ."""
    found = {str(value) for value in values if value}
    return found.pop() if len(found) == 1 else ""


def _thumbnail(file: Path) -> str:
    """The image in a file as a data URI; empty where there is none."""
    image = read_small(file, _THUMB)
    return webp(image, _THUMB, 88) if image else ""
