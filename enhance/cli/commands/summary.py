"""`task=summary sweep=FOLDER`: the summary of a sweep, rebuilt from its jobs' folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING


@dataclass
class Settings:
    """`sweep`: the folder of a sweep."""

    task: str = "summary"
    sweep: str = MISSING


def run(settings: Settings) -> int:
    """Rebuild it and show the table.

    Raises:
        ValueError: if the folder holds no jobs.
    """
    from enhance.report.sweep.summary import summarise

    summarise(Path(settings.sweep).expanduser())
    return 0
