"""How well scores agree with opinions, how sure that is, and whether one metric agrees better than another.

SRCC and KRCC (Kendall's tau-b) are of the scores as they are; PLCC and RMSE are of the scores after the logistic, which
is fitted to the same rows. All are oriented: positive means that the scores go with the opinions the way they do over
all rows.

Intervals hold 95 % of the bootstrap's values: rows are drawn anew, with the fitted curve as it is. A resample is a
count for every row, so that all metrics see the same resamples and the arithmetic is that of arrays.
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
FEWEST = 3  # rows; two always agree or disagree wholly
_PAIRS = 1024  # rows up to which Kendall's tau of resamples looks at all pairs at once
_CHUNK = 100  # resamples in memory at once


@dataclass(frozen=True)
class Agreement:
    """Of one metric over some rows; NaN where a value does not exist, with the reason in `note`.

    Attributes:
        count: the number of rows.
        values: by the names in `MEASURES`; rmse in the units of the opinions, with the mean taken over all rows.
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
    """Of two metrics on the same rows.

    Attributes:
        difference: SRCC of the first less SRCC of the second, both oriented.
        interval: of the difference, from the paired bootstrap.
        p: two-sided, from the difference over its bootstrap standard error, taken as normal.
        p_holm: the same after Holm's correction for all pairs that were compared.
    """

    first: str
    second: str
    difference: float
    interval: tuple[float, float]
    p: float
    p_holm: float

    @property
    def significant(self) -> bool:
        """At the level of 0.05, corrected."""
        return self.p_holm < 0.05


def draw(rows: int, resamples: int, seed: int) -> NDArray[np.float32]:
    """Bootstrap counts, (resamples, rows): how often each resample holds each row."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(rows, np.full(rows, 1 / rows), size=resamples).astype(np.float32)


def statistic(test: Callable[..., Any], x: Array, y: Array) -> float:
    """The statistic of one of scipy's tests."""
    return float(test(x, y).statistic)


def orientation(scores: Array, opinions: Array) -> int:
    """1 where scores rise with opinions, -1 where they fall."""
    if np.ptp(scores) == 0 or np.ptp(opinions) == 0:
        return 1
    return -1 if statistic(stats.spearmanr, scores, opinions) < 0 else 1


def agreement(scores: Array, opinions: Array, sign: int, counts: NDArray[np.float32]) -> Agreement:
    """Of scores (n) with opinions (n), oriented by `sign`, with intervals from `counts` (resamples, n)."""
    nothing = dict.fromkeys(MEASURES, np.nan)
    if reason := _useless(scores, opinions):
        return Agreement(len(scores), nothing, dict.fromkeys(MEASURES, (np.nan, np.nan)), note=reason)
    values, resampled = dict(nothing), {name: np.full(len(counts), np.nan) for name in MEASURES}
    values["srcc"] = sign * statistic(stats.spearmanr, scores, opinions)
    values["krcc"] = sign * statistic(stats.kendalltau, scores, opinions)
    resampled["srcc"] = sign * _chunked(counts, lambda chunk: _spearman(scores, opinions, chunk))
    resampled["krcc"] = sign * _chunked(counts, lambda chunk: _kendall(scores, opinions, chunk))
    curve, note = None, ""
    try:
        curve = fit(scores, opinions)
    except ValueError as error:
        note = str(error)
    else:
        mapped = curve(scores)
        values["plcc"] = statistic(stats.pearsonr, mapped, opinions) if np.ptp(mapped) else np.nan
        values["rmse"] = float(np.sqrt(np.mean((mapped - opinions) ** 2)))
        resampled["plcc"] = _chunked(counts, lambda chunk: _pearson(mapped, opinions, chunk))
        resampled["rmse"] = np.sqrt(counts @ (mapped - opinions) ** 2 / len(scores))
    return Agreement(
        len(scores), values, {k: _interval(v) for k, v in resampled.items()}, curve, note, resampled["srcc"]
    )


def _useless(scores: Array, opinions: Array) -> str:
    """Why no correlation can be had, or nothing."""
    if len(scores) < FEWEST:
        return f"there are fewer than {FEWEST} images"
    if np.ptp(scores) == 0:
        return "its scores are all alike"
    return "the opinions are all alike" if np.ptp(opinions) == 0 else ""


def compare(agreements: Mapping[str, Agreement]) -> list[Comparison]:
    """Every pair of metrics whose agreements come from the same rows and resamples."""
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
    corrected, largest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(np.argsort(p_values)):
        largest = max(largest, (len(p_values) - rank) * p_values[place])
        corrected[place] = min(1.0, largest)
    return corrected


def _interval(resampled: Array) -> tuple[float, float]:
    known = resampled[np.isfinite(resampled)]
    if not len(known):
        return (np.nan, np.nan)
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def _chunked(counts: NDArray[np.float32], compute: Callable[[Array], Array]) -> Array:
    chunks = np.split(counts, range(_CHUNK, len(counts), _CHUNK))
    return np.concatenate([compute(chunk.astype(np.float64)) for chunk in chunks])


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _levels(values: Array, counts: Array) -> tuple[Array, NDArray[np.intp]]:
    """How many drawn rows have each different value, (resamples, levels), lowest first, and the level of each row."""
    _, level, sizes = np.unique(values, return_inverse=True, return_counts=True)
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    return np.add.reduceat(counts[:, np.argsort(level, kind="stable")], starts, axis=1), level


def _centred_ranks(values: Array, counts: Array) -> Array:
    """Mean rank of each row within each resample, less the mean of all ranks, (resamples, n)."""
    drawn, level = _levels(values, counts)
    ranks = np.cumsum(drawn, axis=1) - drawn / 2
    return ranks[:, level] - counts.shape[1] / 2


def _spearman(scores: Array, opinions: Array, counts: Array) -> Array:
    x, y = _centred_ranks(scores, counts), _centred_ranks(opinions, counts)
    xx, yy, xy = (np.einsum("rn,rn,rn->r", counts, a, b) for a, b in ((x, x), (y, y), (x, y)))
    return _ratio(xy, np.sqrt(xx * yy))


def _kendall(scores: Array, opinions: Array, counts: Array) -> Array:
    rows = len(scores)
    if rows > _PAIRS:
        resamples = (np.repeat(np.arange(rows), row.astype(int)) for row in counts)
        return np.array([statistic(stats.kendalltau, scores[rows], opinions[rows]) for rows in resamples])
    agree = np.sign(scores[:, None] - scores) * np.sign(opinions[:, None] - opinions)
    total = np.einsum("rn,rn->r", counts @ agree, counts)
    untied = [rows**2 - np.square(_levels(values, counts)[0]).sum(axis=1) for values in (scores, opinions)]
    return _ratio(total, np.sqrt(untied[0] * untied[1]))


def _pearson(x: Array, y: Array, counts: Array) -> Array:
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    mean_x, mean_y, xx, yy, xy = (counts @ values / len(x) for values in (x, y, x * x, y * y, x * y))
    spread = [np.where(square - mean**2 < 1e-12, 0, square - mean**2) for square, mean in ((xx, mean_x), (yy, mean_y))]
    return _ratio(xy - mean_x * mean_y, np.sqrt(spread[0] * spread[1]))
