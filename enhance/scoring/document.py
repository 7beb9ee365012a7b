"""The JSON beside a table of scores: what the columns are, every row, and what could not be scored."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from enhance.config import SettingsError
from enhance.files import write_json
from enhance.scoring.scorers import Scorer, described, finite
from enhance.scoring.table import Outcome

_PAUSE = 10.0  # seconds between two writings: of a long table, writing takes a while


class Document:
    """`scores.json` beside `scores.csv`.

    Args:
        output: the table.
        scorers: its columns.

    Raises:
        SettingsError: if the table holds scores of other measures, settings or weights, or the JSON is something else.
    """

    def __init__(self, output: Path, scorers: Sequence[Scorer]) -> None:
        self.path = output.with_suffix(".json")
        self._about = [described(scorer) for scorer in scorers]
        self._numbers = {scorer.name for scorer in scorers}
        self._outcome: Outcome | None = None
        self._written = -math.inf
        if self.path.exists() and (earlier := _scorers(self.path)) != self._about:
            if earlier is None:
                raise SettingsError(f"{self.path} is there already and holds no scores; output= can name another file.")
            if output.exists():
                raise SettingsError(
                    f"output={output} holds scores of other measures, settings or weights; name another file, or"
                    " remove it."
                )

    def tell(self, outcome: Outcome) -> None:
        """Hear what is done so far, and write it down now and then."""
        self._outcome = outcome
        if time.monotonic() - self._written > _PAUSE:
            self.write()

    def write(self) -> None:
        """Write down what was told last."""
        if self._outcome is not None:
            write_json(self.path, self.values())
            self._written = time.monotonic()

    def values(self) -> dict[str, Any]:
        """What is written."""
        rows, failed = (self._outcome.rows, self._outcome.failed) if self._outcome else ([], [])
        return {
            "scorers": self._about,
            "pairs": [{key: self._value(key, text) for key, text in row.items()} for row in rows],
            "failed": [{"reference": pair.reference, "image": pair.image, "reason": why} for pair, why in failed],
        }

    def _value(self, key: str, text: str) -> Any:
        return finite(float(text)) if key in self._numbers else text


def _scorers(file: Path) -> list[dict[str, Any]] | None:
    """What the columns were when a document was written; None if it is none."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))["scorers"]
    except (ValueError, TypeError, KeyError):
        return None
