"""A metric of this package as one of torchmetrics: its mean score over all images, batches and processes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor
from torchmetrics import Metric as TorchMetric

from enhance.metrics.loading import load_metric
from enhance.metrics.metric import Metric

_SINGLE = ("mps",)  # devices without double precision


class MeanScore(TorchMetric):
    """The mean score of a metric over the images seen, for torchmetrics and Lightning.

    Scores are summed in double precision, on MPS in single.

    As a training loss take the metric itself: a score has no gradient.

    Args:
        metric: a name of `enhance.METRICS`, with published settings and the embedded backbone, or a metric.
        options: of `torchmetrics.Metric`, e.g. `sync_on_compute`.

    Raises:
        ValueError: for an unknown name; by `update`, for images that the metric does not take.

    Example:
        >>> quality = MeanScore("ssim")
        >>> image = enhance.load_image("astronaut")
        >>> quality.update(image, image)
        >>> round(quality.compute().item(), 4)
        1.0
    """

    is_differentiable: bool | None = False
    full_state_update: bool | None = False

    total: Tensor
    images: Tensor

    def __init__(self, metric: str | Metric = "deepwsd", **options: Any) -> None:
        super().__init__(**options)
        self.metric = load_metric(metric) if isinstance(metric, str) else metric
        self.add_state("total", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("images", torch.tensor(0), dist_reduce_fx="sum")
        # A MetricCollection lets metrics whose states are equal after the first batch share them ever after; two
        # distances of equal images are both 0. This state is equal for equal settings alone.
        self.add_state("settings", _fingerprint(self.metric), dist_reduce_fx="max")

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = ()) -> Self:
        if fn(self.images).device.type in _SINGLE:
            self.total, self._defaults["total"] = self.total.float(), torch.tensor(0.0)
        super()._apply(fn, exclude_state)
        return self

    @property
    def plot_lower_bound(self) -> float | None:  # type: ignore[override]
        """Where plots begin: 0 of distances."""
        return None if self.metric.higher_is_better else 0.0

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        """Whether the metric is a similarity."""
        return self.metric.higher_is_better

    @torch.no_grad()
    def update(self, preds: Tensor, target: Any) -> None:
        """Take a batch in.

        Args:
            preds: the images, (B, 3, H, W), RGB in [0, 1].
            target: their references, (B, 3, H, W), or what the metric's `prepare` returned.
        """
        scores = self.metric.scores(preds, target)
        self.total += scores.sum().to(self.total)
        self.images += len(scores)

    def compute(self) -> Tensor:
        """The mean score of all images so far; NaN where there were none."""
        return (self.total / self.images).float()

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Draw one value, several, or what `compute` gives, as every metric of torchmetrics does: (figure, axes)."""
        return self._plot(val, ax)


def _fingerprint(metric: Metric) -> Tensor:
    settings = repr((metric.name, sorted(metric.describe().items(), key=str)))
    return torch.tensor(list(hashlib.sha256(settings.encode()).digest()[:8]))
