"""`task=guide sweep=FOLDER`: which measure? A page of Markdown from the files of a sweep with `judges=`."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING


@dataclass
class Settings:
    """The settings of `task=guide`.

    Attributes:
        sweep: the folder of a sweep whose runs have `judges=`, recipes=guide; or several, of different metrics.
        search: the folders of the sweeps in which the rates were sought.
        scores: a CSV of task=score pairs=FOLDER of the sweep: further metrics, each a column; of several sweeps one
            each, in their order.
        output: a .md; a picture of its name goes beside it.
    """

    task: str = "guide"
    sweep: Any = MISSING
    search: list[str] = field(default_factory=list)
    scores: Any = None
    output: str = "guide.md"


def run(settings: Settings) -> int:
    """Write the page and its picture.

    Returns:
        0.

    Raises:
        ValueError: if a folder holds no jobs, or its runs have no `judges=`, or the CSV holds no scores of its results.
        OSError: if a file cannot be read or written.
    """
    from enhance.report.sweep.commands import guide_command, scores_command, sweep_command, weights_files
    from enhance.report.sweep.guide import guide, picture, with_scores
    from enhance.report.sweep.jobs import joined, read_sweep
    from enhance.utils.files import write_bytes, write_text

    output = Path(settings.output).expanduser()
    if output.suffix != ".md":
        raise ValueError(f"output={settings.output} must end in .md.")
    folders, searches, tables = (_paths(each) for each in (settings.sweep, settings.search, settings.scores))
    sweep = joined([read_sweep(folder) for folder in folders])
    if tables:
        if len(tables) != len(folders):
            raise ValueError(
                f"scores= names {len(tables)} and sweep= {len(folders)}; each sweep has a table of its own."
            )
        sweep = with_scores(sweep, tables)
    image = output.with_suffix(".jpg")
    commands = [
        *(sweep_command(folder) for folder in (*searches, *folders)),
        *(scores_command(table, folder) for table, folder in zip(tables, folders, strict=False)),
        guide_command(folders, searches, tables, output),
    ]
    weights = {column: file for table in tables for column, file in weights_files(table).items()}
    sought = [read_sweep(folder) for folder in searches]
    text = guide(sweep, sought, image.name, [command for command in commands if command], weights)
    if drawn := picture(sweep):
        write_bytes(image, drawn)
    write_text(output, text)
    print(f"{output} is written, from {len(sweep.finished)} of {len(sweep.jobs)} jobs", file=sys.stderr)
    return 0


def _paths(given: Any) -> list[Path]:
    """The files or folders that a setting names, one or several."""
    names = given if isinstance(given, list) else [given] if given else []
    return [Path(str(name)).expanduser() for name in names]
