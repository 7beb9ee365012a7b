"""Correlations, their intervals and comparisons, against scipy's own and against what is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from enhance.evaluation import statistics
from enhance.evaluation.logistic import Array, fit
from enhance.evaluation.statistics import agreement, compare, draw, orientation, statistic


def sample(rows: int, noise: float, seed: int = 0, ties: int | None = None) -> tuple[Array, Array]:
    """Scores, and subjective scores that fall with them along a logistic."""
    generator = np.random.default_rng(seed)
    scores = generator.uniform(0, 1, rows)
    if ties:
        scores = np.round(scores * ties) / ties
    subjective = 6 / (1 + np.exp(9 * (scores - 0.45))) + 1 + generator.normal(0, noise, rows)
    return scores, np.round(subjective, 1) if ties else subjective


def test_values_are_scipys() -> None:
    scores, subjective = sample(200, 0.5, ties=20)
    found = agreement(scores, subjective, -1, draw(200, 5, 0))
    assert found.values["srcc"] == pytest.approx(-statistic(stats.spearmanr, scores, subjective))
    assert found.values["krcc"] == pytest.approx(-statistic(stats.kendalltau, scores, subjective))
    assert found.curve is not None
    assert found.values["plcc"] == pytest.approx(statistic(stats.pearsonr, found.curve(scores), subjective))
    assert found.values["rmse"] == pytest.approx(np.std(found.curve(scores) - subjective))


@pytest.mark.parametrize("pairs_up_to", [0, 10**6])
@settings(max_examples=30, deadline=None)
@example(seed=377, rows=5, ties=3)  # all scores alike
@given(seed=st.integers(0, 1000), rows=st.integers(5, 40), ties=st.sampled_from([None, 3, 10]))
def test_resamples_are_what_scipy_says_of_the_rows_drawn(
    pairs_up_to: int, seed: int, rows: int, ties: int | None
) -> None:
    scores, subjective = sample(rows, 2.0, seed, ties)
    counts = draw(rows, 4, seed).astype(float)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "_PAIRS", pairs_up_to)
        kendall = statistics._kendall(scores, subjective, counts)
    spearman, pearson = (form(scores, subjective, counts) for form in (statistics._spearman, statistics._pearson))
    for place, row in enumerate(counts):
        drawn = np.repeat(np.arange(rows), row.astype(int))
        x, y = scores[drawn], subjective[drawn]
        if min(np.ptp(x), np.ptp(y)) == 0:
            assert np.isnan(spearman[place])
            continue
        assert spearman[place] == pytest.approx(statistic(stats.spearmanr, x, y), abs=1e-9)
        assert kendall[place] == pytest.approx(statistic(stats.kendalltau, x, y), abs=1e-9)
        assert pearson[place] == pytest.approx(statistic(stats.pearsonr, x, y), abs=1e-6)


def test_the_interval_is_as_wide_as_theory_says() -> None:
    generator = np.random.default_rng(1)
    scores, noise = generator.normal(size=(2, 400))
    found = agreement(scores, 0.8 * scores + 0.6 * noise, 1, draw(400, 1000, 0))
    low, high = found.intervals["plcc"]
    half = 1.96 / np.sqrt(400 - 3)  # Fisher's transformation
    assert np.arctanh(high) - np.arctanh(low) == pytest.approx(2 * half, rel=0.15)
    for name in ("srcc", "krcc", "plcc", "rmse"):
        low, high = found.intervals[name]
        assert low < found.values[name] < high


def test_the_same_seed_gives_the_same_interval() -> None:
    scores, subjective = sample(60, 1.0)
    first, again, other = (agreement(scores, subjective, -1, draw(60, 200, seed)).intervals for seed in (3, 3, 4))
    assert first == again != other


def test_a_type_in_which_the_scores_go_the_wrong_way_is_negative() -> None:
    scores, subjective = sample(50, 0.1)
    assert orientation(scores, subjective) == -1
    assert agreement(scores, -subjective, -1, draw(50, 10, 0)).values["srcc"] < -0.9


@pytest.mark.parametrize("rising", [1, -1])
@pytest.mark.parametrize("scale", [1e-6, 1, 1e6])
def test_the_logistic_is_found_again(rising: int, scale: float) -> None:
    scores = np.linspace(0, 1, 80) * scale
    expected = rising * (4 * (0.5 - 1 / (1 + np.exp(12 / scale * (scores - 0.3 * scale)))) + 0.5 * scores / scale) + 3
    curve = fit(scores, expected)
    assert np.abs(curve(scores) - expected).max() < 1e-4
    assert curve.parameters[:3] == pytest.approx((4 * rising, 12 / scale, 0.3 * scale), rel=1e-2)
    assert curve.monotone


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), rows=st.integers(12, 60))
def test_the_logistic_never_does_worse_than_a_line(seed: int, rows: int) -> None:
    scores, subjective = np.random.default_rng(seed).standard_cauchy((2, rows))
    residual = np.square(fit(scores, subjective)(scores) - subjective).sum()
    line = np.polynomial.Polynomial.fit(scores, subjective, 1)(scores)
    assert residual <= np.square(line - subjective).sum() * (1 + 1e-6)


def test_a_curve_may_have_its_centre_beyond_the_scores() -> None:
    scores = np.linspace(0, 1, 80)
    subjective = np.exp(4 * scores)  # the foot of a logistic
    assert np.abs(fit(scores, subjective)(scores) - subjective).max() < 0.002 * subjective.max()


def test_a_curve_that_bends_back_is_called_so() -> None:
    scores = np.linspace(-1, 1, 100)
    assert not fit(scores, np.exp(-8 * scores**2) + scores).monotone


@pytest.mark.parametrize(
    ("scores", "subjective", "note"),
    [
        ([1.0, 2.0], [1.0, 2.0], "fewer than 3"),
        ([1.0] * 20, list(range(20)), "scores are all alike"),
        (list(range(20)), [2.0] * 20, "subjective scores are all alike"),
        ([1.0, 2.0, 3.0] * 5, list(range(15)), "needs 10 different scores"),
    ],
)
def test_what_cannot_be_said_is_not_said(scores: list[float], subjective: list[float], note: str) -> None:
    found = agreement(np.array(scores, float), np.array(subjective, float), 1, draw(len(scores), 20, 0))
    assert note in found.note
    assert np.isnan(found.values["plcc"])
    assert np.isnan(found.intervals["rmse"]).all()


def test_a_better_metric_is_found_better_and_a_copy_is_not() -> None:
    scores, subjective = sample(300, 0.3)
    worse = scores + np.random.default_rng(5).normal(0, 0.3, 300)
    counts = draw(300, 500, 0)
    metrics = {"good": scores, "copy": 2 * scores, "worse": worse}
    found = {name: agreement(values, subjective, -1, counts) for name, values in metrics.items()}
    copy, worse_one, _ = compare(found)
    assert (copy.difference, copy.p, copy.significant) == (0, 1, False)
    assert worse_one.significant
    low, high = worse_one.interval
    assert 0 < low < worse_one.difference < high


def test_holm() -> None:
    assert statistics._holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
