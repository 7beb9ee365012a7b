"""What a tool says beside its results: on standard error, where pipes do not see it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from enhance.experiment.metric_checks import unused_backbone

if TYPE_CHECKING:
    from enhance.metrics.metric import Metric


def say(text: str) -> None:
    """Print a line on standard error."""
    print(text, file=sys.stderr)


def say_unused_backbone(backbone: str, metrics: Sequence[str]) -> None:
    """Say so, where a backbone was chosen that none of the metrics uses."""
    for note in unused_backbone(backbone, metrics):
        say(f"note: {note}")


def say_untrained(name: str, metric: Metric) -> None:
    """Say so, where the weights of a metric's network are random."""
    backbone = metric.describe().get("backbone")
    if backbone and not backbone["pretrained"]:
        say(f"warning: {name} has random weights; its scores mean nothing but that the program runs.")
