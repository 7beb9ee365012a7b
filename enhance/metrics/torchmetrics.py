"""A deep distance as a metric of torchmetrics: its mean score over all images of all batches, and of all processes."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from enhance.metrics.deep.distance import DeepDistance, Prepared
from enhance.metrics.named import named


class DeepDistanceMetric(Metric):
    """The mean of `DeepDistance.score` over the images seen, for torchmetrics, Lightning and whoever speaks to them.

    As a training loss take the measure itself, `enhance.DeepJSD()`: a score has no gradient.

    Args:
        metric: a name of `enhance.METRICS`, with published settings and the embedded backbone, or a metric of your own,
            whose backbone's name belongs to every figure.
        options: of `torchmetrics.Metric`, e.g. `sync_on_compute`.

    Raises:
        ValueError: for an unknown name; by `update`, for images that the metric does not take.

    Example:
        >>> quality = DeepDistanceMetric(enhance.DeepJSD("vgg19"))
        >>> for image, reference in loader:       # both (B, 3, H, W), RGB in [0, 1]
        ...     quality.update(image, reference)
        >>> quality.compute()                     # lower is better
    """

    is_differentiable: bool | None = False
    higher_is_better: bool | None = False
    full_state_update: bool | None = False
    plot_lower_bound: float | None = 0.0

    total: Tensor
    images: Tensor

    def __init__(self, metric: str | DeepDistance = "deepwsd", **options: Any) -> None:
        super().__init__(**options)
        self.distance = named(metric)
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("images", torch.tensor(0), dist_reduce_fx="sum")
        # A MetricCollection lets metrics whose states are equal after the first batch share them ever after; two
        # distances of equal images are both 0. This state is equal for equal settings alone.
        self.add_state("settings", _fingerprint(self.distance), dist_reduce_fx="max")

    @torch.no_grad()
    def update(self, preds: Tensor, target: Tensor | Prepared) -> None:
        """Take a batch in.

        Args:
            preds: the images, (B, 3, H, W), RGB in [0, 1].
            target: their references, see `DeepDistance`.
        """
        scores = self.distance.scores(preds, target)
        self.total += scores.sum()
        self.images += len(scores)

    def compute(self) -> Tensor:
        """The mean score of all images so far; NaN where there were none."""
        return self.total / self.images

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Draw one value, several, or what `compute` gives, as every metric of torchmetrics does: (figure, axes)."""
        return self._plot(val, ax)


def _fingerprint(distance: DeepDistance) -> Tensor:
    settings = (repr(distance), distance.backbone.origin, distance.rule, distance.prefilter, distance.rounding)
    return torch.tensor(list(hashlib.sha256(repr(settings).encode()).digest()[:8]))
