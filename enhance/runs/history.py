"""history.csv: one row a step, written as it happens and read back whatever happened to its last line."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from enhance.runs.layout import COLUMNS_OF_RESTORATIONS
from enhance.utils.files import write_bytes


@dataclass(frozen=True)
class Row:
    """What is known of one step.

    Attributes:
        step: number of updates made.
        loss: the objective's.
        score: of the main metric.
        lr: learning rate of the update that follows; 0 at the last step.
        psnr: in dB; infinite where the image is the reference.
        ssim: NaN where it was not computed: it is, at the steps that are kept as frames.
        seconds: since the run began.
        terms: value of each term of the objective before its weight, by name; empty where the objective has one term.
        scores: by each evaluation metric, by name; empty where they were not computed: they are at the steps that are
            kept as frames.
    """

    step: int
    loss: float
    score: float
    lr: float
    psnr: float
    ssim: float
    seconds: float
    terms: dict[str, float] = field(default_factory=dict, hash=False)
    scores: dict[str, float] = field(default_factory=dict, hash=False)


_GROUPS = {"terms": "term.", "scores": "score."}  # fields of several columns, and the prefix of these
_NAMES = [each.name for each in fields(Row) if each.name not in _GROUPS]


class HistoryWriter:
    """Appends rows. The file is opened for each, so nothing is lost whatever ends the run.

    Args:
        path: of the file.
        go_on: append to the file that is there, whose columns stay as they are, instead of beginning anew.
        terms: names of the objective's terms where it has several; each gets a column.
        scores: names of the evaluation metrics; each gets a column.
    """

    def __init__(self, path: Path, go_on: bool = False, terms: Sequence[str] = (), scores: Sequence[str] = ()) -> None:
        self._path = path
        if go_on:
            self._groups = _groups(_columns(path.read_bytes().partition(b"\n")[0]))
            return
        self._groups = {"terms": list(terms), "scores": list(scores)}
        names = [_GROUPS[group] + name for group, members in self._groups.items() for name in members]
        with path.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerow([*_NAMES, *names])

    def append(self, row: Row) -> None:
        """Write one row."""
        values = [getattr(row, name) for name in _NAMES]
        for group, members in self._groups.items():
            values += [getattr(row, group).get(name, math.nan) for name in members]
        values = ["" if isinstance(value, float) and math.isnan(value) else value for value in values]
        with self._path.open("a", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerow(values)

    def sync(self) -> None:
        """Return when all rows are on the disk: a checkpoint must never be ahead of the history."""
        with self._path.open("a", encoding="utf-8") as stream:
            os.fsync(stream.fileno())


def read(path: Path) -> list[Row]:
    """The rows of a history up to the first line that a crash left unreadable. No file is no rows. A restoration has
    no loss and no score: they are NaN.
    """
    return [row for row, _ in _whole(path)]


def cut(path: Path, last: int) -> None:
    """Drop all rows after the step `last`, byte for byte keeping those before.

    Raises:
        ValueError: if the history does not reach that step.
    """
    kept = [(row, line) for row, line in _whole(path) if row.step <= last]
    if not kept or kept[-1][0].step != last:
        reached = f"ends at step {kept[-1][0].step}" if kept else "holds no step"
        raise ValueError(f"{path} {reached}, so the run cannot go on from step {last}; begin it anew.")
    header = path.read_bytes().split(b"\n", 1)[0] + b"\n"
    write_bytes(path, header + b"".join(line for _, line in kept))


def _whole(path: Path) -> Iterator[tuple[Row, bytes]]:
    """The rows that can be read and their lines, up to the first that cannot."""
    if not path.is_file():
        return
    header, *lines = path.read_bytes().splitlines(keepends=True) or [b""]
    columns = _columns(header)
    groups = _groups(columns)
    empty = dict.fromkeys(_NAMES, "") if columns == [*COLUMNS_OF_RESTORATIONS] else {}
    for line in lines:
        cells = line.decode("utf-8", "replace").strip().split(",")
        try:
            record = empty | dict(zip(columns, cells, strict=True))
            values = (float(record[name] or "nan") for name in _NAMES[1:])
            known = {
                group: {name: float(cell) for name in members if (cell := record[_GROUPS[group] + name])}
                for group, members in groups.items()
            }
            row = Row(int(record["step"]), *values, terms=known["terms"], scores=known["scores"])
        except (KeyError, ValueError):
            return
        if not line.endswith(b"\n"):
            return
        yield row, line


def _columns(header: bytes) -> list[str]:
    return next(csv.reader([header.decode("utf-8", "replace").strip()]), [])


def _groups(columns: Sequence[str]) -> dict[str, list[str]]:
    """The names of the terms and of the evaluation metrics that have a column."""
    return {
        group: [name.removeprefix(prefix) for name in columns if name.startswith(prefix)]
        for group, prefix in _GROUPS.items()
    }
