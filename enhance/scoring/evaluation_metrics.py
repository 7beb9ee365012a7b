"""Metrics that score the images of a run beside its objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from enhance.metrics.metric import Metric
from enhance.scoring.scorers import Scorer, prepare, score


class EvaluationMetrics:
    """The scores of images by several metrics, all against one reference. Metrics that share a backbone share one pass
    through it, and the reference's side of each is computed once.

    Args:
        metrics: by the names that the scores get.
        reference: (1, 3, H, W) in [0, 1].

    Raises:
        ValueError: if one of the metrics cannot compare images of that size; one sentence says why.

    Example:
        >>> reference = enhance.load_image("astronaut")
        >>> evaluation = EvaluationMetrics({"ssim": enhance.load_metric("ssim")}, reference)
        >>> round(evaluation(reference)["ssim"], 4)
        1.0
    """

    def __init__(self, metrics: Mapping[str, Metric], reference: Tensor) -> None:
        self._scorers = [Scorer(name, metric) for name, metric in metrics.items()]
        self._references = _prepared(self._scorers, reference) if self._scorers else []
        self._like = reference

    def __call__(self, image: Tensor) -> dict[str, float]:
        """The scores of an image (1, 3, H, W) in [0, 1], by the names of the metrics; no gradient."""
        if not self._scorers:
            return {}
        scores = score(self._scorers, image.to(self._like), self._references)[:, 0].tolist()
        return dict(zip(self.names, scores, strict=True))

    @property
    def names(self) -> list[str]:
        """The names of the metrics, in their order."""
        return [scorer.name for scorer in self._scorers]

    def describe(self) -> dict[str, Any]:
        """The settings of each metric, its backbone and weights among them, by its name; in values that JSON has."""
        return {scorer.name: scorer.metric.describe() for scorer in self._scorers}


@torch.no_grad()
def _prepared(scorers: Sequence[Scorer], reference: Tensor) -> list[Any]:
    """The reference's side of each metric; all are tried, since a metric says only then that images are too small."""
    try:
        found = prepare(scorers, reference)
        score(scorers, reference, found)
    except ValueError as error:
        if len(scorers) == 1:
            raise ValueError(f"{scorers[0].name} cannot score these images: {error}") from error
        return [prepared for scorer in scorers for prepared in _prepared([scorer], reference)]  # whose error it is
    return found
