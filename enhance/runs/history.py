"""history.csv: one row a step, written as it happens and read back whatever happened to its last line."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

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
    """

    step: int
    loss: float
    score: float
    lr: float
    psnr: float
    ssim: float
    seconds: float


_NAMES = [field.name for field in fields(Row)]


class HistoryWriter:
    """Appends rows. The file is opened for each, so nothing is lost whatever ends the run.

    Args:
        path: of the file.
        go_on: append to the file that is there instead of beginning anew.
    """

    def __init__(self, path: Path, go_on: bool = False) -> None:
        self._path = path
        if go_on:
            return
        with path.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerow(_NAMES)

    def append(self, row: Row) -> None:
        """Write one row."""
        values = ["" if isinstance(value, float) and math.isnan(value) else value for value in astuple(row)]
        with self._path.open("a", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerow(values)

    def sync(self) -> None:
        """Return when all rows are on the disk: a checkpoint must never know more than the history."""
        with self._path.open("a", encoding="utf-8") as stream:
            os.fsync(stream.fileno())


def read(path: Path) -> list[Row]:
    """The rows of a history up to the first line that a crash left unreadable. No file is no rows."""
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
    columns = header.decode("utf-8", "replace").strip().split(",")
    for line in lines:
        cells = line.decode("utf-8", "replace").strip().split(",")
        try:
            record = dict(zip(columns, cells, strict=True))
            row = Row(int(record["step"]), *(float(record[name] or "nan") for name in _NAMES[1:]))
        except (KeyError, ValueError):
            return
        if not line.endswith(b"\n"):
            return
        yield row, line
