"""What a row of a table of scores was computed from, so that a row is only kept while all of it is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from enhance.images.samples import SAMPLES, sample_file
from enhance.scoring.pairs import Pair
from enhance.scoring.scorers import Scorer, described
from enhance.utils.hashes import hash_file, hash_tensor

COLUMN = "inputs"
_DIGITS = 12


class Identity:
    """Digests of the settings and files of rows, `settings-reference-image`.

    Args:
        scorers: the columns.
        background: what transparent pixels are laid on.
        range: of floats, the value that is white, or None.
        mask: (1, 1, H, W), or None.
    """

    def __init__(self, scorers: Sequence[Scorer], background: str, mask: Tensor | None, range: float | None) -> None:
        about = {
            "scorers": [{"column": scorer.name, **described(scorer)} for scorer in scorers],
            "background": background,
            "mask": None if mask is None else hash_tensor(mask),
        } | ({} if range is None else {"range": range})
        text = json.dumps(about, sort_keys=True, default=str)
        self.settings = "s" + hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
        self._files: dict[str, str] = {}

    def of(self, pair: Pair) -> str:
        """The digest of a pair as its files are now; empty where one of them cannot be read."""
        files = [self._file(pair.reference), self._file(pair.image)]
        return "-".join((self.settings, *files)) if all(files) else ""

    def same_settings(self, inputs: str) -> bool:
        """Whether a row, by its column `inputs`, has these settings."""
        return inputs.partition("-")[0] == self.settings

    def _file(self, name: str) -> str:
        if name not in self._files:
            path = Path(sample_file(name) if name in SAMPLES else name).expanduser()
            try:
                self._files[name] = hash_file(path)[:_DIGITS]
            except OSError:
                self._files[name] = ""
        return self._files[name]
