"""`task=report run=FOLDER`: everything that a run shows, drawn again from the files it left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING


@dataclass
class Settings:
    """`run`: the folder of a run."""

    task: str = "report"
    run: str = MISSING


def run(settings: Settings) -> int:
    """Draw again and say what was written.

    Raises:
        ValueError: if the folder holds no run.
    """
    folder = Path(settings.run)
    if not (folder / "metrics.json").is_file():
        raise ValueError(f"run={settings.run} is no folder of a run: it has no metrics.json.")
    from enhance.runs import render

    render(folder)
    print(f"{folder}: figures and pages are drawn again.")
    return 0
