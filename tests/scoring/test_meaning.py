"""What a score means."""

import math

import pytest

import enhance
from benchmarks.meaning import LEVELS, METRICS, PHOTOGRAPHS, measured
from enhance.scoring import meaning as module
from enhance.scoring.meaning import _crossing, _table, meaning, meaning_of


@pytest.mark.parametrize("metric", METRICS)
def test_the_mean_of_a_level_means_that_level(metric: str) -> None:
    table = _table()
    scores = table["metrics"][metric]["mean"]["jpeg"]
    for quality, score in zip(table["levels"]["jpeg"], scores, strict=True):
        found = meaning(score, metric).jpeg
        assert found.value == pytest.approx(quality)
        assert not found.beyond
        assert found.high <= quality <= found.low  # the stronger end is the lower quality


def test_between_levels_it_is_interpolated_and_beyond_them_it_says_so() -> None:
    scores = _table()["metrics"]["deepjsd"]["mean"]["noise"]
    assert 2 < enhance.meaning((scores[0] + scores[1]) / 2, "deepjsd").noise.value < 5
    assert str(meaning(9.0, "deepjsd").jpeg) == "farther than JPEG quality 5"
    assert str(meaning(1e-3, "deepjsd").noise) == "nearer than Gaussian noise of sigma 2"
    assert str(meaning(60.0, "psnr").jpeg) == "nearer than JPEG quality 95"


def test_a_curve_that_falls_back_is_taken_as_level() -> None:
    assert _crossing(2.5, [1, 2, 1.5, 3], [0, 1, 2, 3]) == (2.5, "")


@pytest.mark.parametrize(("metric", "score"), [("deepwsd", 0.0), ("ssim", 1.0), ("psnr", math.inf)])
def test_equal_images(metric: str, score: float) -> None:
    assert str(meaning(score, metric)) == "as of equal images"


def test_what_has_no_meaning() -> None:
    with pytest.raises(ValueError, match="'lpips'"):
        meaning(0.1, "lpips")
    with pytest.raises(ValueError, match="nan"):
        meaning(math.nan)


def test_the_table_is_of_the_very_metric() -> None:
    about = _table()["metrics"]["deepwsd"]["metric"]
    assert meaning_of({**about, "score": 0.5}) == meaning(0.5)
    for key, other in (("sha256", "0"), ("layout", "spatial"), ("autocast", "bfloat16"), ("backbone", "vgg16")):
        assert meaning_of({**about, key: other, "score": 0.5}) is None
    assert meaning_of({**about, "score": None}) is None
    assert meaning_of({"metric": "lpips", "score": 0.5}) is None


def test_the_table_is_what_the_benchmark_measures() -> None:
    found = measured(["deepjsd", "psnr"], PHOTOGRAPHS, {"jpeg": [50], "blur": [0.7]})
    table = _table()
    for name, row in found.items():
        for kind, (score,) in row["mean"].items():
            level = table["levels"][kind].index({"jpeg": 50, "blur": 0.7}[kind])
            assert score == pytest.approx(table["metrics"][name]["mean"][kind][level], rel=1e-3)
        assert {key: row["metric"].get(key) for key in module._SAME} == {
            key: table["metrics"][name]["metric"].get(key) for key in module._SAME
        }
    assert table["levels"] == {kind: list(levels) for kind, levels in LEVELS.items()}
