"""Scores of known degradations of sample photographs: what the meaning of a score is read from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from enhance.images.arrays import resize
from enhance.images.degradations import degrade
from enhance.images.pictures import load_image
from enhance.images.samples import SAMPLE_SIZE
from enhance.scoring.scorers import Scorer, described, prepare, score

PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "motorcycle", "rocket")
LEVELS: dict[str, tuple[float, ...]] = {
    "jpeg": (95, 90, 85, 80, 70, 60, 50, 40, 30, 25, 20, 15, 10, 5),
    "noise": (2, 5, 10, 15, 20, 25, 35, 50, 70, 100),
    "blur": (0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0),
}
"""Strengths of each degradation, from the weakest: JPEG quality, sigma of noise (of 255), sigma of blur (pixels)."""


def images() -> int:
    """How many images are scored for a table."""
    return len(PHOTOGRAPHS) * sum(map(len, LEVELS.values()))


def photograph(name: str) -> Tensor:
    """A sample at the size of the tables, (1, 3, 256, 256)."""
    return resize(load_image(name), SAMPLE_SIZE)


def degraded(image: Tensor, kind: str, level: float) -> Tensor:
    """The image after a degradation of `LEVELS`."""
    if kind == "jpeg":
        return degrade(image, "jpeg", quality=int(level), subsampling=2)
    if kind == "noise":
        return degrade(image, "gaussian_noise", sigma=level, seed=0)
    return degrade(image, "gaussian_blur", sigma=level)


def measured(
    scorers: Sequence[Scorer],
    levels: Mapping[str, Sequence[float]],
    done: Callable[[], None] = lambda: None,
) -> dict[str, dict[str, Any]]:
    """By the name of each scorer what its metric is, and mean and spread of its scores at each level of each kind.

    Args:
        scorers: the metrics, on one device.
        levels: strengths by kind, as `LEVELS` has them.
        done: called after each image.

    Raises:
        ValueError: if a metric cannot compare the photographs, or has a score that is not finite.
    """
    where = {"device": scorers[0].metric.device, "dtype": scorers[0].metric.dtype}
    scores = {
        kind: torch.empty(len(values), len(scorers), len(PHOTOGRAPHS), dtype=torch.float64)
        for kind, values in levels.items()
    }
    for column, name in enumerate(PHOTOGRAPHS):
        image = photograph(name)
        references = prepare(scorers, image.to(**where))
        for kind, values in levels.items():
            for row, value in enumerate(values):
                found = score(scorers, degraded(image, kind, value).to(**where), references)[:, 0]
                _require_finite(scorers, found, f"{name} with {kind} {value:g}")
                scores[kind][row, :, column] = found
                done()
    return {
        scorer.name: {
            "metric": described(scorer),
            "mean": {kind: _rounded(found[:, index].mean(1), 5) for kind, found in scores.items()},
            "spread": {kind: _rounded(found[:, index].std(1), 3) for kind, found in scores.items()},
        }
        for index, scorer in enumerate(scorers)
    }


def _require_finite(scorers: Sequence[Scorer], scores: Tensor, what: str) -> None:
    for scorer, value in zip(scorers, scores.tolist(), strict=True):
        if not math.isfinite(value):
            raise ValueError(
                f"{scorer.name} is {value} for {what}; a table needs finite scores of degraded photographs."
            )


def _rounded(values: Tensor, digits: int) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values.tolist()]
