"""All figures of a run or a restoration from its files."""

from __future__ import annotations

from pathlib import Path

from enhance.report import animation, figures, html
from enhance.report.duel import drawing, page
from enhance.report.duel.data import FOUR, DuelData
from enhance.report.restoration import page as restoration
from enhance.report.restoration.data import RestorationData, is_restoration
from enhance.report.run_data import RunData
from enhance.runs.layout import read_metrics


def render(folder: Path) -> tuple[str, ...]:
    """Draw comparison, curves, animation and report anew from the files of a run, finished or not.

    Returns:
        One sentence for each thing that is missing; what can be drawn without it is drawn.

    Raises:
        ValueError: if the folder holds no run.
    """
    if "duel" in read_metrics(folder):
        return _render_duel(folder)
    if is_restoration(folder):
        return restoration.draw(folder)
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


def page_of(folder: Path, version: str = "") -> str:
    """The page of a run or a restoration that is at work.

    Args:
        folder: of the run.
        version: of what the page shows, by which it finds out when there is more; empty: it does not ask.

    Raises:
        ValueError: if the folder holds no run.
        OSError, KeyError: if its files are of two moments.
    """
    if is_restoration(folder):
        return restoration.page(RestorationData.read(folder), version)
    return html.page(RunData.read(folder), version)


def _render_duel(folder: Path) -> tuple[str, ...]:
    data = DuelData.read(folder)
    for draw in (drawing.comparison, drawing.curves, page.report):
        draw(data)
    return tuple(f"{name}.png is not there yet." for name in FOUR if name not in data.pictures)
