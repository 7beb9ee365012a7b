"""What a row of a table of scores was computed from, so that a row is only kept while all of it is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from torch import Tensor

from enhance.scoring.pairs import Pair
from enhance.scoring.scorers import Scorer, described
from enhance.scoring.sources import digest
from enhance.utils.hashes import hash_tensor

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

    def __init__(
        self, scorers: Sequence[Scorer], background: str, mask: Tensor | None, range: float | None = None
    ) -> None:
        about = {
            "scorers": [{"column": scorer.name, **described(scorer)} for scorer in scorers],
            "background": background,
            "mask": None if mask is None else hash_tensor(mask),
        } | ({} if range is None else {"range": range})
        text = json.dumps(about, sort_keys=True, default=str)
        self.settings = "s" + hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
        self._files: dict[str, str] = {}  # references are shared

    def of(self, pair: Pair) -> str:
        """The digest of a pair as its files are now; empty where one of them cannot be read."""
        if pair.reference not in self._files:
            self._files[pair.reference] = digest(pair.reference)
        return self.joined(self._files[pair.reference], digest(pair.image))

    def joined(self, reference: str, image: str) -> str:
        """The digest of a pair by those of its files; empty where one of them is."""
        return "-".join((self.settings, reference, image)) if reference and image else ""

    def same_settings(self, inputs: str) -> bool:
        """Whether a row, by its column `inputs`, has these settings."""
        return inputs.partition("-")[0] == self.settings
