"""What a run leaves on disk, and the figures drawn from it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

__all__ = ["FramePlan", "Recorder", "conclude", "render"]

_HOMES = {"FramePlan": "enhance.runs.frames", "Recorder": "enhance.runs.recorder"}

if TYPE_CHECKING:
    from enhance.runs.frames import FramePlan as FramePlan
    from enhance.runs.recorder import Recorder as Recorder


def __getattr__(name: str) -> Any:  # the command line needs the names of files without importing torch
    if name not in _HOMES:
        raise AttributeError(f"module 'enhance.runs' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def render(folder: Path) -> tuple[str, ...]:
    """Draw comparison, curves, animation and report anew from the files of a run, finished or not.

    Returns:
        One sentence for each thing that is missing; what can be drawn without it is drawn.

    Raises:
        ValueError: if the folder holds no run.
    """
    from enhance.runs.animation import progress_gif, progress_video
    from enhance.runs.figures import comparison, curves
    from enhance.runs.report import report
    from enhance.runs.story import Story

    story = Story.read(folder)
    for draw in (comparison, curves, progress_gif, progress_video, report):
        draw(story)
    return story.missing


def conclude(folder: Path) -> None:
    """Draw everything of a run whose steps are all made, and only then say in metrics.json that it is finished.

    Raises:
        ValueError: if the folder holds no run.
        OSError: if it cannot be written; `conclude` may be called again.
    """
    from enhance.files import write_json
    from enhance.runs.folder import CHECKPOINTS, METRICS, known

    render(folder)
    for name in CHECKPOINTS:
        (folder / name).unlink(missing_ok=True)
    write_json(folder / METRICS, known(folder) | {"status": "finished"})
