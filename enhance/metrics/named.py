"""A metric by its name, or as it is."""

from __future__ import annotations

from typing import Any

from enhance.metrics.deep.distance import METRICS, DeepDistance
from enhance.utils.suggest import unknown


def named(metric: str | DeepDistance, **settings: Any) -> DeepDistance:
    """The metric of that name of `METRICS`, built with the settings; one that is built already is returned as it is.

    Raises:
        ValueError: for another name or thing.
    """
    if isinstance(metric, DeepDistance):
        return metric
    if not isinstance(metric, str):
        raise ValueError(
            f"metric must be one of {', '.join(METRICS)}, or a metric like enhance.DeepJSD(), got {metric!r}."
        )
    if metric not in METRICS:
        raise ValueError(unknown("metric", metric, METRICS))
    return METRICS[metric](**settings)
