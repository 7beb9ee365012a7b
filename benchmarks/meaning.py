"""Scores of known degradations of sample photographs: the table from which `enhance.meaning` says what a score means.

    python -m benchmarks.meaning      # writes enhance/scoring/meaning.json: minutes on one core

Every metric that needs no network but the embedded one scores the photographs at 256 pixels in JPEG, with
Gaussian noise and with Gaussian blur. Kept are the mean and the standard deviation over the photographs, and what the
metric was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from enhance.config.groups import backbone_settings
from enhance.config.schema import MetricConfig
from enhance.degradations import degrade
from enhance.experiment.metrics import Metrics
from enhance.images.arrays import resize
from enhance.images.pictures import load_image
from enhance.metrics.registry import METRICS as REGISTRY
from enhance.optim.inputs import SAMPLE_SIZE
from enhance.scoring.meaning import TABLE
from enhance.scoring.scorers import Scorer, described, score
from enhance.utils.files import write_json
from enhance.utils.machine import VERSION

METRICS = tuple(name for name, row in REGISTRY.items() if not row.trunk)
PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "motorcycle", "rocket")
LEVELS: dict[str, tuple[float, ...]] = {
    "jpeg": (95, 90, 85, 80, 70, 60, 50, 40, 30, 25, 20, 15, 10, 5),
    "noise": (2, 5, 10, 15, 20, 25, 35, 50, 70, 100),
    "blur": (0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0),
}


def degraded(image: torch.Tensor, kind: str, level: float) -> torch.Tensor:
    """The image after a degradation of `LEVELS`."""
    if kind == "jpeg":
        return degrade(image, "jpeg", quality=int(level), subsampling=2)
    if kind == "noise":
        return degrade(image, "gaussian_noise", sigma=level, seed=0)
    return degrade(image, "gaussian_blur", sigma=level)


def measured(names: Sequence[str], photographs: Sequence[str], levels: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """The table: for each metric what it was, and mean and spread of its scores by degradation."""
    metrics = Metrics(MetricConfig(name=names[0]), backbone_settings(), scoring=True)
    scorers = [Scorer(name, metrics.named(name)) for name in names]
    references = [resize(load_image(name), SAMPLE_SIZE) for name in photographs]
    found: dict[str, Any] = {scorer.name: {"metric": described(scorer), "mean": {}, "spread": {}} for scorer in scorers}
    for kind, values in levels.items():
        scores = torch.stack(
            [
                torch.cat(
                    [score(scorers, degraded(image, kind, value), [image] * len(scorers)) for image in references], 1
                )
                for value in values
            ]
        )  # (levels, metrics, photographs)
        for index, scorer in enumerate(scorers):
            column = scores[:, index]
            found[scorer.name]["mean"][kind] = [float(f"{each:.5g}") for each in column.mean(1).tolist()]
            found[scorer.name]["spread"][kind] = [float(f"{each:.3g}") for each in column.std(1).tolist()]
    return found


def main() -> None:
    """Measure and write the table."""
    torch.set_num_threads(1)
    about = {"photographs": list(PHOTOGRAPHS), "pixels": SAMPLE_SIZE, "version": VERSION}
    table = {
        **about,
        "levels": {kind: list(values) for kind, values in LEVELS.items()},
        "metrics": measured(METRICS, PHOTOGRAPHS, LEVELS),
    }
    write_json(TABLE, table)
    print(f"{len(METRICS)} metrics, {len(PHOTOGRAPHS)} photographs: {TABLE.name}")


if __name__ == "__main__":
    main()
