"""Most steps small, few at full size: a start for a large image that is right but for its finest detail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from enhance.descent.loop import descend
from enhance.descent.parametrizations import Pyramid
from enhance.descent.schedules import Schedule, cosine
from enhance.metrics import DeepDistance

_LEAST = 64  # pixels a side of a reduced copy


def coarse_start(
    metric: DeepDistance,
    reference: Tensor,
    initial: Tensor,
    *,
    steps: int,
    learning_rate: float,
    scales: Sequence[int] = (4, 2),
    schedule: Schedule = cosine,
    smoothing: Schedule | None = None,
) -> Iterator[Tensor]:
    """Descend on reduced copies, coarsest first, and yield the full-size image after each step.

    A step on a copy reduced 4 times costs a 16th. What each scale has learned, the change of the reduced image, is
    enlarged and added to the image at full size, so that detail which the copies cannot hold, of the initial image too,
    stays as it was. Start `descend` from the last image.

    Args:
        metric: the measure; it sees the reduced copies as images of their own.
        reference: (1, 3, H, W) in [0, 1].
        initial: the same shape.
        steps: at each scale.
        learning_rate: see `descend`.
        scales: by how much to reduce; those that would leave less than 64 pixels a side are skipped.
        schedule, smoothing: see `descend`.
    """
    image = initial
    for scale in scales:
        if min(initial.shape[-2:]) < _LEAST * scale:
            continue
        base, start = image, _reduce(image, scale)
        for step in descend(
            metric,
            _reduce(reference, scale),
            Pyramid(start),
            steps=steps,
            learning_rate=learning_rate,
            schedule=schedule,
            smoothing=smoothing,
        ):
            change = functional.interpolate(step.image - start, size=base.shape[-2:], mode="bilinear")
            image = torch.clamp(base + change, 0, 1)
            yield image


def _reduce(image: Tensor, scale: int) -> Tensor:
    height, width = image.shape[-2:]
    return functional.interpolate(image, size=(-(-height // scale), -(-width // scale)), mode="area")
