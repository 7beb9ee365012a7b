"""Scores of known degradations of sample photographs: the table from which `enhance.meaning` says what a score means.

    python -m benchmarks.meaning      # writes enhance/scoring/meaning.json: minutes on one core

Every metric that needs no network but the embedded one scores the photographs at 256 pixels in JPEG, with
Gaussian noise and with Gaussian blur. Kept are the mean and the standard deviation over the photographs, and what the
metric was. The tables of other metrics are measured on demand, by `enhance.meaning` and `task=meaning`.
"""

from __future__ import annotations

import torch

from enhance.config.groups import backbone_settings
from enhance.config.schema import MetricConfig
from enhance.experiment.metrics import Metrics
from enhance.images.samples import SAMPLE_SIZE
from enhance.metrics.registry import METRICS as REGISTRY
from enhance.scoring.degraded import LEVELS, PHOTOGRAPHS, measured
from enhance.scoring.meaning_tables import SHIPPED
from enhance.scoring.scorers import Scorer
from enhance.utils.files import write_json
from enhance.utils.machine import VERSION

METRICS = tuple(name for name, row in REGISTRY.items() if not row.trunk)


def main() -> None:
    """Measure and write the table."""
    torch.set_num_threads(1)
    metrics = Metrics(MetricConfig(name=METRICS[0]), backbone_settings(), scoring=True)
    about = {"photographs": list(PHOTOGRAPHS), "pixels": SAMPLE_SIZE, "version": VERSION}
    table = {
        **about,
        "levels": {kind: list(values) for kind, values in LEVELS.items()},
        "metrics": measured([Scorer(name, metrics.named(name)) for name in METRICS], LEVELS),
    }
    write_json(SHIPPED, table)
    print(f"{len(METRICS)} metrics, {len(PHOTOGRAPHS)} photographs: {SHIPPED.name}")


if __name__ == "__main__":
    main()
