"""Files that a sweep leaves beside its jobs' folders, and how a later call finds the sweep. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from enhance.runs.layout import KIND_OF_RESTORATIONS, read_metrics, squared_error
from enhance.utils.files import write_json

COMMAND = "sweep.json"  # the overrides of the sweep; written when it begins
FAILED = "failed.json"  # in a job's folder: why it failed
_RESUME, _DIR = "sweep.resume=", "hydra.sweep.dir="


def record_command(folder: Path, overrides: Sequence[str]) -> None:
    """Write the overrides of a sweep into its folder, so that the same command finds the sweep again."""
    write_json(folder / COMMAND, {"overrides": settings_only(overrides)})


def recorded_command(folder: Path) -> list[str] | None:
    """The overrides of the sweep in a folder; None where it holds none."""
    try:
        return json.loads((folder / COMMAND).read_text(encoding="utf-8"))["overrides"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def settings_only(overrides: Iterable[str]) -> list[str]:
    """The overrides that set something of a run, without those that say where and how jobs are run."""
    return [override for override in overrides if not override.lstrip("+~").startswith((_RESUME, "hydra.", "hydra/"))]


def resume_requested(overrides: Sequence[str]) -> bool:
    """Whether the overrides ask to go on in an earlier sweep."""
    values = [_value(override).lower() for override in overrides if override.startswith(_RESUME)]
    return bool({"true", "yes", "on", "1"} & set(values))


def requested_folder(overrides: Sequence[str], resume: bool) -> Path | None:
    """The folder that the overrides name for the sweep; None where they name none.

    Raises:
        ValueError: if it holds a sweep that these overrides would spoil.
    """
    folder = next((Path(_value(override)) for override in overrides if override.startswith(_DIR)), None)
    if folder is None or (recorded := recorded_command(folder)) is None:
        return folder
    if recorded != settings_only(overrides):
        raise ValueError(f"{folder} holds the sweep of another command; name another folder.")
    if not resume:
        raise ValueError(f"{folder} holds this sweep already; go on with sweep.resume=true, or name another folder.")
    return folder


def newest_sweep(overrides: Sequence[str], outputs: Path) -> Path | None:
    """The folder of the newest sweep of the same command; None where there is none.

    Args:
        overrides: as typed.
        outputs: the folder that holds the days.
    """
    wanted = settings_only(overrides)
    folders = (file.parent for file in outputs.glob(f"*/*/{COMMAND}"))
    return max((folder for folder in folders if recorded_command(folder) == wanted), default=None)


def mark_failed(folder: Path, reason: str) -> None:
    """Write into a job's folder why it failed."""
    write_json(folder / FAILED, {"status": "failed", "reason": reason})


def failure_reason(folder: Path) -> str:
    """Why a job failed; empty if it did not."""
    try:
        return str(json.loads((folder / FAILED).read_text(encoding="utf-8"))["reason"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def clear_failed(folder: Path) -> None:
    """Remove the mark of a failed job, which is tried again."""
    (folder / FAILED).unlink(missing_ok=True)


def finished_loss(folder: Path, command: str) -> float | None:
    """The objective of a job that this command has finished already: its best loss, or the error of
    a restoration. None where it has not. A sweeper that draws settings anew may have used the
    folder for other settings.
    """
    metadata = read_metrics(folder)
    if (metadata.get("status"), metadata.get("command")) != ("finished", command):
        return None
    if metadata.get("kind") == KIND_OF_RESTORATIONS:
        return squared_error(metadata)
    return float(metadata["best"]["loss"])


def _value(override: str) -> str:
    return override.partition("=")[2].strip("'\"")
