"""Scores of many pairs as a CSV that grows line by line: a crash keeps what is done, a second call goes on."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from enhance.config.schema import Config
from enhance.images.pictures import open_picture
from enhance.images.reading import Picture
from enhance.scoring.identity import COLUMN, Identity
from enhance.scoring.pairs import Pair, PairsError
from enhance.scoring.scorers import Scorer, prepare, score
from enhance.utils.files import write_text
from enhance.utils.memory import is_out_of_memory
from enhance.utils.suggest import short
from enhance.utils.tables import csv_text

Row = dict[str, str]
_Open = Callable[[str], Picture]

_FAILURES = (ValueError, OSError, MemoryError, RuntimeError)  # of files, sizes and memory
_PIXELS = 4_000_000  # of a batch: eight photographs of twelve million would take tens of gigabytes for their SSIM


@dataclass
class Outcome:
    """What `score_pairs` did.

    Attributes:
        rows: every row of the table, in the order of the file.
        scored: how many of them are new.
        failed: the pairs that could not be scored, each with a sentence.
        averaged: how many of the new ones were averaged before a deep measure compared them.
    """

    rows: list[Row] = field(default_factory=list)
    scored: int = 0
    failed: list[tuple[Pair, str]] = field(default_factory=list)
    averaged: int = 0


def score_pairs(
    pairs: Sequence[Pair],
    scorers: Sequence[Scorer],
    output: Path,
    *,
    batch: int = 8,
    device: str | torch.device = "cpu",
    background: str = Config.background,
    range: float | None = Config.range,
    mask: Tensor | None = None,
    done: Callable[[int, Outcome], object] = lambda count, outcome: None,
    failed: Callable[[Pair, str], object] = lambda pair, reason: None,
    noted: Callable[[Picture], object] = lambda picture: None,
) -> Outcome:
    """Score pairs and append each batch to a CSV with the columns reference, image, what the pairs carry, a score
    each, and `inputs`: digests of settings and files.

    Pairs that the file holds already, of files that are still the same, are not scored again; those whose files have
    changed are. A line that a crash has cut short is dropped. A file that cannot be read or needs more memory than
    there is, or a pair of different sizes, is reported and skipped, and tried again by the next call.

    Args:
        pairs: what to score; images of one size that follow each other share a batch.
        scorers: the columns.
        output: the CSV.
        batch: how many images are scored at once; fewer where they are large.
        device: where.
        background: what transparent pixels are laid on.
        range: of floats, the value that is white.
        mask: (1, 1, H, W) in [0, 1], of the size of all images: where they are compared.
        done: called with how many more pairs are done, and the outcome of all so far.
        failed: called with each pair that cannot be scored, and the reason.
        noted: called with each picture that had to be converted, see `Picture.notes`.

    Raises:
        PairsError: if `output` holds other columns, or scores of other metrics, settings, weights, backgrounds,
            ranges or masks.
        OSError: if it cannot be written.
    """
    columns = ["reference", "image", *dict.fromkeys(key for pair in pairs for key in pair.extra)]
    columns += [*(scorer.name for scorer in scorers), COLUMN]
    identity = Identity(scorers, background, mask, range)
    outcome = Outcome(_current(output, columns, pairs, identity))
    there = {(row["reference"], row["image"]) for row in outcome.rows}
    todo = [pair for pair in pairs if (pair.reference, pair.image) not in there]
    done(len(pairs) - len(todo), outcome)

    def fail(pair: Pair, reason: str) -> None:
        outcome.failed.append((pair, reason))
        failed(pair, reason)
        done(1, outcome)

    def opened(name: str) -> Picture:
        picture = open_picture(name, background, range=range)
        if picture.notes:
            noted(picture)
        return picture

    references = _References(scorers, device, opened)
    for group in _batches(_opened(todo, opened, fail), batch):
        try:
            scores = _scores(group, scorers, references, device, mask)
        except _FAILURES as error:
            if len(group) == 1:
                fail(group[0][0], _reason(error))
                continue
            scores = _one_by_one(group, scorers, references, device, mask, fail)
        if not scores:
            continue
        rows = [
            {"reference": pair.reference, "image": pair.image, **pair.extra, **values, COLUMN: identity.of(pair)}
            for pair, values in scores
        ]
        _append(output, columns, rows)
        outcome.rows += rows
        outcome.scored += len(rows)
        outcome.averaged += len(rows) * any(scorer.averages(group[0][1].image) for scorer in scorers)
        done(len(rows), outcome)
    return outcome


class _References:
    """References by their file, the last one kept with its side of each measure: neighbours mostly share it."""

    def __init__(self, scorers: Sequence[Scorer], device: str | torch.device, opened: _Open) -> None:
        self._scorers, self._device, self._opened = scorers, device, opened
        self._name = ""
        self._image: Tensor = torch.empty(0)
        self._prepared: list[Any] | None = None

    def image(self, name: str) -> Tensor:
        if name != self._name:
            self._image = self._opened(name).image.to(self._device)
            self._name, self._prepared = name, None
        return self._image

    def prepared(self, name: str) -> list[Any]:
        image = self.image(name)
        if self._prepared is None:
            self._prepared = prepare(self._scorers, image)
        return self._prepared


_Opened = tuple[Pair, Picture]
_Scored = list[tuple[Pair, Row]]


def _opened(pairs: Sequence[Pair], opened: _Open, fail: Callable[[Pair, str], None]) -> Iterator[_Opened]:
    for pair in pairs:
        try:
            yield pair, opened(pair.image)
        except _FAILURES as error:
            fail(pair, _reason(error))


def _batches(opened: Iterator[_Opened], most: int) -> Iterator[list[_Opened]]:
    """Groups of up to `most` images of one size that follow each other, and not many more than `_PIXELS` in all."""
    waiting: list[_Opened] = []
    for item in opened:
        height, width = item[1].image.shape[-2:]
        if waiting and item[1].image.shape != waiting[0][1].image.shape:
            yield waiting
            waiting = []
        waiting.append(item)
        if len(waiting) == most or len(waiting) * height * width >= _PIXELS:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _scores(
    group: list[_Opened],
    scorers: Sequence[Scorer],
    references: _References,
    device: str | torch.device,
    mask: Tensor | None,
) -> _Scored:
    images = torch.cat([picture.image for _, picture in group]).to(device)
    names = [pair.reference for pair, _ in group]
    for name in dict.fromkeys(names):
        size, reference = tuple(images.shape[-2:]), tuple(references.image(name).shape[-2:])
        if size != reference:
            raise ValueError(
                f"The image has {size[1]} x {size[0]} pixels and its reference {reference[1]} x {reference[0]}; "
                "crop or resize one of them."
            )
    if mask is not None and mask.shape[-2:] != images.shape[-2:]:
        (height, width), (rows, columns) = images.shape[-2:], mask.shape[-2:]
        raise ValueError(f"The image has {width} x {height} pixels and the mask {columns} x {rows}; resize the mask.")
    if len(set(names)) == 1:
        targets = references.prepared(names[0])
    else:
        together = torch.cat([references.image(name) for name in names])
        targets = [together] * len(scorers)
    table = score(scorers, images, targets, None if mask is None else mask.to(images)).tolist()
    values = (
        {scorer.name: f"{column[place]:.9g}" for scorer, column in zip(scorers, table, strict=True)}
        for place in range(len(group))
    )
    return [(pair, row) for (pair, _), row in zip(group, values, strict=True)]


def _one_by_one(
    group: list[_Opened],
    scorers: Sequence[Scorer],
    references: _References,
    device: str | torch.device,
    mask: Tensor | None,
    fail: Callable[[Pair, str], None],
) -> _Scored:
    """What of a batch can be scored, where one pair of it cannot."""
    scored: _Scored = []
    for item in group:
        try:
            scored += _scores([item], scorers, references, device, mask)
        except _FAILURES as error:
            fail(item[0], _reason(error))
    return scored


def _reason(error: Exception) -> str:
    """Why a pair is skipped.

    Raises:
        RuntimeError: the error, if it is a fault of the program.
    """
    if is_out_of_memory(error):
        return "It needs more memory than there is; reduce it, or close other programs."
    if isinstance(error, RuntimeError):
        raise error
    return str(error)


def _current(output: Path, columns: list[str], pairs: Sequence[Pair], identity: Identity) -> list[Row]:
    """The rows of a table whose files are still the same; the others leave the table.

    Raises:
        PairsError: if the table has other columns or settings.
    """
    rows = _rows(output, columns)
    _require_numbers(output, rows, columns, pairs)
    if any(not identity.same_settings(row[COLUMN]) for row in rows):
        raise PairsError(
            f"output={output} holds scores of other metrics, settings, weights, backgrounds, ranges or masks; name "
            "another file, or remove it."
        )
    now = {(pair.reference, pair.image): pair for pair in pairs}

    def is_current(row: Row) -> bool:
        pair = now.get((row["reference"], row["image"]))
        return pair is None or {**row, **pair.extra, COLUMN: identity.of(pair)} == row

    current = [row for row in rows if is_current(row)]
    if len(current) < len(rows):
        write_text(output, csv_text(columns, [[row[column] for column in columns] for row in current]))
    return current


def _require_numbers(output: Path, rows: Sequence[Row], columns: Sequence[str], pairs: Sequence[Pair]) -> None:
    """Raise a PairsError where somebody has put something else in place of a score."""
    carried = {"reference", "image", COLUMN, *(key for pair in pairs for key in pair.extra)}
    scores = [column for column in columns if column not in carried]
    for number, row in enumerate(rows, 2):
        for column in scores:
            try:
                float(row[column])
            except ValueError as error:
                raise PairsError(
                    f"output={output}, line {number}: {column} is {short(row[column])!r}, no number; remove the line, "
                    "or name another file."
                ) from error


def _rows(output: Path, columns: list[str]) -> list[Row]:
    """The whole lines of a table that an earlier call has left."""
    if not output.exists():
        return []
    try:
        text = output.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PairsError(f"output={output} is there already and is no table in UTF-8; name another file.") from error
    whole = text[: text.rfind("\n") + 1]
    reader = csv.DictReader(io.StringIO(whole, newline=""))
    rows = [row for row in reader if None not in row and None not in row.values()]
    if whole and list(reader.fieldnames or []) != columns:
        raise PairsError(
            f"output={output} is there already and has other columns ({', '.join(reader.fieldnames or [])}); "
            "name another file, or remove it."
        )
    if whole != text:
        write_text(output, whole)
    return rows


def _append(output: Path, columns: list[str], rows: list[Row]) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    with open(output, "a", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, columns, restval="", lineterminator="\n")
        if opened.tell() == 0:
            writer.writeheader()
        writer.writerows(rows)
        opened.flush()
        os.fsync(opened.fileno())
