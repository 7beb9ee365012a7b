"""`task=guide sweep=FOLDER`: which measure? A page of Markdown from the files of a sweep with judges."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING


@dataclass
class Settings:
    """The settings of `task=guide`.

    Attributes:
        sweep: the folder of a sweep whose runs have judges: recipes=guide.
        search: the folders of the sweeps in which the rates were sought.
        scores: a CSV of task=score whose images are results of the sweep: further judges, each a column.
        output: a .md; a picture of its name goes beside it.
    """

    task: str = "guide"
    sweep: str = MISSING
    search: list[str] = field(default_factory=list)
    scores: str | None = None
    output: str = "guide.md"


def run(settings: Settings) -> int:
    """Write the page and its picture.

    Returns:
        0.

    Raises:
        ValueError: if a folder holds no jobs, or the sweep has no judges, or the CSV holds no scores of its results.
        OSError: if a file cannot be read or written.
    """
    from enhance.sweeps.guide import guide, picture, with_scores
    from enhance.sweeps.jobs import read_sweep
    from enhance.utils.files import write_bytes, write_text

    output = Path(settings.output).expanduser()
    if output.suffix != ".md":
        raise ValueError(f"output={settings.output} must end in .md.")
    sweep = read_sweep(Path(settings.sweep).expanduser())
    if settings.scores:
        sweep = with_scores(sweep, Path(settings.scores).expanduser())
    image = output.with_suffix(".jpg")
    text = guide(sweep, [read_sweep(Path(folder).expanduser()) for folder in settings.search], image.name)
    if drawn := picture(sweep):
        write_bytes(image, drawn)
    write_text(output, text)
    print(f"{output} is written, from {len(sweep.finished)} of {len(sweep.jobs)} jobs", file=sys.stderr)
    return 0
