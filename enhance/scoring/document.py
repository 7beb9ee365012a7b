"""The JSON beside a table of scores: what the columns are, their means, every row, and what could not be scored."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from enhance.config.schema import Config, SettingsError
from enhance.scoring.pairs import Pair
from enhance.scoring.scorers import Scorer, described, remarks
from enhance.scoring.table import Outcome, Row
from enhance.utils.files import write_json
from enhance.utils.numbers import finite

_PAUSE = 10.0  # seconds between two writings: of a long table, writing takes a while
_WIDTH = 80  # of a terminal
_MOST_FOLDERS = 24  # whose means are given


class Document:
    """`scores.json` beside `scores.csv`.

    Args:
        output: the table.
        scorers: its columns.
        pairs: what was asked for; the table may hold more, from earlier calls.
        mask: file of the mask, if there is one.
        background: what transparent pixels are laid on.
        range: of floats, the value that is white.

    Raises:
        SettingsError: if the table holds scores of other measures, settings or weights, or the JSON is something else.
    """

    def __init__(
        self,
        output: Path,
        scorers: Sequence[Scorer],
        pairs: Sequence[Pair],
        mask: str | None = None,
        background: str = Config.background,
        range: float | None = Config.range,
    ) -> None:
        self.path = output.with_suffix(".json")
        masked = ({"mask": mask} if mask else {}) | {"background": background} | ({"range": range} if range else {})
        self._about = [{"column": scorer.name, **described(scorer), **masked} for scorer in scorers]
        self._numbers = [scorer.name for scorer in scorers]
        self._pairs = {(pair.reference, pair.image) for pair in pairs}
        self._outcome = Outcome()
        self._written = -math.inf
        if self.path.exists() and (earlier := _scorers(self.path)) != self._about:
            if earlier is None:
                raise SettingsError(f"{self.path} is there already and holds no scores; output= can name another file.")
            if output.exists():
                raise SettingsError(
                    f"output={output} holds scores of other metrics, settings, weights, backgrounds, ranges or masks; "
                    "name another file, or remove it."
                )

    def update(self, outcome: Outcome) -> None:
        """Take the outcome so far, and write it now and then."""
        self._outcome = outcome
        if time.monotonic() - self._written > _PAUSE:
            self.write()

    def write(self) -> None:
        """Write the last outcome."""
        if self._outcome.rows or self._outcome.failed:
            write_json(self.path, self.values())
            self._written = time.monotonic()

    def values(self) -> dict[str, Any]:
        """What is written."""
        return {
            "scorers": self._about,
            "means": self.means(),
            "pairs": [{key: self._value(key, text) for key, text in row.items()} for row in self._outcome.rows],
            "failed": [
                {"reference": pair.reference, "image": pair.image, "reason": why} for pair, why in self._outcome.failed
            ],
        }

    def asked(self) -> list[Row]:
        """The rows of the pairs that were asked for."""
        return [row for row in self._outcome.rows if (row["reference"], row["image"]) in self._pairs]

    def means(self) -> dict[str, dict[str, float | None]]:
        """The mean of each column over all pairs, and over those of each folder of images where there are several.

        PSNR of equal images is infinite and left out; where all are, the mean is null.
        """
        folders: dict[str, list[Row]] = {}
        for row in self.asked():
            folders.setdefault(os.path.dirname(row["image"]), []).append(row)
        groups = folders if 1 < len(folders) <= _MOST_FOLDERS else {}
        return {
            name: {key: _mean([float(row[key]) for row in rows]) for key in self._numbers}
            for name, rows in (*groups.items(), ("all", self.asked()))
            if rows
        }

    def lines(self) -> list[str]:
        """The means as a table of at most 80 columns, where names allow it, and remarks on the columns."""
        cells = [["mean", *self._numbers]]
        for name, values in self.means().items():
            figures = ("infinite" if value is None else f"{value:.4g}" for value in values.values())
            cells.append(["" if name == "all" else name, *figures])
        if len(cells) == 1:
            return []
        if len(cells) > 2:
            cells[-1][0] = "all"
        table = _table(cells)
        left = {key: sum(math.isinf(float(row[key])) for row in self.asked()) for key in self._numbers}
        notes = [f"({key}: without {count} infinite, of equal images)" for key, count in left.items() if count]
        return table + notes + remarks(self._about)

    def _value(self, key: str, text: str) -> Any:
        return finite(float(text)) if key in self._numbers else text


def _table(cells: list[list[str]]) -> list[str]:
    """Rows of text, the first column to the left; columns that do not fit beside the others follow below them."""
    names, *columns = [
        [cell.rjust(width) if place else cell.ljust(width) for cell in column]
        for place, column in enumerate(zip(*cells, strict=True))
        for width in (max(map(len, column)),)
    ]
    blocks: list[list[list[str]]] = []
    for column in columns:
        if not blocks or len("  ".join([names[0], *(each[0] for each in blocks[-1]), column[0]])) > _WIDTH:
            blocks.append([])
        blocks[-1].append(column)
    return ["  ".join(row).rstrip() for block in blocks for row in zip(names, *block, strict=True)]


def _mean(values: list[float]) -> float | None:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else None


def _scorers(file: Path) -> list[dict[str, Any]] | None:
    """What the columns were when a document was written; None if it is none."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))["scorers"]
    except (ValueError, TypeError, KeyError):
        return None
