"""Scores of many pairs: what a table has already stays, the rest is scored and appended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from enhance.scoring.batches import Result, Scoring
from enhance.scoring.identity import COLUMN, Identity
from enhance.scoring.pairs import Keys, Pair
from enhance.scoring.reading import Item, Open, in_order, read_ahead, shared_references
from enhance.scoring.scorers import Scorer
from enhance.scoring.sources import open_source
from enhance.scoring.table import Row, Table, columns_of, one_writer
from enhance.utils.defaults import BACKGROUND

Engine = Callable[[Sequence[Item]], Iterator[list[Result]]]
"""Results of items, each once and in any order, a batch at a time."""


@dataclass
class Outcome:
    """What `score_pairs` did.

    Attributes:
        table: the rows, in the order of the pairs.
        scored: how many of them are new.
        failed: the pairs that could not be scored, each with a sentence.
        averaged: how many of the new ones were averaged before a deep measure compared them.
        left: how many pairs were not reached.
    """

    table: Table
    scored: int = 0
    failed: list[tuple[Pair, str]] = field(default_factory=list)
    averaged: int = 0
    left: int = 0


def local_engine(
    scorers: Sequence[Scorer],
    *,
    batch: int = 8,
    device: str | torch.device = "cpu",
    mask: Tensor | None = None,
    opened: Open = open_source,
    workers: int | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> Engine:
    """The engine of one process, with worker processes that read images ahead; see `Scoring` and `read_ahead`."""

    def run(items: Sequence[Item]) -> Iterator[list[Result]]:
        return Scoring(scorers, batch, device, mask)(read_ahead(items, opened, workers, say))

    return run


def score_pairs(
    pairs: Sequence[Pair],
    scorers: Sequence[Scorer],
    output: Path,
    *,
    engine: Engine | None = None,
    background: str = BACKGROUND,
    range: float | None = None,
    mask: Tensor | None = None,
    shared: frozenset[str] | None = None,
    begun: Callable[[Outcome], object] = lambda outcome: None,
    done: Callable[[int], object] = lambda count: None,
    failed: Callable[[Pair, str], object] = lambda pair, reason: None,
    noted: Callable[[str, str], object] = lambda file, notes: None,
) -> Outcome:
    """Score pairs and append each batch to a CSV with the columns reference, image, what the pairs carry, a score
    each, and `inputs`: digests of settings and files.

    Pairs that the file holds already, of files that are still the same, are not scored again; those whose files have
    changed are. A line that a crash has cut short is dropped. A file that cannot be read or needs more memory than
    there is, or a pair of different sizes, is reported and skipped, and tried again by the next call. In the end the
    rows are in the order of the pairs.

    Args:
        pairs: what to score, each once.
        scorers: the columns.
        output: the CSV.
        engine: computes the scores; None: `local_engine` with its defaults.
        background: what transparent pixels are laid on.
        range: of floats, the value that is white.
        mask: (1, 1, H, W) in [0, 1], of the size of all images: where they are compared.
        shared: references that several pairs have; None: those of `pairs`, which may be a part of a list.
        begun: called with the outcome before anything is scored; it is filled from then on.
        done: called with how many more pairs are done.
        failed: called with each pair that cannot be scored, and the reason.
        noted: called with each file that had to be converted, and how, see `Picture.notes`.

    Raises:
        PairsError: if `output` holds other columns, or scores of other metrics, settings, weights, backgrounds,
            ranges or masks, or another process writes it.
        OSError: if it cannot be written.
    """
    identity = Identity(scorers, background, mask, range)
    engine = engine or local_engine(scorers, mask=mask, opened=partial(open_source, background=background, range=range))
    keys = Keys.of_pairs(pairs)
    table = Table(output, columns_of(pairs, [scorer.name for scorer in scorers]))
    outcome = Outcome(table)
    with one_writer(output):
        there = table.keep(pairs, identity)
        todo = [pair for pair in pairs if keys(pair) not in there]
        outcome.left = len(todo)
        begun(outcome)
        done(len(pairs) - len(todo))
        with table.appending() as append:
            sound = [pair for pair in todo if not pair.fault]
            items = in_order(sound, shared_references(pairs) if shared is None else shared)
            for results in chain([_faults(todo)], engine(items)):
                append(_row(result, identity) for result in results if result.scores)
                for result in results:
                    _count(result, outcome, failed, noted)
                done(len(results))
        table.put_in_order(pairs)
    return outcome


def _faults(pairs: Sequence[Pair]) -> list[Result]:
    """Results of the rows of a list that cannot be scored."""
    return [Result(pair, {}, reason=pair.fault) for pair in pairs if pair.fault]


def _row(result: Result, identity: Identity) -> Row:
    pair = result.pair
    inputs = identity.joined(*result.digests)
    return {"reference": pair.reference, "image": pair.image, **pair.extra, **result.scores, COLUMN: inputs}


def _count(
    result: Result, outcome: Outcome, failed: Callable[[Pair, str], object], noted: Callable[[str, str], object]
) -> None:
    outcome.left -= 1
    for file, notes in result.notes:
        noted(file, notes)
    if result.scores:
        outcome.scored += 1
        outcome.averaged += result.averaged
    else:
        outcome.failed.append((result.pair, result.reason))
        failed(result.pair, result.reason)
