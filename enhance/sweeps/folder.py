"""Files that a sweep leaves beside its jobs' folders, and how a later call finds them. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from enhance.files import write_json
from enhance.runs.folder import CHECKPOINTS, METRICS, REPORT

COMMAND = "sweep.json"  # what was typed; written when a sweep begins
FAILED = "failed.json"  # in a job's folder: why it failed
_RESUME = "sweep.resume="


def begin(folder: Path, overrides: Sequence[str]) -> None:
    """Write down what was typed, so that the same command finds the sweep again."""
    write_json(folder / COMMAND, {"overrides": plain(overrides)})


def plain(overrides: Sequence[str]) -> list[str]:
    """The overrides that tell sweeps apart."""
    return [override for override in overrides if not override.startswith((_RESUME, "hydra.sweep.dir="))]


def earlier(overrides: Sequence[str], outputs: Path) -> Path | None:
    """The newest sweep of the same overrides, if there is one.

    Args:
        overrides: as typed.
        outputs: the folder that holds the days.
    """
    found = []
    for file in outputs.glob(f"*/*/{COMMAND}"):
        try:
            typed = json.loads(file.read_text(encoding="utf-8"))["overrides"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if typed == plain(overrides):
            found.append(file.parent)
    return max(found, default=None)


def fail(folder: Path, reason: str) -> None:
    """Write down why a job failed."""
    write_json(folder / FAILED, {"status": "failed", "reason": reason})


def finished(folder: Path) -> float | None:
    """The objective of a job that is finished already: its page, the last thing that is drawn, is there too."""
    if not (folder / REPORT).exists() or any((folder / name).exists() for name in CHECKPOINTS):
        return None
    try:
        facts = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        if facts["status"] != "finished" or facts["stop_reason"] == "interrupted":
            return None
        return float(facts["best"]["loss"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
