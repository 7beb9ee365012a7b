"""Correlations of objective with subjective scores, their confidence intervals, and comparisons of metrics.

SRCC (Spearman) and KRCC (Kendall's tau-b) are of the scores as they are. PLCC (Pearson) and RMSE are of the scores
mapped by the logistic that is fitted to the same rows. The sign of SRCC and KRCC is relative to all rows: positive in a
subset means the direction that the metric has over all rows.

Intervals are 95 % percentile intervals of the bootstrap over rows, with the fitted curve fixed. All metrics share the
resamples, each of which is a count for every row: `scipy.stats.bootstrap` draws resamples of its own for every metric,
which comparisons cannot pair, and computes each anew instead of by matrix products.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from enhance.evaluation.logistic import Array, Logistic, fit

MEASURES: tuple[str, ...] = ("srcc", "krcc", "plcc", "rmse")
MIN_ROWS = 3  # two always have a correlation of 1 or -1
_PAIRS = 1024  # rows up to which Kendall's tau of resamples looks at all pairs at once
_CHUNK = 100  # resamples in memory at once


@dataclass(frozen=True)
class Agreement:
    """Correlations of one metric over some rows; NaN where a value is undefined, with the reason in `note`.

    Attributes:
        count: the number of rows.
        values: by the names in `MEASURES`; rmse in the units of the subjective scores.
        intervals: the lower and upper end of each value's interval.
        curve: the logistic behind PLCC and RMSE.
        resampled: SRCC of each resample, for comparisons.
    """

    count: int
    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    curve: Logistic | None = None
    note: str = ""
    resampled: Array = field(default_factory=lambda: np.empty(0), repr=False)


@dataclass(frozen=True)
class Comparison:
    """Two metrics on the same rows.

    Attributes:
        difference: SRCC of the first minus SRCC of the second.
        interval: of the difference, from the paired bootstrap.
        p: two-sided, of difference / bootstrap standard error under the normal distribution.
        p_holm: p after Holm's correction for all pairs compared.
    """

    first: str
    second: str
    difference: float
    interval: tuple[float, float]
    p: float
    p_holm: float

    @property
    def significant(self) -> bool:
        """Whether `p_holm` is below 0.05."""
        return self.p_holm < 0.05


def draw(rows: int, resamples: int, seed: int) -> NDArray[np.float32]:
    """Bootstrap counts (resamples, rows): how often each row is in each resample.

    Example:
        >>> draw(5, 3, seed=0).sum(axis=1).tolist()
        [5.0, 5.0, 5.0]
    """
    generator = np.random.default_rng(seed)
    return generator.multinomial(rows, np.full(rows, 1 / rows), size=resamples).astype(np.float32)


def statistic(test: Callable[..., Any], x: Array, y: Array) -> float:
    """The statistic of one of scipy's tests.

    Example:
        >>> statistic(stats.spearmanr, np.array([1.0, 2.0, 4.0]), np.array([2.0, 3.0, 9.0]))
        1.0
    """
    return float(test(x, y).statistic)


def orientation(scores: Array, subjective: Array) -> int:
    """1 if the scores increase with the subjective scores, -1 if they decrease: the sign of SRCC.

    Example:
        >>> orientation(np.array([3.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0]))
        -1
    """
    if np.ptp(scores) == 0 or np.ptp(subjective) == 0:
        return 1
    return -1 if statistic(stats.spearmanr, scores, subjective) < 0 else 1


def agreement(scores: Array, subjective: Array, sign: int, counts: NDArray[np.float32]) -> Agreement:
    """SRCC, KRCC, PLCC and RMSE of scores (n) with subjective scores (n), and their intervals.

    Args:
        scores: of one metric.
        subjective: of the same images.
        sign: of the correlation over all rows, see `orientation`; SRCC and KRCC are multiplied by it.
        counts: bootstrap counts (resamples, n), see `draw`.

    Example:
        >>> scores = np.linspace(0, 1, 20)
        >>> found = agreement(scores, 5 - 4 * scores, -1, draw(20, 100, seed=0))
        >>> round(found.values["srcc"], 4), round(found.values["krcc"], 4)
        (1.0, 1.0)
    """
    nothing = dict.fromkeys(MEASURES, np.nan)
    if reason := _undefined(scores, subjective):
        return Agreement(len(scores), nothing, dict.fromkeys(MEASURES, (np.nan, np.nan)), note=reason)
    values, resampled = dict(nothing), {name: np.full(len(counts), np.nan) for name in MEASURES}
    values["srcc"] = sign * statistic(stats.spearmanr, scores, subjective)
    values["krcc"] = sign * statistic(stats.kendalltau, scores, subjective)
    resampled["srcc"] = sign * _chunked(counts, lambda chunk: _spearman(scores, subjective, chunk))
    resampled["krcc"] = sign * _chunked(counts, lambda chunk: _kendall(scores, subjective, chunk))
    curve, note = None, ""
    try:
        curve = fit(scores, subjective)
    except ValueError as error:
        note = str(error)
    else:
        mapped = curve(scores)
        values["plcc"] = statistic(stats.pearsonr, mapped, subjective) if np.ptp(mapped) else np.nan
        values["rmse"] = float(np.sqrt(np.mean((mapped - subjective) ** 2)))
        resampled["plcc"] = _chunked(counts, lambda chunk: _pearson(mapped, subjective, chunk))
        resampled["rmse"] = np.sqrt(counts @ (mapped - subjective) ** 2 / len(scores))
    return Agreement(
        len(scores), values, {k: _interval(v) for k, v in resampled.items()}, curve, note, resampled["srcc"]
    )


def _undefined(scores: Array, subjective: Array) -> str:
    """Why there is no correlation; empty if there is one."""
    if len(scores) < MIN_ROWS:
        return f"there are fewer than {MIN_ROWS} images"
    if np.ptp(scores) == 0:
        return "its scores are all alike"
    return "the subjective scores are all alike" if np.ptp(subjective) == 0 else ""


def compare(agreements: Mapping[str, Agreement]) -> list[Comparison]:
    """Comparisons of all pairs of metrics, whose agreements must come from the same rows and resamples."""
    pairs, p_values = list(combinations(agreements, 2)), []
    for first, second in pairs:
        differences = agreements[first].resampled - agreements[second].resampled
        error = float(np.nanstd(differences, ddof=1)) if len(differences) > 1 else np.nan
        difference = agreements[first].values["srcc"] - agreements[second].values["srcc"]
        p_values.append(float(2 * stats.norm.sf(abs(difference) / error)) if error > 0 else float(difference == 0))
    return [
        Comparison(
            first,
            second,
            agreements[first].values["srcc"] - agreements[second].values["srcc"],
            _interval(agreements[first].resampled - agreements[second].resampled),
            p,
            corrected,
        )
        for (first, second), p, corrected in zip(pairs, p_values, _holm(p_values), strict=True)
    ]


def _holm(p_values: list[float]) -> list[float]:
    """p-values after Holm's step-down correction, as of statsmodels, which would bring pandas with it."""
    corrected, largest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(np.argsort(p_values)):
        largest = max(largest, (len(p_values) - rank) * p_values[place])
        corrected[place] = min(1.0, largest)
    return corrected


def _interval(resampled: Array) -> tuple[float, float]:
    defined = resampled[np.isfinite(resampled)]
    if not len(defined):
        return (np.nan, np.nan)
    low, high = np.quantile(defined, (0.025, 0.975))
    return float(low), float(high)


def _chunked(counts: NDArray[np.float32], compute: Callable[[Array], Array]) -> Array:
    chunks = np.split(counts, range(_CHUNK, len(counts), _CHUNK))
    return np.concatenate([compute(chunk.astype(np.float64)) for chunk in chunks])


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _levels(values: Array, counts: Array) -> tuple[Array, NDArray[np.intp]]:
    """Counts of each distinct value (resamples, levels), in ascending order, and the level of each row."""
    _, level, sizes = np.unique(values, return_inverse=True, return_counts=True)
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    return np.add.reduceat(counts[:, np.argsort(level, kind="stable")], starts, axis=1), level


def _centred_ranks(values: Array, counts: Array) -> Array:
    """Mean rank of each row within each resample, minus the mean of all ranks: (resamples, n)."""
    drawn, level = _levels(values, counts)
    ranks = np.cumsum(drawn, axis=1) - drawn / 2
    return ranks[:, level] - counts.shape[1] / 2


def _spearman(scores: Array, subjective: Array, counts: Array) -> Array:
    x, y = _centred_ranks(scores, counts), _centred_ranks(subjective, counts)
    xx, yy, xy = (np.einsum("rn,rn,rn->r", counts, a, b) for a, b in ((x, x), (y, y), (x, y)))
    return _ratio(xy, np.sqrt(xx * yy))


def _kendall(scores: Array, subjective: Array, counts: Array) -> Array:
    rows = len(scores)
    if rows > _PAIRS:
        resamples = (np.repeat(np.arange(rows), row.astype(int)) for row in counts)
        return np.array([statistic(stats.kendalltau, scores[rows], subjective[rows]) for rows in resamples])
    agree = np.sign(scores[:, None] - scores) * np.sign(subjective[:, None] - subjective)
    total = np.einsum("rn,rn->r", counts @ agree, counts)
    untied = [rows**2 - np.square(_levels(values, counts)[0]).sum(axis=1) for values in (scores, subjective)]
    return _ratio(total, np.sqrt(untied[0] * untied[1]))


def _pearson(x: Array, y: Array, counts: Array) -> Array:
    x, y = ((values - values.mean()) / (values.std() or 1.0) for values in (x, y))
    mean_x, mean_y, xx, yy, xy = (counts @ values / len(x) for values in (x, y, x * x, y * y, x * y))
    spread = [np.where(square - mean**2 < 1e-12, 0, square - mean**2) for square, mean in ((xx, mean_x), (yy, mean_y))]
    return _ratio(xy - mean_x * mean_y, np.sqrt(spread[0] * spread[1]))
