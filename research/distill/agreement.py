"""Does a student score like its teacher? Rank correlations over degraded photographs that it has not learned from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from enhance.backbones.network import Backbone
from enhance.degradations import degrade
from enhance.evaluation.statistics import statistic
from enhance.metrics.deep.distance import DEEP_METRICS, DeepDistance
from research.distill.distances import MEASURES
from research.distill.kept import recall, watched
from research.distill.photographs import centre

# From the slightest to the strongest; every second photograph has the sign of `SIGNED` settings turned.
SEVERITIES: dict[str, tuple[dict[str, float], ...]] = {
    "gaussian_noise": tuple({"sigma": value} for value in (5, 10, 20, 35, 60)),
    "gaussian_blur": tuple({"sigma": value} for value in (0.6, 1.0, 1.6, 2.5, 4.0)),
    "jpeg": tuple({"quality": value, "subsampling": 2} for value in (70, 40, 20, 10, 5)),
    "contrast": tuple({"factor": value} for value in (0.85, 0.7, 0.5, 0.35, 0.2)),
    "colour_cast": tuple({"red": value, "green": 0, "blue": -value} for value in (0.03, 0.06, 0.1, 0.16, 0.24)),
    "mean_shift": tuple({"amount": value} for value in (0.03, 0.06, 0.12, 0.18, 0.25)),
}
SIGNED = ("colour_cast", "mean_shift")

Scores = dict[str, dict[str, list[float]]]  # measure -> degradation -> one score for each severity


class Remembering(Backbone):
    """A backbone that keeps the maps of its last two images: three measures of one pair ask for the same ones."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__(backbone.name, [backbone], backbone.origin, backbone.min_size)
        self._kept: list[tuple[Tensor, list[Tensor]]] = []

    def forward(self, image: Tensor) -> list[Tensor]:
        for seen, maps in self._kept:
            if seen.shape == image.shape and torch.equal(seen, image):
                return maps
        maps = self.stages[0](image)
        self._kept = [*self._kept[-1:], (image.clone(), maps)]
        return maps


def versions(reference: Tensor, number: int) -> dict[str, list[Tensor]]:
    """A photograph (1, 3, H, W) in all degradations and severities; `number` seeds the noise and decides the sign."""

    def turned(name: str, settings: Mapping[str, float]) -> dict[str, Any]:
        sign = -1 if name in SIGNED and number % 2 else 1
        return {key: value * sign for key, value in settings.items()}

    return {
        name: [
            degrade(reference, name, seed=100 * number + step, **turned(name, each)) for step, each in enumerate(steps)
        ]
        for name, steps in SEVERITIES.items()
    }


def metrics_of(backbone: Backbone) -> dict[str, DeepDistance]:
    """The measures with one backbone, sides padded so that nothing of a small image is cut off."""
    shared = Remembering(backbone)
    return {name: DEEP_METRICS[name](shared, padding="up") for name in MEASURES}


@torch.no_grad()
def scores(metrics: Mapping[str, DeepDistance], reference: Tensor, number: int) -> Scores:
    """Published scores of all versions of a photograph."""
    targets = {name: metric.prepare(reference) for name, metric in metrics.items()}
    found: Scores = {name: {} for name in metrics}
    for degradation, images in versions(reference, number).items():
        for name in metrics:
            found[name][degradation] = []
        for image in images:
            for name, metric in metrics.items():
                found[name][degradation].append(metric.score(image, targets[name]).item())
    return found


def scores_of(backbone: Backbone, files: Sequence[Path], size: int, cache: Path | None = None) -> list[Scores]:
    """Scores of the versions of photographs, cut to the `size` pixels in their middle.

    Args:
        backbone: teacher or student.
        files: photographs.
        size: see `centre`.
        cache: folder that keeps one file a photograph, so that a teacher is asked once; see `research.distill.kept`.
    """
    metrics = metrics_of(backbone)

    def of(number: int) -> Scores:
        return scores(metrics, centre(files[number], size), number)

    numbers = watched(range(len(files)), f"{backbone.name} scores {len(files)} photographs held out")
    return [recall(cache / f"{files[n].name}.json", partial(of, n)) if cache else of(n) for n in numbers]


@dataclass(frozen=True)
class Agreement:
    """Spearman correlation of a student's scores with its teacher's, in one measure.

    Attributes:
        overall: over all photographs, degradations and severities together.
        within: over the photographs and severities of each degradation.
        ordered: share of (photograph, degradation) whose five severities both put in the same order.
    """

    overall: float
    within: dict[str, float]
    ordered: float

    @property
    def lowest(self) -> tuple[str, float]:
        """The degradation with the lowest correlation, and that."""
        return min(self.within.items(), key=lambda item: item[1])


def agreement(student: Sequence[Scores], teacher: Sequence[Scores], measure: str) -> Agreement:
    """Compare two networks' scores of the same photographs."""
    pairs = {
        name: (_rows(student, measure, name), _rows(teacher, measure, name)) for name in next(iter(teacher))[measure]
    }
    orders = [np.argsort(s) == np.argsort(t) for one, other in pairs.values() for s, t in zip(one, other, strict=True)]
    return Agreement(
        overall=_spearman(*(np.concatenate(side) for side in zip(*pairs.values(), strict=True))),
        within={name: _spearman(one, other) for name, (one, other) in pairs.items()},
        ordered=float(np.mean([same.all() for same in orders])),
    )


def table(agreements: Mapping[str, Agreement]) -> str:
    """The figures as a Markdown table, one row a measure."""
    lines = [
        "| measure | all | " + " | ".join(name.replace("_", " ") for name in SEVERITIES) + " | same order |",
        "|---|" + "---:|" * (len(SEVERITIES) + 2),
    ]
    for measure, found in agreements.items():
        cells = [found.overall, *found.within.values()]
        lines.append(f"| {measure} | " + " | ".join(f"{v:.3f}" for v in cells) + f" | {100 * found.ordered:.1f} % |")
    return "\n".join(lines)


def _rows(scores: Iterable[Scores], measure: str, degradation: str) -> np.ndarray:
    return np.array([each[measure][degradation] for each in scores])


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    return statistic(stats.spearmanr, one.ravel(), other.ravel())
