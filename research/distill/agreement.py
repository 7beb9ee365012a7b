"""Rank correlations of a student's scores with its teacher's, over degraded photographs held out."""

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
from enhance.evaluation.statistics import statistic
from enhance.images.degradations import degrade
from enhance.metrics.deep.distance import DeepDistance
from enhance.metrics.deep.named import deep_metric
from enhance.metrics.encode import encode_once
from research.distill.cache import cached, progress
from research.distill.photographs import centre
from research.distill.settings import MEASURES

# From the slightest to the strongest; of every second photograph the `SIGNED` settings have the other sign.
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


def versions(reference: Tensor, number: int) -> dict[str, list[Tensor]]:
    """A photograph (1, 3, H, W) in all degradations and severities; `number` seeds the noise and decides the sign."""

    def signed(name: str, settings: Mapping[str, float]) -> dict[str, Any]:
        sign = -1 if name in SIGNED and number % 2 else 1
        return {key: value * sign for key, value in settings.items()}

    return {
        name: [
            degrade(reference, name, seed=100 * number + step, **signed(name, each)) for step, each in enumerate(steps)
        ]
        for name, steps in SEVERITIES.items()
    }


def metrics_of(backbone: Backbone) -> dict[str, DeepDistance]:
    """The measures with one backbone, sides padded so that nothing of a small image is cut off."""
    return {name: deep_metric(name)(backbone, padding="up") for name in MEASURES}


@torch.no_grad()
def scores(metrics: Mapping[str, DeepDistance], reference: Tensor, number: int) -> Scores:
    """Published scores of all versions of a photograph."""
    with encode_once():
        targets = {name: metric.prepare(reference) for name, metric in metrics.items()}
    found: Scores = {name: {} for name in metrics}
    for degradation, images in versions(reference, number).items():
        for name in metrics:
            found[name][degradation] = []
        for image in images:
            with encode_once():
                for name, metric in metrics.items():
                    found[name][degradation].append(metric.as_score(metric(image, targets[name])).item())
    return found


def scores_of(backbone: Backbone, files: Sequence[Path], size: int, cache: Path | None = None) -> list[Scores]:
    """Scores of the versions of photographs, cut to the `size` pixels in their middle.

    Args:
        backbone: teacher or student.
        files: photographs.
        size: see `centre`.
        cache: folder of one file a photograph, for a teacher, whose scores are computed once.
    """
    metrics = metrics_of(backbone)

    def of(number: int) -> Scores:
        return scores(metrics, centre(files[number], size), number)

    numbers = progress(range(len(files)), f"{backbone.name} scores {len(files)} photographs held out")
    return [cached(cache / f"{files[n].name}.json", partial(of, n)) if cache else of(n) for n in numbers]


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
    """The agreement of two networks' scores of the same photographs in one measure."""
    pairs = {
        name: (_rows(student, measure, name), _rows(teacher, measure, name)) for name in next(iter(teacher))[measure]
    }
    orders = [np.argsort(s) == np.argsort(t) for one, other in pairs.values() for s, t in zip(one, other, strict=True)]
    return Agreement(
        overall=_spearman(*(np.concatenate(side) for side in zip(*pairs.values(), strict=True))),
        within={name: _spearman(one, other) for name, (one, other) in pairs.items()},
        ordered=float(np.mean([same.all() for same in orders])),
    )


def agreements(student: Sequence[Scores], teacher: Sequence[Scores]) -> dict[str, Agreement]:
    """The agreement in every measure."""
    return {measure: agreement(student, teacher, measure) for measure in MEASURES}


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
