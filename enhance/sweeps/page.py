"""summary.html: the ranking, the curves and the results of a sweep as one page that needs no network."""

from __future__ import annotations

import base64
import io
import json
import math
import shlex
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.ticker import MaxNLocator
from PIL import Image

from enhance.report.charts import TITLES
from enhance.report.html import STYLE
from enhance.runs import layout as names
from enhance.runs.history import Row
from enhance.sweeps.folder import COMMAND
from enhance.sweeps.jobs import FIGURES, Job, Sweep, shown
from enhance.sweeps.sheet import grid, shared_reference
from enhance.utils.hashes import hash_script

_TEMPLATE = Path(__file__).with_name("template")
_THUMB = 320  # pixels of a result's longer side in the page
_BOX = (240, 118)  # of a small curve
_LEFT, _RIGHT, _TOP, _BOTTOM = 24.0, 232.0, 6.0, 98.0
_POINTS = 100  # of a small curve
_ORDER = (
    "psnr",
    "ssim",
    "ms_ssim",
    "score",
    "loss",
)  # the first ranks; the last two differ in meaning between measures


def page(sweep: Sweep) -> str:
    """The page. Everything that comes from files is escaped, and no script runs but its own."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = ((_TEMPLATE / name).read_text(encoding="utf-8") for name in ("summary.css", "summary.js"))
    jobs = sweep.ranked()
    small, axes = curves(jobs)
    reference = shared_reference(sweep)
    found = grid(sweep)
    rows = {job.folder: _row(sweep, job, rank) for rank, job in enumerate(jobs, 1)}
    done = [job for job in jobs if job.state == "finished"]
    return environment.get_template("summary.html").render(
        title=" \N{MULTIPLICATION SIGN} ".join(sweep.varying) or sweep.folder.name,
        tasks=_common(job.facts.get("task") for job in done),
        references=_common(Path(str(job.facts.get("reference", ""))).name for job in done),
        sweep=sweep,
        untrained=_untrained(done),
        lowest=sweep.label(lowest) if (lowest := sweep.lowest()) else "",
        done=len(done),
        rows=list(rows.values()),
        headings=[
            (key, f"{TITLES[key]} (dB)" if key == "psnr" else TITLES[key])
            for key in _ORDER
            if any(job.figure(key) is not None for job in jobs)
        ],
        failures=[(reason, [rows[job.folder] for job in failed]) for reason, failed in sweep.failures().items()],
        curves=[(rows[job.folder], points) for job, points in small],
        axes=axes,
        box=_BOX,
        sides=(_LEFT, _RIGHT, _TOP, _BOTTOM),
        columns=found.columns,
        lines=[
            (title, [(cell, rows[cell.job.folder] if cell.job else None) for cell in cells])
            for title, cells in found.lines
        ],
        reference=_picture(reference) if reference else "",
        ratio=next((job.facts["width"] / job.facts["height"] for job in done if job.facts.get("height")), 1),
        command=_command(sweep.folder),
        going_on=len(done) < len(jobs),
        beside=[name for name in ("summary.csv", "summary.png") if (sweep.folder / name).is_file()],
        style=Markup(STYLE.read_text(encoding="utf-8") + style),
        script=Markup(script),
        digest=hash_script(script),
    )


def _untrained(jobs: list[Job]) -> str:
    """How many of the backbones have random features."""
    random = [not job.facts.get("backbone", {}).get("pretrained", True) for job in jobs]
    return "All" if random and all(random) else "Some" if any(random) else ""


def _row(sweep: Sweep, job: Job, rank: int) -> dict[str, Any]:
    done = job.state == "finished"
    report = (job.folder / names.REPORT).is_file()
    return {
        "rank": rank if done else "",
        "best": done and rank == 1,
        "label": sweep.label(job),
        "settings": [job.settings.get(key, "-") for key in sweep.varying],
        "state": job.state,
        "reason": job.reason,
        "figures": {key: (shown(job, key), job.figure(key)) for key in FIGURES},
        "psnr": shown(job, "psnr"),
        "seconds": job.facts.get("seconds"),
        "picture": _picture(job.folder / names.RESULT),
        "link": f"{job.folder.name}/{names.REPORT}" if report else f"{job.folder.name}/",
        "log": f"{job.folder.name}/{names.LOG}",
    }


def curves(jobs: list[Job]) -> tuple[list[tuple[Job, str]], dict[str, list[tuple[float, str]]]]:
    """PSNR against the step of every job that has a curve, as points of a polyline, all in the same axes; and these."""
    known = [(job, rows) for job in jobs if len(rows := [row for row in job.rows if math.isfinite(row.psnr)]) > 1]
    if not known:
        return [], {"across": [], "up": []}
    values = [row.psnr for _, rows in known for row in rows]
    low, high, last = min(values), max(values), max(rows[-1].step for _, rows in known)
    rise = (_BOTTOM - _TOP) / max(high - low, 1e-6)

    def x(step: float) -> float:
        return _LEFT + step / max(last, 1) * (_RIGHT - _LEFT)

    def y(psnr: float) -> float:
        return _BOTTOM - (psnr - low) * rise

    def points(rows: list[Row]) -> str:
        kept = [*rows[: -1 : max(1, len(rows) // _POINTS)], rows[-1]]
        return " ".join(f"{x(row.step):.1f},{y(row.psnr):.1f}" for row in kept)

    lines = [tick for tick in MaxNLocator(4, integer=True).tick_values(low, high) if low <= tick <= high]
    columns = [tick for tick in MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]).tick_values(0, last) if tick <= last]
    axes = {
        "across": [(x(tick), f"{tick:.0f}") for tick in columns],
        "up": [(y(tick), f"{tick:.0f}") for tick in lines],
    }
    return [(job, points(rows)) for job, rows in known], axes


def _common(values: Any) -> str:
    """What all of them are; empty where they differ."""
    found = {str(value) for value in values if value}
    return found.pop() if len(found) == 1 else ""


def _command(folder: Path) -> str:
    try:
        typed = json.loads((folder / COMMAND).read_text(encoding="utf-8"))["overrides"]
        return shlex.join(["python", "-m", "enhance", "-m", *map(str, typed)])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _picture(file: Path) -> str:
    if not file.is_file():
        return ""
    try:
        with Image.open(file) as opened:
            image = opened.convert("RGB")
    except OSError:
        return ""
    image.thumbnail((_THUMB, _THUMB), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, "WEBP", quality=88)
    return f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode()}"
