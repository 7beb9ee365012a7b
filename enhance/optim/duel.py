"""Maximum differentiation: the best and the worst image by one metric at the level of another.

Wang and Simoncelli, "Maximum differentiation (MAD) competition", Journal of Vision 8 (2008), 8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from enhance.metrics.metric import Metric
from enhance.optim.schedules import Schedule, cosine

TOLERANCE = 0.01  # of the held level, within which every image stays
_AIM = 0.2  # of the tolerance, at which the way back to the level ends
_TRIES, _HALVINGS = 12, 6  # images on the way back, and shorter steps where it fails
_PARALLEL = 1e-4  # of the gradient: less of it beside the other gradient is rounding
_MOMENTS = (0.9, 0.99)


@dataclass(frozen=True)
class DuelStep:
    """One image on the way.

    Attributes:
        index: number of updates so far.
        image: (1, 3, H, W) in [0, 1].
        moved: loss of the metric that is made better or worse.
        held: loss of the metric whose level is held.
        reason: why the way ends here before the last step; else empty.
    """

    index: int
    image: Tensor
    moved: float
    held: float
    reason: str = ""


def duel(
    moving: Metric,
    holding: Metric,
    reference: Tensor,
    initial: Tensor,
    *,
    worst: bool,
    steps: int,
    learning_rate: float,
    schedule: Schedule = cosine,
) -> Iterator[DuelStep]:
    r"""The images from `initial` to the best or the worst by one metric, at the level that another metric has there.

    With the losses :math:`M` and :math:`H`, each step goes along :math:`\nabla M - \frac{\nabla M \cdot \nabla H}{\|\nabla H\|^2} \nabla H`,
    down or up, with Adam's moments; then a line search along :math:`\nabla H` brings the image back to where
    :math:`H` is that of the initial image, within `TOLERANCE`. Pixels stay in [0, 1].

    Args:
        moving: the metric that is made better or worse.
        holding: the metric whose level is held.
        reference, initial: (1, 3, H, W) in [0, 1].
        worst: whether the metric is made worse.
        steps: number of updates.
        learning_rate: in units of the range [0, 1].
        schedule: factor on the learning rate.

    Yields:
        `steps` + 1 images, fewer where no step is possible.

    Raises:
        ValueError: if the initial image is equal to the reference by the metric that is held.

    Example:
        >>> reference = enhance.load_image("astronaut")[..., :32, :32]
        >>> initial = (reference + 0.1).clamp(0, 1)
        >>> mse, mae = enhance.load_metric("mse"), enhance.load_metric("mae")
        >>> *_, last = duel(mae, mse, reference, initial, worst=False, steps=3, learning_rate=0.02)
        >>> abs(mse(last.image, reference).item() / mse(initial, reference).item() - 1) < TOLERANCE
        True
    """  # noqa: E501
    move, hold = _Loss(moving, reference), _Loss(holding, reference)
    image = initial.detach().clone()
    level = hold.value(image)
    if not level > 0:
        raise ValueError(f"By {holding.name} the initial image is the reference; there is no level to be held.")
    moments = _Moments()
    for index in range(steps + 1):
        (moved, gradient), (held, normal) = move.gradient(image), hold.gradient(image)
        direction = _beside(-gradient if worst else gradient, normal)
        stuck = "" if direction is not None else "the gradients of the two metrics are parallel"
        following = None
        if direction is not None and index < steps:
            way = learning_rate * schedule(index, steps) * moments(direction)
            following = _next(image, way, normal, hold.value, level)
            stuck = "" if following is not None else "no step stays at the level"
        yield DuelStep(index, image, moved, held, "" if index == steps else stuck)
        if following is None:
            return
        image = following


class _Loss:
    """A metric as a function of the image alone."""

    def __init__(self, metric: Metric, reference: Tensor) -> None:
        self._metric, self._prepared = metric, metric.prepare(reference)

    @torch.no_grad()
    def value(self, image: Tensor) -> float:
        return float(self._metric.losses(image, self._prepared).item())

    def gradient(self, image: Tensor) -> tuple[float, Tensor]:
        pixels = image.detach().requires_grad_()
        with torch.enable_grad():
            loss = self._metric.losses(pixels, self._prepared).sum()
        (gradient,) = torch.autograd.grad(loss, pixels)
        return float(loss.item()), gradient


class _Moments:
    """Adam's step from a gradient."""

    def __init__(self) -> None:
        self._first: Any = 0.0
        self._second: Any = 0.0
        self._count = 0

    def __call__(self, gradient: Tensor) -> Tensor:
        gradient = gradient / gradient.square().mean().sqrt()
        first, second = _MOMENTS
        self._count += 1
        self._first = first * self._first + (1 - first) * gradient
        self._second = second * self._second + (1 - second) * gradient.square()
        mean, size = self._first / (1 - first**self._count), self._second / (1 - second**self._count)
        return mean / (size.sqrt() + 1e-8)


def _beside(gradient: Tensor, normal: Tensor) -> Tensor | None:
    """The part of a gradient that is orthogonal to another; None where there is none."""
    length = normal.square().sum()
    if not length > 0:
        return gradient if gradient.any() else None
    rest = gradient - (gradient * normal).sum() / length * normal
    return rest if rest.norm() > _PARALLEL * gradient.norm() else None


def _next(image: Tensor, way: Tensor, normal: Tensor, loss: Callable[[Tensor], float], level: float) -> Tensor | None:
    """The image after a step, back at the level; of shorter steps where it cannot be brought back."""
    for halving in range(_HALVINGS):
        found = level_again((image - way / 2**halving).clamp(0, 1), normal, loss, level)
        if found is not None:
            return found
    return None


def level_again(image: Tensor, normal: Tensor, loss: Callable[[Tensor], float], level: float) -> Tensor | None:
    """The image moved along `normal` to where its loss is `level`; None where that cannot be found.

    Newton's step with the length of the gradient, then the secant, kept within a bracket once there is one.
    """
    length = float(normal.square().sum())
    if not (math.isfinite(length) and length > 0):
        return None
    low, high = -math.inf, math.inf  # shares of the normal at which the loss is too small, and too large
    share, before = 0.0, None
    for _ in range(_TRIES):
        candidate = (image + share * normal).clamp(0, 1)
        error = loss(candidate) - level
        if not math.isfinite(error):
            return None
        if abs(error) <= _AIM * TOLERANCE * level:
            return candidate
        low, high = (max(low, share), high) if error < 0 else (low, min(high, share))
        slope = length if before is None else (error - before[1]) / (share - before[0])
        before = (share, error)
        share -= error / (slope if slope > 0 else length)
        if not low < share < high:
            if math.isinf(low) or math.isinf(high):
                return None
            share = (low + high) / 2
    return None
