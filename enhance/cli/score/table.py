"""`task=score` of many pairs: the table, its progress, and what is said of it in the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from enhance.cli import saying
from enhance.cli.score.loading import load_mask, load_pairs, load_scorers
from enhance.cli.score.settings import Settings
from enhance.experiment.devices import choose_device
from enhance.scoring import Pair, PairsError, local_engine, score_pairs
from enhance.scoring.batches import Scoring
from enhance.scoring.document import Document, about_scorers
from enhance.scoring.many import Engine, Outcome
from enhance.scoring.reading import shared_references
from enhance.scoring.scorers import AVERAGED, Scorer
from enhance.scoring.shards import Shard, merge, shards_in
from enhance.scoring.sources import open_source
from enhance.utils.errors import SettingsError

if TYPE_CHECKING:
    from torch import Tensor

TABLE = "scores.csv"
_MOST_NOTED = 5  # images whose conversion is reported


def score_many(settings: Settings, pairs: Sequence[Pair]) -> int:
    """Score pairs into a table and print a summary.

    Returns:
        0, or 1 where some could not be scored.

    Raises:
        ValueError: one sentence about the settings or the table, or that no pair could be scored.
    """
    output, shared = Path(settings.output or TABLE).expanduser(), shared_references(pairs)
    if settings.engine == "slurm":
        return _submit(settings, len(pairs), output)
    if settings.shard:
        shard = Shard.of_text(settings.shard)
        pairs, output = shard.part(pairs), shard.path(output)
    mask, scorers = load_mask(settings, lambda line: saying.say(f"note: {line}")), load_scorers(settings)
    document = Document(output, about_scorers(scorers, settings.mask, settings.background, settings.range), pairs)
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("scoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(pairs))

        def say(line: str) -> None:
            console.print(line, markup=False, soft_wrap=True)

        notes = _Notes(say)
        engine = _engine(settings, scorers, mask, say)
        try:
            outcome = score_pairs(
                pairs,
                scorers,
                output,
                engine=engine,
                background=settings.background,
                range=settings.range,
                mask=mask,
                shared=shared,
                begun=document.begin,
                done=lambda count: bar.advance(task, count),
                failed=lambda pair, why: say(f"skipped {pair.image or pair.reference or 'a row'}: {why}"),
                noted=notes.add,
            )
            notes.end()
        finally:  # Ctrl-C too
            document.write()
    there = document.asked() - outcome.scored
    said = f"{outcome.scored} {'pair' if outcome.scored == 1 else 'pairs'} scored"
    return _conclude(settings.format, document, outcome, said + (f", {there} were there already" if there else ""))


def score_list(settings: Settings) -> int:
    """As `score_many`, of the pairs that checked settings name: what a job of Slurm does."""
    return score_many(settings, load_pairs(settings))


def _engine(settings: Settings, scorers: Sequence[Scorer], mask: Tensor | None, say: Callable[[str], object]) -> Engine:
    opened = partial(open_source, background=settings.background, range=settings.range)
    if settings.engine == "ray":
        from enhance.scoring.on_ray import ray_engine

        build, where = partial(build_scoring, settings), (settings.address, settings.cores, settings.device)
        return ray_engine(build, opened, *where, say)
    return local_engine(
        scorers,
        batch=settings.batch,
        device=choose_device(settings.device),
        mask=mask,
        opened=opened,
        workers=settings.workers,
        say=say,
    )


def build_scoring(settings: Settings, on_gpu: bool, threads: int) -> Scoring:
    """What scores pairs by the settings, in a process of its own.

    Args:
        settings: of the command.
        on_gpu: whether on CUDA, else on the CPU.
        threads: of the CPU, where the settings name none.
    """
    device = "cuda" if on_gpu else "cpu"
    own = replace(settings, device=device, threads=settings.threads or threads)
    return Scoring(load_scorers(own), own.batch, choose_device(device), load_mask(own, lambda line: None))


def merge_tables(settings: Settings) -> int:
    """Merge the tables of shards, or those that are named, and say what the whole table holds; as `score_many`."""
    given = [Path(str(each)).expanduser() for each in settings.merge]
    if len(given) == 1 and given[0].is_dir():
        whole, tables = shards_in(given[0])
    else:
        whole, tables = Path(TABLE), given
    for table in tables:
        if not (table.exists() or table.with_suffix(".json").exists()):
            raise PairsError(f"merge={table}: there is no such table or folder.")
    document, outcome = merge(tables, Path(settings.output).expanduser() if settings.output else whole)
    return _conclude(settings.format, document, outcome, f"{document.asked()} pairs of {len(tables)} tables merged")


def _submit(settings: Settings, pairs: int, output: Path) -> int:
    """Score the shards of a list as jobs of Slurm."""
    from enhance.scoring.slurm import submit

    of = settings.shard or ""
    if not of.isdecimal() or int(of) < 1:
        raise SettingsError(
            f"engine=slurm needs shard=NUMBER, into how many jobs the list is parted, not {of or 'none'}."
        )
    Shard(1, int(of)).part(range(pairs))
    output.parent.mkdir(parents=True, exist_ok=True)
    jobs = [replace(settings, engine="local", shard=f"{number}/{of}", slurm={}) for number in range(1, int(of) + 1)]
    print(submit(score_list, jobs, output.parent / "submitit", settings.slurm))
    print(f"when they are done: python -m enhance task=score merge={output.parent}")
    return 0


def _conclude(form: str, document: Document, outcome: Outcome, said: str) -> int:
    """Print what a table holds, and return the exit code.

    Raises:
        ValueError: if it holds nothing.
    """
    if form == "json":
        print(document.text(), end="")
    else:
        print(said + (f", {len(outcome.failed)} skipped" if outcome.failed else "") + f": {outcome.table.path}")
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
