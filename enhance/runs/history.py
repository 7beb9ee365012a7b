"""history.csv: one row a step, written as it happens and read back whatever happened to its last line."""

from __future__ import annotations

import csv
import math
from dataclasses import astuple, dataclass, fields
from pathlib import Path


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
    """Appends rows. The file is opened for each, so nothing is lost whatever ends the run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerow(_NAMES)

    def append(self, row: Row) -> None:
        """Write one row."""
        values = ["" if isinstance(value, float) and math.isnan(value) else value for value in astuple(row)]
        with self._path.open("a", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerow(values)


def read(path: Path) -> list[Row]:
    """The rows of a history; a line that was cut short by a crash is left out. No file is no rows."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    return [
        Row(int(record["step"]), *(float(record[name] or "nan") for name in _NAMES[1:]))
        for record in csv.DictReader(whole.splitlines())
    ]
