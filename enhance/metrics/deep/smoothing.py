"""Smoothed gradients: values stay exact, and only the direction of the first steps changes.

A level's distance is d + E omega(d): a statistical distance d, and the squared difference E of the features. E is
plain least squares, the easiest function to minimize. d is not. Where a feature's share is tiny, a divergence's
gradient is huge and turns quickly. The Wasserstein distance behaves close to the reference like a sum of |F - G| over
cumulative distributions F and G: the closer the image, the more often a difference changes its sign from one step to
the next, while the gradient stays as long as it was far away, so that an optimizer hovers around the optimum at a
distance set by its step size.

A smoothed spec begins with a gradient that is nearly E's and ends with the exact one, the broad strokes first and the
difficult ones last (graduated non-convexity: Blake and Zisserman, 1987). All these functions are least where the
features are equal, so that smoothing moves no optimum.

- Divergences: the gradient of d is divided by 1 + `amount`.
- Wasserstein: written as a sum over lags,

      W = sum_{k>=0} c_k sum_i [ (F_i - G_{i+k})+ + (G_i - F_{i+k})+ ],    c_0 = 1, c_k = (k+1)^p - 2 k^p + (k-1)^p,

  it is made of brackets (a)+, each with a kink at zero. Each becomes Huber's hinge, a^2 / 2e for 0 < a < e and a - e/2
  beyond, with a width e of `amount` times the column's total: its gradient fades as F and G approach each other.
- Stages: in the gradient the k-th stage of the backbone, the first being the 0-th, weighs (1 + `amount`) ** (-0.15 k),
  the image itself as little as the deepest stage. At an amount of 100 each stage weighs half of the one before it, at 0
  all weigh the same. Features of shallow stages show where they differ; those of deep stages hardly do until the
  shallow ones agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from enhance.metrics.deep import transport
from enhance.metrics.deep.measures import Compared, Measure, Prepared, Wasserstein
from enhance.metrics.deep.published import LevelSpec

LAGS = 8
EMPTY = 1e-30  # added to a width: columns of zeros are divided by it
STEEPNESS = 0.15  # of the weights of stages; measured on photographs held out


@dataclass(frozen=True)
class Damped:
    """A measure whose gradient is divided by 1 + `amount`, so that the squared difference dominates."""

    measure: Measure
    amount: float

    def prepare(self, y: Tensor) -> Prepared:
        return self.measure.prepare(y)

    def compare(self, x: Tensor, prepared: Prepared, gradient: bool) -> Compared:
        value, grad = self.measure.compare(x, prepared, gradient)
        return value, grad.div_(1 + self.amount) if grad is not None else None


@dataclass(frozen=True)
class SmoothedWasserstein(Wasserstein):
    """The exact distance with the gradient of its smoothed neighbour.

    Attributes:
        amount: width of the rounded kinks as a multiple of a column's total, the mean of the two compared.
        lags: how many lags the gradient sums. For it alone the cost of transport over a distance grows linearly instead
            of as the power p.
    """

    amount: float = 1.0
    lags: int = LAGS

    def compare(self, x: Tensor, prepared: Prepared, gradient: bool) -> Compared:
        f, (g, keys) = transport.cumulative(x), prepared
        value, _ = transport.distance(f, g, self.p, False, keys)
        return value, transport.from_cumulative(self._smoothed_grad(f, g)) if gradient else None

    def _smoothed_grad(self, f: Tensor, g: Tensor) -> Tensor:
        """Gradient of the neighbour in `f`, at a fixed width: Huber's hinge has the derivative clamp(a / e, 0, 1)."""
        width = (f[-1] + g[-1]).mul_(self.amount / 2).add_(EMPTY)
        f, g = f / width, g / width
        grad = (f - g).clamp_(-1, 1)
        for lag in range(1, min(self.lags + 1, len(f))):
            weight = (lag + 1) ** self.p - 2 * lag**self.p + (lag - 1) ** self.p
            grad[:-lag].add_((f[:-lag] - g[lag:]).clamp_(0, 1), alpha=weight)
            grad[lag:].sub_((g[:-lag] - f[lag:]).clamp_(0, 1), alpha=weight)
        return grad


def smoothed(spec: LevelSpec, amount: float) -> LevelSpec:
    """The spec with its gradient smoothed; itself where `amount` is zero.

    A divergence without a squared difference beside it is not smoothed.
    """
    if not 0 <= amount < math.inf:
        raise ValueError(f"smoothing={amount} must be a finite number of at least 0.")
    if amount == 0:
        return spec
    if isinstance(spec.measure, Wasserstein):
        return replace(spec, measure=SmoothedWasserstein(spec.measure.p, amount))
    return replace(spec, measure=Damped(spec.measure, amount)) if spec.eps is not None else spec


def stage_weights(layers: Tensor, amount: float) -> Tensor:
    """Weights in the gradient of the levels (B, L) of a smoothed distance, (L,): the image itself, then the stages."""
    count = layers.shape[1]
    depths = torch.arange(-1, count - 1, dtype=layers.dtype, device=layers.device).remainder(max(1, count - 1))
    return (1 + amount) ** (-STEEPNESS * depths)


def weighted_mean(layers: Tensor, weights: Tensor) -> Tensor:
    """The plain mean over levels, (B, L) -> (B,), with the gradient of the weighted one."""
    return _WeightedMean.apply(layers, weights)  # type: ignore[no-any-return]


class _WeightedMean(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(layers: Tensor, weights: Tensor) -> Tensor:
        return layers.mean(1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor) -> tuple[Tensor, None]:
        (weights,) = ctx.saved_tensors
        return incoming[0][:, None] * weights / len(weights), None
