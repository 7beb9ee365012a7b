"""All figures of a run from its files."""

from __future__ import annotations

from pathlib import Path

from enhance.report import animation, figures, html
from enhance.report.run_data import RunData


def render(folder: Path) -> tuple[str, ...]:
    """Draw comparison, curves, animation and report anew from the files of a run, finished or not.

    Returns:
        One sentence for each thing that is missing; what can be drawn without it is drawn.

    Raises:
        ValueError: if the folder holds no run.
    """
    data = RunData.read(folder)
    for draw in (
        figures.comparison,
        figures.curves,
        animation.progress_gif,
        animation.progress_video,
        html.report,
    ):
        draw(data)
    return data.missing
