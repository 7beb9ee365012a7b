"""The images at which a metric keeps one value, for maximum differentiation.

Wang and Simoncelli, "Maximum differentiation (MAD) competition", Journal of Vision 8 (2008), 8.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from enhance.metrics.metric import Metric
from enhance.optim.objective import Objective
from enhance.utils.precision import full_precision

TOLERANCE = 0.01  # of the level, within which every image stays
_AIM = 0.2  # of the tolerance, at which the way back to the level ends
_TRIES, _HALVINGS = 12, 6  # images on the way back, and shorter steps where it fails
_PARALLEL = 1e-4  # of a gradient: what is left of it beside a parallel one is due to rounding


class LevelSet:
    r"""Pixels whose loss by a metric stays that of the initial image: a `Parametrization`.

    With the objective's loss :math:`M` and the loss :math:`H` that is fixed, the optimizer is given the part of
    :math:`\nabla M` that is orthogonal to :math:`\nabla H`. After its step, a line search along :math:`\nabla H` brings
    the image back to where :math:`H` is that of the initial image, within `TOLERANCE`; where there is no way back, the
    step is halved. Pixels stay in [0, 1].

    Args:
        metric: whose loss is fixed.
        reference, initial: (1, 3, H, W) in [0, 1].

    Attributes:
        level: the fixed loss.
        reason: why no further step is possible; else empty.

    Raises:
        ValueError: if the initial image is equal to the reference by the metric.

    Example:
        >>> from enhance.optim.loop import minimize
        >>> from enhance.optim.objective import Objective, Term
        >>> reference = enhance.load_image("astronaut")[..., :32, :32]
        >>> mse, mae = enhance.load_metric("mse"), enhance.load_metric("mae")
        >>> pixels = LevelSet(mse, reference, (reference + 0.1).clamp(0, 1))
        >>> *_, last = minimize(Objective([Term(mae)], reference), pixels, steps=3, learning_rate=0.02)
        >>> abs(mse(last.image, reference).item() / pixels.level - 1) < TOLERANCE
        True
    """

    def __init__(self, metric: Metric, reference: Tensor, initial: Tensor) -> None:
        self._metric, self._prepared = metric, metric.prepare(reference)
        self.pixels = nn.Parameter(initial.detach().clone())
        self._start, self._normal, self._moved = self.pixels.detach().clone(), torch.zeros(()), True
        self.level, self.reason = float(self._loss(self.pixels)), ""
        if not self.level or not math.isfinite(self.level):
            raise ValueError(
                f"By {metric.name} the initial image is the reference: its loss {self.level:g} cannot be kept fixed."
            )

    def parameters(self) -> list[Tensor]:
        return [self.pixels]

    def image(self) -> Tensor:
        if not torch.is_grad_enabled():
            return self.pixels.detach().clone()
        normal = self._gradient(self.pixels)
        if self._moved:  # not at the images that an optimizer tries on its way
            self._start, self._normal, self._moved = self.pixels.detach().clone(), normal, False
        return _Tangent.apply(self.pixels, normal)  # type: ignore[no-any-return]

    @torch.no_grad()
    def project(self) -> None:
        """Bring the pixels back to the level."""
        step = self.pixels - self._start
        self._moved = True
        for halving in range(_HALVINGS):
            image = (self._start + step / 2**halving).clamp(0, 1)
            found = self._back(image, self._normal)
            if found is None:  # far from the start the gradient there finds no way back
                found = self._back(image, self._gradient(image))
            if found is not None:
                self.pixels.copy_(found)
                return
        self.pixels.copy_(self._start)
        self.reason = "no step stays at the level"

    def parallel(self, objective: Objective) -> bool:
        """Whether the objective's gradient at the pixels is that of the metric, so that every step leaves the level."""
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(objective(self.image()).loss, self.pixels)
        self._moved = True
        return not gradient.any()

    def _loss(self, image: Tensor) -> Tensor:
        with torch.no_grad(), full_precision():
            return self._metric.losses(image, self._prepared).squeeze(0)

    def _gradient(self, image: Tensor) -> Tensor:
        pixels = image.detach().requires_grad_()
        with torch.enable_grad(), full_precision():
            (gradient,) = torch.autograd.grad(self._metric.losses(pixels, self._prepared).sum(), pixels)
        return gradient

    def _back(self, image: Tensor, normal: Tensor) -> Tensor | None:
        """The image moved along a normal to where its loss is the level; None where that cannot be found.

        Newton's step with the length of the normal, then the secant, kept within a bracket once there is one.
        """
        squared = normal.square().sum()
        low, high = -math.inf, math.inf  # shares of the normal at which the loss is too small, and too large
        share, before = 0.0, None
        for _ in range(_TRIES):
            candidate = image if before is None else (image + share * normal).clamp(0, 1)
            loss, length = torch.stack([self._loss(candidate), squared]).tolist()  # the one wait for the device
            error = loss - self.level
            if not (math.isfinite(error) and math.isfinite(length) and length > 0):
                return None
            if abs(error) <= _AIM * TOLERANCE * abs(self.level):
                return candidate
            low, high = (max(low, share), high) if error < 0 else (low, min(high, share))
            derivative = length if before is None else (error - before[1]) / (share - before[0])
            before = (share, error)
            share -= error / (derivative if derivative > 0 else length)
            if not low < share < high:
                if math.isinf(low) or math.isinf(high):
                    return None
                share = (low + high) / 2
        return None


class _Tangent(torch.autograd.Function):
    """The pixels; their gradient is orthogonal to a normal, and zero where it is parallel to it."""

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, normal: Tensor) -> Tensor:
        ctx.save_for_backward(normal)
        return pixels.clone()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        (normal,) = ctx.saved_tensors
        length = normal.square().sum()
        along = torch.where(length > 0, (grad_output * normal).sum() / length, 0.0)
        rest = grad_output - along * normal
        return torch.where(rest.norm() > _PARALLEL * grad_output.norm(), rest, 0.0), None
