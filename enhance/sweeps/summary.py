"""summary.csv, summary.html, summary.png and a table in the terminal."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from enhance.sweeps.jobs import FIGURES, Sweep, collect, shown
from enhance.sweeps.page import page
from enhance.sweeps.sheet import contact_sheet
from enhance.utils.files import write_bytes, write_text


def summarise(folder: Path) -> Sweep:
    """Write the three files and show the table.

    Raises:
        ValueError: if the folder holds no jobs.
        OSError: if it cannot be written.
    """
    sweep = collect(folder)
    write_text(folder / "summary.csv", _csv(sweep))
    if sheet := contact_sheet(sweep):
        write_bytes(folder / "summary.png", sheet)
    write_text(folder / "summary.html", page(sweep))
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
    """The ranking, and under it, once each, why jobs failed."""
    ranked = sweep.ranked()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", justify="right")
    for heading in sweep.varying:
        table.add_column(Text(heading), overflow="fold")
    for heading in ("PSNR dB", "SSIM", "loss", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    lowest = sweep.lowest()
    for rank, job in enumerate(ranked, 1):
        done = job.state == "finished"
        marks = ["best"] * (rank == 1 and len(ranked) > 1) + ["lowest loss"] * (job is lowest)
        seconds = job.facts.get("seconds")
        table.add_row(
            str(rank) if done else "-",
            *(Text(job.settings.get(key, "-")) for key in sweep.varying),
            *(shown(job, key) for key in ("psnr", "ssim", "loss")),
            f"{seconds:.1f}" if seconds is not None else "-",
            ", ".join(marks) if done else job.state,
            style="bold" if done and rank == 1 else "" if done else "red",
        )
    console = Console(highlight=False, markup=False)
    console.print(table)
    for reason, jobs in sweep.failures().items():
        logs = ", ".join(f"{job.folder.name}/run.log" for job in jobs[:1])
        more = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
        console.print(f"failed: {reason} ({logs}{more})", style="red", soft_wrap=True)
    done = sum(job.state == "finished" for job in ranked)
    console.print(
        f"{done} of {len(ranked)} jobs finished, ranked by PSNR; summary in {sweep.folder / 'summary.html'}",
        soft_wrap=True,
    )
