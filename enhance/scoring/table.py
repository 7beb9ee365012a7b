"""A table of scores: a CSV that grows row by row, kept while settings and files are the same, with one writer."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from enhance.scoring.identity import COLUMN, Identity
from enhance.scoring.pairs import Keys, Pair, PairsError
from enhance.utils.files import lock_file, write_lines
from enhance.utils.suggest import short
from enhance.utils.tables import csv_line

Row = dict[str, str]
_SYNCHRONISED = 1.0  # seconds of work that a power failure may cost
_PATIENCE = 7.0  # seconds; the processes that read for one that was killed keep its lock for five

OTHER_SETTINGS = (
    "output={} holds scores of other metrics, settings, weights, backgrounds, ranges or masks; name another file, or "
    "remove it."
)


class Table:
    """The columns reference, image, what the pairs carry, a score each, and `inputs`: digests of settings and files.

    Args:
        path: the CSV.
        columns: all of them.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.columns = path, list(columns)

    def rows(self) -> Iterator[Row]:
        """The whole rows, one after the other, however many there are.

        Raises:
            PairsError: if the table has other columns, or is no text.
        """
        try:
            yield from self._rows()
        except UnicodeDecodeError as error:
            raise PairsError(
                f"output={self.path} is there already and is no table in UTF-8; name another file."
            ) from error

    def _rows(self) -> Iterator[Row]:
        if not self.path.exists():
            return
        with open(self.path, newline="", encoding="utf-8") as opened:
            reader = csv.DictReader(_whole(opened))
            if reader.fieldnames is not None and list(reader.fieldnames) != self.columns:
                raise PairsError(
                    f"output={self.path} is there already and has other columns ({', '.join(reader.fieldnames)}); "
                    "name another file, or remove it."
                )
            yield from (row for row in reader if None not in row and None not in row.values())

    def keep(self, pairs: Sequence[Pair], identity: Identity) -> set[tuple[str, ...]]:
        """The `Keys` of the rows whose files are still the same; other rows of these pairs leave the table, and so
        does a line that a crash has cut short.

        Raises:
            PairsError: if the table has other columns or settings.
        """
        for row in self._numbered(pairs):
            if not identity.same_settings(row[COLUMN]):
                raise PairsError(OTHER_SETTINGS.format(self.path))
        keys = Keys.of_pairs(pairs)
        now = {keys(pair): pair for pair in pairs}
        named = {(pair.reference, pair.image) for pair in pairs}

        def is_current(row: Row) -> bool:
            pair = now.get(keys(row))
            if pair is None:  # of another list, unless this one says something else of the pair now
                return (row["reference"], row["image"]) not in named
            return row[COLUMN] == identity.of(pair)

        there, stale = set(), set()
        for row in self.rows():
            (there if is_current(row) else stale).add(keys(row))
        if stale or self._is_cut():
            self.write(row for row in self.rows() if keys(row) not in stale)
        return there - stale

    def _numbered(self, pairs: Sequence[Pair]) -> Iterator[Row]:
        """The rows, or a PairsError where somebody has put something else in place of a score."""
        carried = {"reference", "image", COLUMN, *(key for pair in pairs for key in pair.extra)}
        scores = [column for column in self.columns if column not in carried]
        for number, row in enumerate(self.rows(), 2):
            for column in scores:
                try:
                    float(row[column])
                except ValueError as error:
                    raise PairsError(
                        f"output={self.path}, line {number}: {column} is {short(row[column])!r}, no number; remove the "
                        "line, or name another file."
                    ) from error
            yield row

    @contextmanager
    def appending(self) -> Iterator[Callable[[Iterable[Row]], None]]:
        """A function that appends rows. They are in the file when it returns, and on the disk within a second."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        opened: IO[str] | None = None
        synchronised = time.monotonic()

        def append(rows: Iterable[Row]) -> None:
            nonlocal opened, synchronised
            lines = [self._line(row) for row in rows]
            if not lines:
                return
            if opened is None:
                opened = open(self.path, "a", newline="", encoding="utf-8")  # noqa: SIM115
            if opened.tell() == 0:
                opened.write(csv_line(self.columns))
            opened.writelines(lines)
            opened.flush()
            if time.monotonic() - synchronised > _SYNCHRONISED:
                os.fsync(opened.fileno())
                synchronised = time.monotonic()

        try:
            yield append
        finally:
            if opened is not None:
                os.fsync(opened.fileno())
                opened.close()

    def put_in_order(self, pairs: Sequence[Pair]) -> None:
        """Sort the rows of these pairs by their place in the list, after all others, where they are not so yet."""
        keys = Keys.of_pairs(pairs)
        places = {keys(pair): place for place, pair in enumerate(pairs)}
        found = [places.get(keys(row), -1) for row in self.rows()]
        if all(first <= second for first, second in pairwise(found)):
            return
        rows = list(self.rows())
        self.write(rows[number] for number in sorted(range(len(rows)), key=found.__getitem__))

    def write(self, rows: Iterable[Row]) -> None:
        """Replace all rows, at once."""
        write_lines(self.path, (line for part in ([csv_line(self.columns)], map(self._line, rows)) for line in part))

    def _line(self, row: Row) -> str:
        return csv_line([row.get(column, "") for column in self.columns])

    def _is_cut(self) -> bool:
        """Whether the file ends within a line."""
        if not self.path.exists() or not self.path.stat().st_size:
            return False
        with open(self.path, "rb") as opened:
            opened.seek(-1, os.SEEK_END)
            return opened.read() != b"\n"


@contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """Refuse a second process that would write the table.

    Raises:
        PairsError: if another process is at work on it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with lock_file(
        path.with_name(f".{path.name}.lock"),
        PairsError(f"Another process writes {path}; let it end, or name another file: output=FILE.csv."),
        _PATIENCE,
    ):
        yield


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """The lines that are not cut short."""
    return (line for line in lines if line.endswith("\n"))


def columns_written(path: Path) -> list[str]:
    """The columns of a table that is there.

    Raises:
        PairsError: if it cannot be read, or is no table of scores.
    """
    try:
        with open(path, newline="", encoding="utf-8") as opened:
            columns = next(csv.reader(opened), [])
    except (OSError, UnicodeDecodeError) as error:
        raise PairsError(f"{path} cannot be read as a table ({error}).") from error
    if not {"reference", "image", COLUMN} <= set(columns):
        raise PairsError(f"{path} is no table of scores: it lacks the columns reference, image and {COLUMN}.")
    return columns


def columns_of(pairs: Sequence[Pair], names: Sequence[str]) -> list[str]:
    """The columns of a table: those of the pairs, the scores, and what they were computed from."""
    extra: dict[str, Any] = dict.fromkeys(key for pair in pairs for key in pair.extra)
    return ["reference", "image", *extra, *names, COLUMN]
