"""All figures of a run from its files."""

from __future__ import annotations

from pathlib import Path

from enhance.report.animation import progress_gif, progress_video
from enhance.report.figures import comparison, curves
from enhance.report.html import report
from enhance.report.run_data import Story


def render(folder: Path) -> tuple[str, ...]:
    """Draw comparison, curves, animation and report anew from the files of a run, finished or not.

    Returns:
        One sentence for each thing that is missing; what can be drawn without it is drawn.

    Raises:
        ValueError: if the folder holds no run.
    """
    story = Story.read(folder)
    for draw in (comparison, curves, progress_gif, progress_video, report):
        draw(story)
    return story.missing
