"""The files of a run's folder, named in one place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULT = "result.png"
INITIAL = "initial.png"
REFERENCE = "reference.png"
HISTORY = "history.csv"
METRICS = "metrics.json"
COMPARISON = "comparison"  # .png and .pdf
CURVES = "curves"  # .png and .pdf
GIF = "progress.gif"
VIDEO = "progress.mp4"
REPORT = "report.html"
CONFIGURATION = "hydra/config.yaml"
LOG = "run.log"
KIND_OF_RESTORATIONS = "restoration"  # `kind` of metrics.json, by which the page is chosen
COLUMNS_OF_RESTORATIONS = ("step", "level", "residual", "psnr", "ssim", "seconds")
FRAMES = "frames"
CHECKPOINTS = ("checkpoint.pt", "checkpoint.before.pt")  # the last and the one before it


def existing_output(folder: Path) -> str | None:
    """The first file there that a new run would write over: of another run, or the user's own."""
    written = (METRICS, HISTORY, RESULT, INITIAL, REFERENCE, FRAMES)
    return next((name for name in written if (folder / name).exists()), None)


def read_metrics(folder: Path) -> dict[str, Any]:
    """What metrics.json holds; nothing where it cannot be read. Its `status` is `running`, then either `interrupted` or
    `drawing` (all steps are made) and, once everything is written, `finished`.
    """
    try:
        found = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def squared_error(metadata: Mapping[str, Any]) -> float:
    """The mean squared error of a restoration's result against the reference, which sweepers minimise; NaN where
    metrics.json has none, as without a reference.

    Example:
        >>> squared_error({"result": {"psnr": 20.0}}), squared_error({"result": {}})
        (0.01, nan)
    """
    figures = metadata.get("result") or {}
    if "psnr" not in figures:
        return math.nan
    return 0.0 if figures["psnr"] is None else 10 ** (-figures["psnr"] / 10)  # not finite: equal images


def frame_file(folder: Path, step: int) -> Path:
    """Where the frame of a step lies."""
    return folder / FRAMES / f"step_{step:06d}.png"


def frame_files(folder: Path) -> dict[int, Path]:
    """The recorded frames by step, in order."""
    files = ((file.stem.removeprefix("step_"), file) for file in (folder / FRAMES).glob("step_*.png"))
    return dict(sorted((int(step), file) for step, file in files if step.isdecimal()))
