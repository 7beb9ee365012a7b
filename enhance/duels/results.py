"""The four images of a duel, their way and their scores, and the files that hold them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from enhance.images.arrays import from_array, to_array
from enhance.images.writing import save_image
from enhance.metrics.metric import Metric
from enhance.optim.duel import DuelStep, duel
from enhance.utils.files import write_json, write_text
from enhance.utils.numbers import finite
from enhance.utils.tables import csv_text

FOUR = ("best-A", "worst-A", "best-B", "worst-B")
"""The images by name: the best and the worst by the first metric at the level of the second, and the reverse."""
STEPS, DOCUMENT = "duel.csv", "duel.json"


@dataclass(frozen=True)
class End:
    """One of the four images.

    Attributes:
        name: of `FOUR`.
        image: (1, 3, H, W), 8 bits a channel, as its file has it.
        way: index, loss of the metric that moved, and loss of the metric that was held, of each step.
        deviation: largest difference of the held loss from its level on the way, relative to the level.
        reason: why it ended before the last step; else empty.
    """

    name: str
    image: Tensor
    way: list[tuple[int, float, float]]
    deviation: float
    reason: str


@dataclass(frozen=True)
class Duel:
    """The result of `fight`.

    Attributes:
        first, second: the metrics A and B.
        reference, initial: (1, 3, H, W) in [0, 1].
        ends: the four, by their names.
        scores: by image (initial and the four), then by the metric's name: the scores of the images as their files
            have them.
    """

    first: Metric
    second: Metric
    reference: Tensor
    initial: Tensor
    ends: Mapping[str, End]
    scores: dict[str, dict[str, float]]

    def sides(self, name: str) -> tuple[Metric, Metric]:
        """The metric that moves and the metric that is held."""
        return (self.first, self.second) if name.endswith("A") else (self.second, self.first)

    @property
    def gaps(self) -> dict[str, float]:
        """For each metric the score of the best image minus that of the worst, at the level of the other."""
        return {
            metric.name: self.scores[f"best-{side}"][metric.name] - self.scores[f"worst-{side}"][metric.name]
            for side, metric in (("A", self.first), ("B", self.second))
        }


def fight(
    metrics: tuple[Metric, Metric],
    judges: Sequence[Metric],
    reference: Tensor,
    initial: Tensor,
    steps: int,
    learning_rate: float,
    tick: Callable[[str, DuelStep], None] = lambda name, step: None,
) -> Duel:
    """The four images of a duel of two metrics, and their scores.

    Args:
        metrics: A and B.
        judges: further metrics that score the images.
        reference, initial: (1, 3, H, W) in [0, 1].
        steps: updates for each of the four.
        learning_rate: in units of the range [0, 1].
        tick: called with the name of the image and each step.
    """
    ends = {}
    for name in FOUR:
        moving, holding = metrics if name.endswith("A") else metrics[::-1]
        way, last = [], None
        for last in duel(
            moving,
            holding,
            reference,
            initial,
            worst=name.startswith("worst"),
            steps=steps,
            learning_rate=learning_rate,
        ):
            way.append((last.index, last.moved, last.held))
            tick(name, last)
        if last is None:
            raise RuntimeError("A duel has a first step.")
        level = way[0][2]
        deviation = max(abs(held / level - 1) for _, _, held in way)
        ends[name] = End(name, _written(last.image), way, deviation, last.reason)
    images = {"initial": _written(initial), **{name: end.image for name, end in ends.items()}}
    every = {metric.name: metric for metric in (*metrics, *judges)}
    scores = {
        name: {key: float(metric.scores(image, reference).item()) for key, metric in every.items()}
        for name, image in images.items()
    }
    return Duel(*metrics, reference, initial, ends, scores)


def write(found: Duel, about: Mapping[str, Any], folder: Path) -> None:
    """Write the images, `duel.csv`, a row a step, and `duel.json`."""
    images = {"reference": found.reference, "initial": found.initial}
    for name, image in (images | {name: end.image for name, end in found.ends.items()}).items():
        save_image(image, folder / f"{name}.png")
    rows = [
        (name, index, *(metric.name for metric in found.sides(name)), moved, held)
        for name, end in found.ends.items()
        for index, moved, held in end.way
    ]
    write_text(folder / STEPS, csv_text(["image", "step", "moving", "held", "moving_loss", "held_loss"], rows))
    write_json(folder / DOCUMENT, document(found, about))


def document(found: Duel, about: Mapping[str, Any]) -> dict[str, Any]:
    """The content of `duel.json`; infinite scores are null."""
    return {
        **about,
        "A": found.first.describe(),
        "B": found.second.describe(),
        "gaps": {name: finite(gap) for name, gap in found.gaps.items()},
        "scores": {
            image: {name: finite(score) for name, score in scores.items()} for image, scores in found.scores.items()
        },
        "images": {
            name: {"steps": end.way[-1][0], "largest_deviation": end.deviation, "reason": end.reason or None}
            for name, end in found.ends.items()
        },
    }


@torch.no_grad()
def _written(image: Tensor) -> Tensor:
    """The image as its file has it, in its own precision and place."""
    return from_array(to_array(image)).to(image)
