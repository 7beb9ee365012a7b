"""summary.csv, summary.html, summary.png and a table in the terminal."""

from __future__ import annotations

import csv
import io
from base64 import b64encode
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image
from rich.console import Console
from rich.table import Table

from enhance.files import write_bytes, write_text
from enhance.runs import folder as names
from enhance.sweeps.jobs import Job, Sweep, collect
from enhance.sweeps.sheet import contact_sheet, grid

FIGURES = {"loss": "{:.5g}", "score": "{:.4f}", "psnr": "{:.2f}", "ssim": "{:.4f}", "ms_ssim": "{:.4f}"}
_THUMB = 320  # pixels of a result's longer side in the page
_WIDTH, _HEIGHT = 220, 80  # of a small curve


def summarise(folder: Path) -> Sweep:
    """Write the three files and show the table.

    Raises:
        ValueError: if the folder holds no jobs.
        OSError: if it cannot be written.
    """
    sweep = collect(folder)
    write_text(folder / "summary.csv", _csv(sweep))
    write_text(folder / "summary.html", _page(sweep))
    if sheet := contact_sheet(sweep):
        write_bytes(folder / "summary.png", sheet)
    _show(sweep)
    return sweep


def _csv(sweep: Sweep) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["rank", "job", *sweep.varying, "state", *FIGURES, "seconds", "steps", "stop_reason", "folder"])
    for rank, job in enumerate(sweep.ranked(), 1):
        done = job.state == "finished"
        writer.writerow(
            [
                rank if done else "",
                job.number,
                *(job.settings.get(key, "") for key in sweep.varying),
                job.state,
                *(job.figure(key) for key in FIGURES),
                job.facts.get("seconds"),
                job.facts.get("steps_made"),
                job.reason or job.facts.get("stop_reason", ""),
                job.folder.name,
            ]
        )
    return text.getvalue()


def _show(sweep: Sweep) -> None:
    ranked = sweep.ranked()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", *sweep.varying):
        table.add_column(heading, overflow="fold")
    for heading in ("PSNR dB", "SSIM", "loss", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for rank, job in enumerate(ranked, 1):
        done = job.state == "finished"
        seconds = job.facts.get("seconds")
        table.add_row(
            str(rank) if done else "-",
            *(job.settings.get(key, "-") for key in sweep.varying),
            *(shown(job, key) for key in ("psnr", "ssim", "loss")),
            f"{seconds:.1f}" if seconds is not None else "-",
            "best"
            if done and rank == 1 and len(ranked) > 1
            else ""
            if done
            else f"{job.state}: {job.reason or 'cut off'}",
            style="bold" if done and rank == 1 else "" if done else "red",
        )
    console = Console(highlight=False, markup=False)
    console.print(table)
    failed = sum(job.state != "finished" for job in ranked)
    console.print(
        f"{len(ranked) - failed} of {len(ranked)} jobs finished, ranked by PSNR; "
        f"summary in {sweep.folder / 'summary.html'}",
        soft_wrap=True,
    )


def shown(job: Job, key: str) -> str:
    """A figure for people."""
    value = job.figure(key)
    return "-" if value is None else FIGURES[key].format(value)


def _page(sweep: Sweep) -> str:
    environment = Environment(
        loader=PackageLoader("enhance.sweeps", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rows = [_row(sweep, job, rank) for rank, job in enumerate(sweep.ranked(), 1)]
    across, down, cells = grid(sweep)
    by_folder = {row["folder"]: row for row in rows}
    sheet = [
        {
            "name": name,
            "cells": [
                by_folder[job.folder.name] if (job := cells.get((name, column))) else None for column in across[1]
            ],
        }
        for name in down[1]
    ]
    return environment.get_template("summary.html").render(
        sweep=sweep, rows=rows, figures=list(FIGURES), across=across, down=down, sheet=sheet, count=len(rows)
    )


def _row(sweep: Sweep, job: Job, rank: int) -> dict[str, Any]:
    done = job.state == "finished"
    report = job.folder / names.REPORT
    return {
        "rank": rank if done else "",
        "best": done and rank == 1,
        "label": sweep.label(job),
        "settings": [job.settings.get(key, "-") for key in sweep.varying],
        "state": job.state,
        "reason": job.reason,
        "figures": [{"text": shown(job, key), "value": job.figure(key)} for key in FIGURES],
        "psnr": shown(job, "psnr"),
        "seconds": job.facts.get("seconds"),
        "curve": _curve(job),
        "picture": _picture(job.folder / names.RESULT),
        "folder": job.folder.name,
        "link": f"{job.folder.name}/{names.REPORT if report.is_file() else ''}",
        "log": f"{job.folder.name}/run.log",
    }


def _curve(job: Job) -> str:
    """PSNR against the step, as points of a polyline."""
    rows = [row for row in job.rows if row.psnr < 100]
    if len(rows) < 2:
        return ""
    rows = rows[:: max(1, len(rows) // 200)]
    low, high = 0.0, 45.0  # the same axis for all, so that curves can be compared
    last = max(rows[-1].step, 1)
    points = (
        (row.step / last * _WIDTH, _HEIGHT - (min(max(row.psnr, low), high) - low) / (high - low) * _HEIGHT)
        for row in rows
    )
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


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
    return f"data:image/webp;base64,{b64encode(data.getvalue()).decode()}"
