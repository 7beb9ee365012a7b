"""checkpoint.pt: from where a run that was cut off goes on."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from enhance.runs.layout import CHECKPOINTS
from enhance.utils.files import write_bytes

_log = logging.getLogger(__name__)
_SHARE = 0.02  # of the time, at most, goes into checkpoints
_DIGEST = hashlib.sha256().digest_size


class Checkpoints:
    """The last two states of a run on disk: should the last be damaged, there is the one before it.

    Args:
        folder: of the run.
        seconds: between two; more where saving takes so long that it would cost over 2 % of the time.
        identity: what makes this run the run it is, by name. Only a state saved under the same is loaded.
    """

    def __init__(self, folder: Path, seconds: float, identity: Mapping[str, str]) -> None:
        self._last, self._before = (folder / name for name in CHECKPOINTS)
        self._seconds, self._identity = seconds, dict(identity)
        self._due = time.perf_counter() + seconds

    def due(self) -> bool:
        """Whether it is time to save."""
        return time.perf_counter() >= self._due

    def save(self, state: Mapping[str, Any]) -> None:
        """Save a state of numbers, texts, lists and tensors.

        Raises:
            OSError: if it cannot be written; the state saved before is still there.
        """
        started = time.perf_counter()
        buffer = BytesIO()
        torch.save({"identity": self._identity, **state}, buffer)
        data = buffer.getvalue()
        if self._last.exists():
            os.replace(self._last, self._before)
        write_bytes(self._last, hashlib.sha256(data).digest() + data)
        ended = time.perf_counter()
        self._due = ended + max(self._seconds, (ended - started) / _SHARE)

    def load(self) -> dict[str, Any] | None:
        """The last state that can be read; None if none was saved.

        Raises:
            ValueError: if there is none that can be read, or it is of another run.
        """
        files = [file for file in (self._last, self._before) if file.exists()]
        for file in files:
            state = _read(file)
            if state is None:
                _log.warning("%s is damaged.", file)
                continue
            for name, mine in self._identity.items():
                if (saved := state["identity"].get(name)) != mine:
                    raise ValueError(
                        f"{file} is of another run: {name} is {saved} there and {mine} here; bring that back, or begin "
                        "a new run."
                    )
            return state
        if files:
            raise ValueError(
                f"No checkpoint in {self._last.parent} can be read; delete {' and '.join(f.name for f in files)} "
                "there to let resume begin the run anew."
            )
        return None

    def remove(self) -> None:
        """Remove what is there: the run has ended, or begins anew."""
        for file in (self._last, self._before):
            file.unlink(missing_ok=True)


def _read(file: Path) -> dict[str, Any] | None:
    """None if a single bit is not as it was written."""
    if not file.is_file():
        return None
    content = file.read_bytes()
    digest, data = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(data).digest() != digest:
        return None
    try:
        state = torch.load(BytesIO(data), map_location="cpu", weights_only=True)
    except Exception:  # whatever else somebody may have put there
        return None
    return state if isinstance(state, dict) and "identity" in state else None
