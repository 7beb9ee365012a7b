"""Metrics by their names in the registry."""

from __future__ import annotations

from typing import Any

from enhance.metrics.deep.named import deep_metric
from enhance.metrics.library import library_metric
from enhance.metrics.metric import Metric
from enhance.metrics.registry import METRICS
from enhance.utils.suggest import unknown


def load_metric(name: str, **settings: Any) -> Metric:
    """A metric by its name, with published settings unless others are given.

    Args:
        name: a name of `enhance.METRICS`.
        settings: of the three deep measures, see `enhance.DeepJSD`; of the others `reduction`, `check_range` and the
            arguments of the library's own function or class.

    Raises:
        ValueError: for an unknown name or setting.

    Example:
        >>> metric = load_metric("ssim")
        >>> image = enhance.load_image("astronaut")
        >>> round(metric.scores(image, image).item(), 4)
        1.0
    """
    if not isinstance(name, str) or name not in METRICS:
        raise ValueError(unknown("metric", name, METRICS))
    row = METRICS[name]
    if row.deep:
        return deep_metric(name)(**settings)
    return library_metric(name, row, **settings)
