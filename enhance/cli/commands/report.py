"""`task=report run=FOLDER`: everything that a run shows, drawn again from the files it left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from enhance.runs.sweep import recorded_command


@dataclass
class Settings:
    """`run`: the folder of a run."""

    task: str = "report"
    run: str = MISSING


def run(settings: Settings) -> int:
    """Draw again what a run's files allow; say what was written and what is missing.

    Raises:
        ValueError: if the folder holds no run.
    """
    folder = Path(settings.run)
    if not folder.is_dir():
        raise ValueError(f"run={settings.run} is no folder of a run: there is no such folder.")
    if recorded_command(folder) is not None:
        raise ValueError(f"run={folder} is the folder of a sweep; task=summary sweep={folder} draws its page again.")
    from enhance.report.render import render

    missing = render(folder)
    print(f"{folder}: figures and report.html are drawn again.", *missing, sep="\n")
    return 0
