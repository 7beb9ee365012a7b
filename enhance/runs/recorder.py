"""Writes down what happens in a run, as it happens."""

from __future__ import annotations

import math
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from enhance.files import write_json
from enhance.images import save_image
from enhance.metrics.classic import ms_ssim, psnr, ssim
from enhance.optimize.step import Step
from enhance.runs import folder as names
from enhance.runs.frames import FramePlan
from enhance.runs.history import HistoryWriter, Row, score


class Recorder:
    """Keeps the history, the frames, the best image by loss and, in the end, all figures of a run.

    metrics.json says `running` until `finish`, so that a folder left half-made never looks finished.

    Args:
        folder: an existing folder of the run's own.
        reference: (1, 3, H, W) in [0, 1].
        initial: the same shape.
        facts: what is known before the first step; goes to metrics.json as it is.
        frames: which steps are kept as frames.
    """

    def __init__(
        self, folder: Path, reference: Tensor, initial: Tensor, *, facts: Mapping[str, Any], frames: FramePlan
    ) -> None:
        self._folder, self._facts, self._frames = folder, dict(facts), frames.chosen()
        self._reference = reference.detach().cpu()
        self._first: tuple[Row, Tensor] | None = None
        self._last: tuple[Row, Tensor] | None = None
        self._best: tuple[Row, Tensor] | None = None
        save_image(reference, folder / names.REFERENCE)
        save_image(initial, folder / names.INITIAL)
        self._history = HistoryWriter(folder / names.HISTORY)
        write_json(folder / names.METRICS, {"status": "running", **self._facts})

    def record(self, step: Step) -> Row:
        """Write down one step and return its row."""
        image = step.image.cpu()
        kept = step.index in self._frames
        similarity = ssim(image, self._reference).item() if kept else math.nan
        row = Row(
            step.index,
            step.loss,
            score(step.loss),
            step.learning_rate,
            psnr(image, self._reference).item(),
            similarity,
            step.seconds,
        )
        self._history.append(row)
        if self._best is None or step.loss < self._best[0].loss:
            self._best = (row, image.clone())
        if kept:
            save_image(image, names.frame_file(self._folder, step.index))
        self._first, self._last = self._first or (row, image.clone()), (row, image)
        return row

    def finish(self, stop_reason: str) -> dict[str, Any]:
        """Write result.png, the best image by loss, and metrics.json; returns what the latter holds."""
        if self._first is None or self._last is None or self._best is None:
            raise ValueError("There is nothing to finish: no step was recorded.")
        save_image(self._best[1], self._folder / names.RESULT)
        last = self._last[0]
        updates = last.step - self._first[0].step
        results = {
            "status": "finished",
            "stop_reason": stop_reason,
            **self._facts,
            "steps_made": last.step,
            "initial": self._figures(*self._first),
            "best": self._figures(*self._best),
            "final": self._figures(*self._last),
            "seconds": last.seconds,
            "seconds_per_step": last.seconds / updates if updates else None,
            "peak_memory_bytes": peak_memory(),
        }
        write_json(self._folder / names.METRICS, results)
        return results

    def _figures(self, row: Row, image: Tensor) -> dict[str, Any]:
        try:
            multi_scale = ms_ssim(image, self._reference).item()
        except ValueError:  # too small for five scales
            multi_scale = math.nan
        similarity = ssim(image, self._reference).item()
        values = {
            "loss": row.loss,
            "score": row.score,
            "psnr": row.psnr,
            "ssim": similarity,
            "ms_ssim": multi_scale,
        }
        return {"step": row.step} | {key: _finite(value) for key, value in values.items()}


def peak_memory() -> dict[str, int]:
    """Most memory that this process has held so far, in bytes: `host`, and `device` where there is a CUDA device."""
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"host": host} | ({"device": torch.cuda.max_memory_allocated()} if torch.cuda.is_initialized() else {})


def _finite(value: float) -> float | None:
    """JSON has no infinity: the PSNR of equal images is null."""
    return value if math.isfinite(value) else None
