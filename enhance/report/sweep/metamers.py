"""Different images at the same distance: results of runs that began with different noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

import numpy as np
from PIL import Image

from enhance.report.crops import Array
from enhance.report.embed import coloured
from enhance.report.run_data import open_picture
from enhance.report.sweep.jobs import Job, Sweep
from enhance.runs import layout as names

_START, _KEY = "noise", "seed"


@dataclass(frozen=True)
class Metamers:
    """Runs that differ in their seed alone.

    Attributes:
        label: what distinguishes them from others of the sweep; empty where there are none.
        jobs: finished, in the order of their numbers.
        losses: the lowest and the highest.
        apart: mean PSNR of two of the results, in dB; infinite where all are the same.
        most: standard deviation over the results, in grey levels of 255, that is drawn lightest.
        deviation: that standard deviation, mean of the channels, as a picture.
    """

    label: str
    jobs: list[Job]
    losses: tuple[float, float]
    apart: float
    most: float
    deviation: Image.Image


def metamers(sweep: Sweep) -> list[Metamers]:
    """Groups of at least two runs from noise that differ in their seed alone, and whose results can be read."""
    if _KEY not in sweep.varying:
        return []
    groups: dict[str, list[Job]] = {}
    others = [key for key in sweep.varying if key != _KEY]
    for job in sweep.finished:
        if job.metadata.get("start") == _START and (job.folder / names.RESULT).is_file():
            groups.setdefault(", ".join(job.settings.get(key, "-") for key in others), []).append(job)
    return [found for label, jobs in groups.items() if (found := _compared(label, jobs))]


def _compared(label: str, jobs: Sequence[Job]) -> Metamers | None:
    results = {job.folder: pixels for job in jobs if (pixels := _pixels(job)) is not None}
    jobs, images = [job for job in jobs if job.folder in results], list(results.values())
    losses = [loss for job in jobs if (loss := job.result("loss")) is not None]
    if len(images) < 2 or len({image.shape for image in images}) > 1 or not losses:
        return None
    spread = np.std(images, axis=0).mean(-1)
    most = max(1.0, float(np.percentile(spread, 99.5)))
    apart = fmean(_psnr(one, other) for one, other in combinations(images, 2))
    return Metamers(label, jobs, (min(losses), max(losses)), apart, most, coloured(spread / most).convert("RGB"))


def _pixels(job: Job) -> Array | None:
    """The result of a job; None where it cannot be read."""
    try:
        return np.asarray(open_picture(job.folder / names.RESULT).pixels, dtype=np.float32)
    except (OSError, ValueError):
        return None


def _psnr(one: Array, other: Array) -> float:
    error = float(np.square(one - other).mean())
    return 10 * np.log10(255**2 / error) if error else float("inf")
