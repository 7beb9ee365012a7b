"""`task=score` of many pairs: the table, its progress, and what is said of it in the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from enhance.build import choose_device
from enhance.cli.commands.score import load_mask, load_scorers
from enhance.scoring import Pair, local_engine, score_pairs
from enhance.scoring.document import Document, about_scorers
from enhance.scoring.many import Outcome
from enhance.scoring.scorers import AVERAGED

if TYPE_CHECKING:
    from enhance.cli.commands.score import Settings

TABLE = "scores.csv"
_MOST_NOTED = 5  # images whose conversion is reported


def score_many(settings: Settings, pairs: Sequence[Pair]) -> int:
    """Score pairs into a table and say what came of it.

    Returns:
        0, or 1 where some could not be scored.

    Raises:
        ValueError: one sentence about the settings or the table, or that no pair could be scored.
    """
    mask, scorers = load_mask(settings), load_scorers(settings)
    output = Path(settings.output or TABLE).expanduser()
    document = Document(output, about_scorers(scorers, settings.mask, settings.background), pairs)
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("scoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(pairs))

        def say(line: str) -> None:
            console.print(line, markup=False, soft_wrap=True)

        notes = _Notes(say)
        engine = local_engine(
            scorers,
            batch=settings.batch,
            device=choose_device(settings.device),
            background=settings.background,
            mask=mask,
            workers=settings.workers,
            say=say,
        )
        try:
            outcome = score_pairs(
                pairs,
                scorers,
                output,
                engine=engine,
                background=settings.background,
                mask=mask,
                begun=document.begin,
                done=lambda count: bar.advance(task, count),
                failed=lambda pair, why: say(f"skipped {pair.image}: {why}"),
                noted=notes.add,
            )
            notes.end()
        finally:  # Ctrl-C too
            document.write()
    return conclude(settings.format, document, outcome)


def conclude(form: str, document: Document, outcome: Outcome) -> int:
    """Print what a table holds, and return the exit code.

    Raises:
        ValueError: if it holds nothing.
    """
    if form == "json":
        print(document.text(), end="")
    else:
        there = document.asked() - outcome.scored
        print(
            f"{outcome.scored} {'pair' if outcome.scored == 1 else 'pairs'} scored"
            + (f", {there} were there already" if there else "")
            + (f", {len(outcome.failed)} skipped" if outcome.failed else "")
            + f": {outcome.table.path}"
        )
        for line in document.lines():
            print(line)
        if outcome.averaged:
            print(f"{outcome.averaged} of them {AVERAGED}")
    if outcome.failed and not document.asked():
        raise ValueError("None of the pairs could be scored.")
    return 1 if outcome.failed else 0


class _Notes:
    """The first conversions of images, and how many more there were."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say, self._count = say, 0

    def add(self, file: str, notes: str) -> None:
        self._count += 1
        if self._count <= _MOST_NOTED:
            self._say(f"note: {file}: {notes}")

    def end(self) -> None:
        if self._count > _MOST_NOTED:
            self._say(f"note: and {self._count - _MOST_NOTED} more images such as these")
