"""From the authors' per-image scores come the correlations that others computed; skipped where they are absent."""

from __future__ import annotations

from functools import cache

import golden
import pytest

from enhance.evaluation.correlations import ALL, Evaluation, evaluate
from enhance.evaluation.subjective_scores import complete, read

FOLDER = golden.SHARED / "reference" / "published_scores"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the published per-image scores are not here")

SRCC = {
    "csiq": {"deepwsd": 0.9646, "deepjsd": 0.9670, "deepskld": 0.9683},
    "tid2013": {"deepwsd": 0.8806, "deepjsd": 0.8790, "deepskld": 0.8783},
    "kadid10k": {"deepwsd": 0.9016, "deepjsd": 0.8935, "deepskld": 0.8963},
}
IMAGES = {"csiq": 750, "tid2013": 3000, "kadid10k": 10125}


@cache
def evaluated(dataset: str) -> Evaluation:
    return evaluate(complete(read(FOLDER / f"{dataset}.csv"), [f"{name}_vgg19" for name in SRCC[dataset]]), 100, 0)


@pytest.mark.parametrize("dataset", ["csiq", "tid2013", pytest.param("kadid10k", marks=pytest.mark.slow)])
def test_srcc_to_four_digits(dataset: str) -> None:
    found = evaluated(dataset)
    assert len(found.data.images) == IMAGES[dataset]
    assert not found.data.notes
    for measure, expected in SRCC[dataset].items():
        one = found.agreements[f"{measure}_vgg19"][ALL]
        assert round(one.values["srcc"], 4) == expected
        low, high = one.intervals["srcc"]
        assert low < expected < high
        assert found.directions[f"{measure}_vgg19"] == ("rises" if dataset == "csiq" else "falls")


@pytest.mark.slow
def test_the_first_score_of_zero_changes_next_to_nothing() -> None:
    rows = read(FOLDER / "kadid10k.csv")
    columns = {measure: f"{measure}_vgg19" for measure in SRCC["kadid10k"]}
    assert all(float(rows[0][column]) == 0 for column in columns.values())
    found = evaluate(complete(rows[1:], list(columns.values())), 100, 0)
    for column in columns.values():
        whole = evaluated("kadid10k").agreements[column][ALL].values["srcc"]
        assert found.agreements[column][ALL].values["srcc"] == pytest.approx(whole, abs=5e-5)
