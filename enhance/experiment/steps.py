"""How many steps a run makes."""

from __future__ import annotations

from enhance.config.schema import Config
from enhance.metrics.registry import METRICS, Row


def steps(config: Config) -> int:
    """The number of updates of a run."""
    return config.steps or config.metric.steps or METRICS.get(config.metric.name, Row).steps
