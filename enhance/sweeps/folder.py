"""Files that a sweep leaves beside its jobs' folders, and how a later call finds them. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from enhance.runs.layout import read_metrics
from enhance.utils.files import write_json

COMMAND = "sweep.json"  # what was typed; written when a sweep begins
FAILED = "failed.json"  # in a job's folder: why it failed
_RESUME, _DIR = "sweep.resume=", "hydra.sweep.dir="


def begin(folder: Path, overrides: Sequence[str]) -> None:
    """Write down what was typed, so that the same command finds the sweep again."""
    write_json(folder / COMMAND, {"overrides": plain(overrides)})


def plain(overrides: Iterable[str]) -> list[str]:
    """The overrides that tell sweeps apart: not those that say where and how their jobs are run."""
    return [override for override in overrides if not override.lstrip("+~").startswith((_RESUME, "hydra.", "hydra/"))]


def resumes(overrides: Sequence[str]) -> bool:
    """Whether they ask to go on in an earlier sweep."""
    asked = [_value(override).lower() for override in overrides if override.startswith(_RESUME)]
    return bool({"true", "yes", "on", "1"} & set(asked))


def named(overrides: Sequence[str], going_on: bool) -> Path | None:
    """The folder that the overrides name for the sweep, if they do.

    Raises:
        ValueError: if it holds a sweep that these overrides would spoil.
    """
    folder = next((Path(_value(override)) for override in overrides if override.startswith(_DIR)), None)
    if folder is None or (typed := _typed(folder / COMMAND)) is None:
        return folder
    if typed != plain(overrides):
        raise ValueError(f"{folder} holds the sweep of another command; name another folder.")
    if not going_on:
        raise ValueError(f"{folder} holds this sweep already; go on with sweep.resume=true, or name another folder.")
    return folder


def earlier(overrides: Sequence[str], outputs: Path) -> Path | None:
    """The newest sweep of the same overrides, if there is one.

    Args:
        overrides: as typed.
        outputs: the folder that holds the days.
    """
    same = [file.parent for file in outputs.glob(f"*/*/{COMMAND}") if _typed(file) == plain(overrides)]
    return max(same, default=None)


def fail(folder: Path, reason: str) -> None:
    """Write down why a job failed."""
    write_json(folder / FAILED, {"status": "failed", "reason": reason})


def failure(folder: Path) -> str:
    """Why a job failed; empty if it did not."""
    try:
        return str(json.loads((folder / FAILED).read_text(encoding="utf-8"))["reason"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def forgive(folder: Path) -> None:
    """Forget why a job failed: it is tried again."""
    (folder / FAILED).unlink(missing_ok=True)


def finished(folder: Path, command: str) -> float | None:
    """The objective of a job that this command has finished already. A sweeper that draws settings anew may have given
    the folder to others.
    """
    facts = read_metrics(folder)
    if (facts.get("status"), facts.get("command")) != ("finished", command):
        return None
    return float(facts["best"]["loss"])


def _typed(file: Path) -> list[str] | None:
    """What a sweep wrote down when it began."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))["overrides"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _value(override: str) -> str:
    return override.partition("=")[2].strip("'\"")
