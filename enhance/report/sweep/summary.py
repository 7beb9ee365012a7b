"""summary.csv, summary.html, summary.png and a table in the terminal."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from enhance.report.numbers import FITS, MISSING, QUANTITIES, quantity, seconds
from enhance.report.sweep.cross_evaluation import cross_evaluation
from enhance.report.sweep.jobs import Job, Sweep, read_sweep
from enhance.report.sweep.page import page
from enhance.report.sweep.sheet import contact_sheet
from enhance.utils.files import write_bytes, write_text

_COLUMNS = ("psnr", "ssim", "loss")  # of the table in the terminal
_OF_RESTORATIONS = ("psnr", "ssim", "residual", "blocks_in_cells")  # in their place, those that are known


def summarise(folder: Path) -> Sweep:
    """Write the three files, print the table, and return the sweep.

    Raises:
        ValueError: if the folder holds no jobs.
        OSError: if it cannot be written.
    """
    sweep = read_sweep(folder)
    write_text(folder / "summary.csv", _csv(sweep))
    if sheet := contact_sheet(sweep):
        write_bytes(folder / "summary.png", sheet)
    if matrix := cross_evaluation(sweep):
        write_text(folder / "cross_evaluation.csv", matrix.csv())
    write_text(folder / "summary.html", page(sweep))
    _print(sweep)
    return sweep


def _csv(sweep: Sweep) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    figures = [*QUANTITIES, *sweep.known(FITS)]
    writer.writerow(["rank", "job", *sweep.varying, "state", *figures, "seconds", "steps", "stop_reason", "folder"])
    ranks = sweep.ranks()
    for job in sweep.ranked():
        writer.writerow(
            [
                ranks.get(job.folder, ""),
                job.number,
                *(job.settings.get(key, "") for key in sweep.varying),
                job.state,
                *(job.result(key) for key in figures),
                job.metadata.get("seconds"),
                job.metadata.get("passes" if job.restores else "steps_made"),
                job.reason or job.metadata.get("stop_reason", ""),
                job.folder.name,
            ]
        )
    return text.getvalue()


def _print(sweep: Sweep) -> None:
    """The ranking, and under it, once each, why jobs failed."""
    console = Console(highlight=False, markup=False)
    console.print(_table(sweep))
    for reason, jobs in sweep.failures().items():
        more = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
        console.print(f"failed: {reason} ({jobs[0].folder.name}/run.log{more})", style="red", soft_wrap=True)
    within = " within each question" if len(sweep.questions) > 1 else ""
    ranked = f"ranked by PSNR{within}" if sweep.best or not sweep.restores else "not ranked, without a reference"
    console.print(
        f"{len(sweep.finished)} of {len(sweep.jobs)} jobs finished, {ranked}; "
        f"summary in {sweep.folder / 'summary.html'}",
        soft_wrap=True,
    )


def _table(sweep: Sweep) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", justify="right")
    for heading in sweep.varying:
        table.add_column(Text(heading), overflow="fold")
    columns = sweep.known(_OF_RESTORATIONS) if sweep.restores else _COLUMNS
    for key in columns:
        table.add_column(quantity(key).heading, justify="right", no_wrap=key in QUANTITIES)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("")
    ranks = sweep.ranks()
    for job in sweep.ranked():
        took = job.metadata.get("seconds")
        table.add_row(
            str(ranks.get(job.folder, "-")),
            *(Text(job.settings.get(key, "-")) for key in sweep.varying),
            *(_ascii(job.written(key, unit=False)) for key in columns),
            seconds(took) if took is not None else "-",
            _remark(sweep, job),
            style="red" if not job.finished else "bold" if ranks.get(job.folder) == 1 else "",
        )
    return table


def _ascii(number: str) -> str:
    """For any terminal."""
    return number.replace(MISSING, "-").replace("\N{INFINITY}", "inf")


def _remark(sweep: Sweep, job: Job) -> str:
    if not job.finished:
        return job.state
    remarks = {"best": job in sweep.best and len(sweep.jobs) > 1, "lowest loss": job is sweep.lowest_loss()}
    return ", ".join(remark for remark, applies in remarks.items() if applies)
