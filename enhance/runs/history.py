"""history.csv: one row a step, written as it happens and read back whatever happened to its last line."""

from __future__ import annotations

import csv
import math
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TextIO


@dataclass(frozen=True)
class Row:
    """What is known of one step.

    Attributes:
        step: number of updates made.
        loss: the measure's loss.
        score: log(1 + loss) ** 0.25.
        learning_rate: of the update that follows; 0 at the last step.
        psnr: in dB; infinite where the image is the reference.
        ssim: NaN where it was not computed: it is, at the steps that are kept as frames.
        seconds: since the run began.
    """

    step: int
    loss: float
    score: float
    learning_rate: float
    psnr: float
    ssim: float
    seconds: float


_NAMES = [field.name for field in fields(Row)]


def score(loss: float) -> float:
    """The published score of a loss, log(1 + loss) ** 0.25."""
    return math.log1p(max(0.0, loss)) ** 0.25


class HistoryWriter:
    """Appends rows, each flushed as a whole line."""

    def __init__(self, path: Path) -> None:
        kept = read(path)
        self._stream: TextIO = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._stream)
        self._writer.writerow(_NAMES)
        for row in kept:
            self._write(row)
        self._stream.flush()

    def append(self, row: Row) -> None:
        self._write(row)
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()

    def _write(self, row: Row) -> None:
        self._writer.writerow("" if isinstance(value, float) and math.isnan(value) else value for value in astuple(row))


def read(path: Path) -> list[Row]:
    """The rows of a history; a line that was cut short by a crash is left out. No file is no rows."""
    if not path.is_file():
        return []
    rows = []
    with path.open(newline="", encoding="utf-8") as stream:
        for record in csv.DictReader(stream):
            try:
                step, *values = (record[name] for name in _NAMES)
                rows.append(Row(int(step), *(float(value) if value else math.nan for value in values)))
            except (ValueError, TypeError):
                continue
    return rows
