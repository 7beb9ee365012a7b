"""The table of a video, a row for each frame in the form of other tables of scores; a second call goes on with it."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from enhance.scoring import Pair, PairsError
from enhance.scoring.identity import COLUMN, Identity
from enhance.utils.files import write_text
from enhance.video.pairing import Match

_DIGITS = 12
_LONGEST_LINE = 65_536  # bytes


@dataclass(frozen=True)
class Rows:
    """Rows of a table.

    Attributes:
        path: of the CSV.
        pair: the two videos.
        names: of the columns of scores.
        inputs: digests of settings and files, the last column.
    """

    path: Path
    pair: Pair
    names: Sequence[str]
    inputs: str

    @property
    def columns(self) -> list[str]:
        """All columns in their order."""
        return ["reference", "image", "frame", "image_frame", "time", *self.names, COLUMN]

    def read(self) -> list[list[float]]:
        """The scores of each frame that the table has already, in the order of the frames.

        A line that a crash has cut short is dropped. Where a file has changed since, the table begins anew.

        Raises:
            PairsError: if the table holds something else.
        """
        if not self.path.exists() or self.path.stat().st_size == 0:
            return []
        scores, current = [], True
        with open(self.path, newline="", encoding="utf-8") as opened:
            reader = csv.DictReader(opened)
            if list(reader.fieldnames or []) != self.columns:
                raise self._other(f"is there already and has other columns ({', '.join(reader.fieldnames or [])})")
            for row in reader:
                if row[COLUMN] is None or len(row[COLUMN]) < len(self.inputs):
                    break
                if not self._is_of_pair(row):
                    raise self._other("holds scores of other files, metrics, settings, weights or masks")
                current &= row[COLUMN] == self.inputs
                scores.append([float(row[name]) for name in self.names])
        if not current:
            write_text(self.path, "")
            return []
        self._drop_half_a_line()
        return scores

    def append(self, rows: Sequence[tuple[Match, Sequence[str]]]) -> None:
        """Add a row for each of some frames."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened, lineterminator="\n")
            if opened.tell() == 0:
                writer.writerow(self.columns)
            writer.writerows(self._row(match, scores) for match, scores in rows)
            opened.flush()
            os.fsync(opened.fileno())

    def _row(self, match: Match, scores: Sequence[str]) -> Iterator[object]:
        yield from (self.pair.reference, self.pair.image, match.reference.number, match.image.number)
        yield f"{match.time:.6f}"
        yield from scores
        yield self.inputs

    def _is_of_pair(self, row: dict[str, str]) -> bool:
        settings = self.inputs.partition("-")[0]
        names = row["reference"], row["image"]
        return names == (self.pair.reference, self.pair.image) and row[COLUMN].partition("-")[0] == settings

    def _drop_half_a_line(self) -> None:
        with open(self.path, "r+b") as opened:
            end = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, end - _LONGEST_LINE))
            tail = opened.read()
            opened.truncate(end - len(tail) + tail.rfind(b"\n") + 1)

    def _other(self, what: str) -> PairsError:
        return PairsError(f"output={self.path} {what}; name another file, or remove it.")


def digest(identity: Identity, pair: Pair, align: str) -> str:
    """What a row was computed from: settings and alignment, and the two files."""
    settings = hashlib.sha256(json.dumps([identity.settings, "video", align]).encode()).hexdigest()[:_DIGITS]
    return f"s{settings}-{identity.of(pair).partition('-')[2]}"
