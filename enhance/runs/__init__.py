"""What a run leaves on disk, and the figures drawn from it."""

from __future__ import annotations

from pathlib import Path

from enhance.runs.folder import INITIAL, REFERENCE
from enhance.runs.frames import FramePlan
from enhance.runs.recorder import Recorder

__all__ = ["FramePlan", "Recorder", "render"]


def render(folder: Path) -> None:
    """Draw comparison, curves and animation anew from the files of a run, finished or not.

    Raises:
        ValueError: if the folder holds no run.
    """
    from enhance.runs.animation import progress_gif
    from enhance.runs.figures import comparison, curves

    for name in (INITIAL, REFERENCE):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} holds no run: {name} is missing; name the folder of a run.")
    comparison(folder)
    curves(folder)
    progress_gif(folder)
