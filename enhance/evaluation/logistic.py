"""The five-parameter logistic of VQEG, which maps objective scores to the scale of the subjective scores:

    f(x) = b1 (1/2 - 1 / (1 + exp(b2 (x - b3)))) + b4 x + b5

Source: Sheikh, Sabir, Bovik: A Statistical Evaluation of Recent Full Reference Image Quality Assessment Algorithms.
IEEE Transactions on Image Processing 15 (2006), 3440-3451.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import expit

Array = NDArray[np.float64]

MIN_SCORES = 10  # distinct ones; five parameters fit fewer points by chance
_STEEPNESS = (0.25, 32.0)  # over the standard deviation: from almost a line to almost a step
_REACH = 4.0  # standard deviations beyond the scores, where the centre of a curve that bends at one end lies
_STARTS = 4


@dataclass(frozen=True)
class Logistic:
    """A fitted curve.

    Attributes:
        parameters: b1 to b5; b2 is positive, b1 is positive where the sigmoid increases.
        monotone: whether the curve only increases or only decreases over the scores that it was fitted to. The linear
            term may bend it back; PLCC then overestimates the metric.
    """

    parameters: tuple[float, float, float, float, float]
    monotone: bool

    def __call__(self, scores: Array) -> Array:
        """Scores mapped to the scale of the subjective scores, in the same shape."""
        b1, b2, b3, b4, b5 = self.parameters
        return b1 * (expit(b2 * (scores - b3)) - 0.5) + b4 * scores + b5


def fit(scores: Array, subjective: Array) -> Logistic:
    """The least-squares curve from objective scores (n) to subjective scores (n).

    For a given steepness and centre the other three parameters are a linear problem, so only those two are searched: on
    a grid, whose best points are then refined within bounds. The bounds change PLCC in the fifth decimal place.

    Raises:
        ValueError: if the scores take fewer than ten different values.

    Example:
        >>> scores = np.linspace(0, 1, 50)
        >>> curve = fit(scores, 1 + 4 * expit(-12 * (scores - 0.4)))
        >>> curve.monotone, bool(np.abs(curve(scores) - 1 - 4 * expit(-12 * (scores - 0.4))).max() < 1e-3)
        (True, True)
    """
    different = len(np.unique(scores))
    if different < MIN_SCORES:
        raise ValueError(f"the logistic needs {MIN_SCORES} different scores, and there are {different}")
    middle, spread = float(scores.mean()), float(scores.std())
    z = (scores - middle) / spread

    def linear(log_steepness: float, centre: float) -> tuple[Array, Array]:
        columns = np.stack((expit(np.exp(log_steepness) * (z - centre)) - 0.5, z, np.ones_like(z)), axis=1)
        solution = np.asarray(np.linalg.lstsq(columns, subjective, rcond=None)[0], np.float64)
        return solution, columns @ solution - subjective

    low, high = np.log(_STEEPNESS)
    lowest, highest = z.min() - _REACH, z.max() + _REACH
    centres = [lowest, z.min(), *np.quantile(z, np.linspace(0.02, 0.98, 9)), z.max(), highest]
    grid = [(s, c) for s in np.linspace(low, high, 8) for c in centres]
    grid.sort(key=lambda point: float(np.square(linear(*point)[1]).sum()))
    found = [
        least_squares(
            lambda point: linear(*point)[1],
            start,
            bounds=((low, lowest), (high, highest)),
            x_scale=(1, 0.3),
            max_nfev=100,
        )
        for start in np.clip(grid[:_STARTS], (low + 1e-6, lowest + 1e-6), (high - 1e-6, highest - 1e-6))
    ]
    steepness, centre = min(found, key=lambda result: result.cost).x
    (height, slope, level), _ = linear(steepness, centre)
    parameters = (
        float(height),
        float(np.exp(steepness) / spread),
        float(middle + spread * centre),
        float(slope / spread),
        float(level - slope * middle / spread),
    )
    return Logistic(parameters, _monotone(parameters, scores))


def _monotone(parameters: tuple[float, float, float, float, float], scores: Array) -> bool:
    b1, b2, b3, b4, _ = parameters
    rise = expit(b2 * (np.linspace(scores.min(), scores.max(), 1000) - b3))
    slope = b1 * b2 * rise * (1 - rise) + b4
    return bool((slope >= 0).all() or (slope <= 0).all())
