"""What a run leaves on disk, and the figures drawn from it."""

from __future__ import annotations

from pathlib import Path

from enhance.runs.frames import FramePlan
from enhance.runs.recorder import Recorder

__all__ = ["FramePlan", "Recorder", "render"]


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
