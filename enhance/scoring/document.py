"""The JSON beside a table of scores: what the columns are, their means, every row, and what could not be scored."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from enhance.scoring.many import Outcome
from enhance.scoring.pairs import Keys, Pair
from enhance.scoring.scorers import Scorer, described, remarks
from enhance.scoring.table import OTHER_SETTINGS, Row
from enhance.utils.defaults import BACKGROUND
from enhance.utils.errors import SettingsError
from enhance.utils.files import write_lines
from enhance.utils.numbers import finite

About = list[dict[str, Any]]
_WIDTH = 80  # of a terminal
_MOST_FOLDERS = 24  # whose means are given


def about_scorers(
    scorers: Sequence[Scorer],
    mask: str | None = None,
    background: str = BACKGROUND,
    range: float | None = None,
) -> About:
    """What the columns are.

    Args:
        scorers: the columns.
        mask: file of the mask, if there is one.
        background: what transparent pixels are laid on.
        range: of floats, the value that is white.
    """
    masked = ({"mask": mask} if mask else {}) | {"background": background} | ({"range": range} if range else {})
    return [{"column": scorer.name, **described(scorer), **masked} for scorer in scorers]


def about_written(file: Path) -> dict[str, Any] | None:
    """What a document says beside its rows: scorers, means, failed, left, and how many `rows` it has; None if it is
    none.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        rows = values.pop("pairs", [])
        return {**values, "rows": len(rows)} if values["scorers"] else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


class Document:
    """`scores.json` beside `scores.csv`. It is written once, when the table is done or the work on it ends.

    Args:
        output: the table.
        about: its columns, see `about_scorers`.
        pairs: what was asked for; the table may hold more, from earlier calls.

    Raises:
        SettingsError: if the table holds scores of other measures, settings or weights, or the JSON is something else.
    """

    def __init__(self, output: Path, about: About, pairs: Sequence[Pair]) -> None:
        self.path = output.with_suffix(".json")
        self._about = about
        self._numbers = [each["column"] for each in about]
        self._keys = Keys.of_pairs(pairs)
        self._pairs = {self._keys(pair) for pair in pairs}
        self._outcome: Outcome | None = None
        self._means = _Means(self._numbers)
        if not self.path.exists():
            return
        earlier = about_written(self.path)
        if earlier is None:
            raise SettingsError(f"{self.path} is there already and holds no scores; output= can name another file.")
        if earlier["scorers"] != about and output.exists():
            raise SettingsError(OTHER_SETTINGS.format(output))

    def begin(self, outcome: Outcome) -> None:
        """Take the outcome, which grows until `write` is called."""
        self._outcome = outcome

    def write(self) -> None:
        """Write the outcome, if there is one, row by row as the table has it."""
        if self._outcome is None:
            return
        self._means = _Means(self._numbers)
        some = False
        for row in self._outcome.table.rows():
            some = True
            if self._keys(row) in self._pairs:
                self._means.add(row)
        if some or self._outcome.failed:
            write_lines(self.path, self._lines(self._outcome))

    def text(self) -> str:
        """What was written."""
        return self.path.read_text(encoding="utf-8") if self.path.exists() else "{}\n"

    def _lines(self, outcome: Outcome) -> Iterator[str]:
        failed = [{"reference": pair.reference, "image": pair.image, "reason": why} for pair, why in outcome.failed]
        head = {"scorers": self._about, "means": self.means(), "failed": failed, "left": outcome.left}
        yield json.dumps(head, indent=2, ensure_ascii=False, allow_nan=False)[:-2] + ',\n  "pairs": ['
        end = "\n"
        for row in outcome.table.rows():
            values = {key: self._value(key, text) for key, text in row.items()}
            yield f"{end}    {json.dumps(values, ensure_ascii=False, allow_nan=False)}"
            end = ",\n"
        yield "\n  ]\n}\n"

    def asked(self) -> int:
        """How many rows are of the pairs that were asked for."""
        return self._means.count

    def means(self) -> dict[str, dict[str, float | None]]:
        """The mean of each column over all pairs, and over those of each folder of images where there are several.

        PSNR of equal images is infinite and left out; where all are, the mean is null.
        """
        return self._means.values()

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
        left = self._means.infinite
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


class _Means:
    """Sums over rows, of all and of each folder, so that no row is kept."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._sums: dict[str, dict[str, tuple[float, int]]] = {}
        self.infinite = dict.fromkeys(columns, 0)
        self.count = 0

    def add(self, row: Row) -> None:
        self.count += 1
        values = {key: float(row[key]) for key in self._columns}
        for group in ("all", f"in {os.path.dirname(row['image'])}"):
            sums = self._sums.setdefault(group, dict.fromkeys(self._columns, (0.0, 0)))
            for key, value in values.items():
                if math.isfinite(value):
                    sums[key] = (sums[key][0] + value, sums[key][1] + 1)
        for key, value in values.items():
            self.infinite[key] += math.isinf(value)

    def values(self) -> dict[str, dict[str, float | None]]:
        folders = {name[3:]: sums for name, sums in self._sums.items() if name != "all"}
        groups = folders if 1 < len(folders) <= _MOST_FOLDERS else {}
        groups = {**groups, **({"all": self._sums["all"]} if self.count else {})}
        return {
            name: {key: total / count if count else None for key, (total, count) in sums.items()}
            for name, sums in groups.items()
        }
