"""The deep distribution measures: usable alone, as metrics and as losses."""

from enhance.metrics.deep.distance import METRICS, DeepDistance, DeepJSD, DeepSKLD, DeepWSD, Prepared
from enhance.metrics.deep.measures import jensen_shannon, symmetric_kl, wasserstein

__all__ = [
    "METRICS",
    "DeepDistance",
    "DeepJSD",
    "DeepSKLD",
    "DeepWSD",
    "Prepared",
    "jensen_shannon",
    "symmetric_kl",
    "wasserstein",
]
