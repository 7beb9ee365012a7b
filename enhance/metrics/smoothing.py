"""Gradients that an optimiser can follow to the end, for measures that have kinks.

Close to the reference the Wasserstein distance behaves like a sum of |F - G| over cumulative masses F and G: the
closer the image, the more often a difference changes its sign from one step to the next, while the gradient stays as
long as it was far away. An optimiser then hovers around the optimum at a distance set by its step size.

Written as a sum over lags,

    W = sum_{k>=0} c_k sum_i [ (F_i - G_{i+k})+ + (G_i - F_{i+k})+ ],    c_0 = 1, c_k = (k+1)^p - 2 k^p + (k-1)^p,

the exact distance is made of brackets (a)+, each with a kink at zero. A smoothed measure reports the exact value and
returns the gradient of a neighbour in which each bracket is Huber's hinge, a^2 / 2e for 0 < a < e and a - e/2 beyond.
Like the exact one the neighbour is least where F = G, so that smoothing moves no optimum, but its gradient fades as the
two approach each other. The width e is `amount` times the column's mass. As it goes to zero the gradient becomes the
exact one, so that an optimiser settles the broad strokes first and the kinks last (graduated non-convexity: Blake and
Zisserman, 1987).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from enhance.metrics import transport
from enhance.metrics.measures import Compared, Measure, Prepared, Wasserstein

LAGS = 8


@dataclass(frozen=True)
class SmoothedWasserstein(Wasserstein):
    """The exact distance with the gradient of its smoothed neighbour.

    Attributes:
        amount: width of the rounded kinks as a multiple of a column's mass, the mean of the two compared.
        lags: how many lags the gradient sums. For it alone the cost of moving mass further grows linearly instead
            of as the power p.
    """

    amount: float = 1.0
    lags: int = LAGS

    def compare(self, x: Tensor, prepared: Prepared, gradient: bool) -> Compared:
        f, g = transport.cumulative(x), prepared[0]
        value, _ = transport.distance(f, g, self.p, False)
        return value, transport.to_masses(self._slope(f, g)) if gradient else None

    def _slope(self, f: Tensor, g: Tensor) -> Tensor:
        """Gradient of the neighbour in `f`, the width held fixed: Huber's hinge has the slope clamp(a / e, 0, 1)."""
        width = (f[-1] + g[-1]).mul_(self.amount / 2)
        width += 1e-3 * width.mean() + 1e-30  # where a column is empty
        f, g = f / width, g / width
        slope = (f - g).clamp_(-1, 1)
        for lag in range(1, min(self.lags + 1, len(f))):
            weight = (lag + 1) ** self.p - 2 * lag**self.p + (lag - 1) ** self.p
            slope[:-lag].add_((f[:-lag] - g[lag:]).clamp_(0, 1), alpha=weight)
            slope[lag:].sub_((g[:-lag] - f[lag:]).clamp_(0, 1), alpha=weight)
        return slope


def smoothed(measure: Measure, amount: float) -> Measure:
    """The measure with its gradient smoothed; itself where it has no kinks or `amount` is zero."""
    return SmoothedWasserstein(measure.p, amount) if amount > 0 and isinstance(measure, Wasserstein) else measure
