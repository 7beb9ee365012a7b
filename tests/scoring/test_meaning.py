"""What a score means."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import enhance
from benchmarks.meaning import METRICS
from enhance.cli.commands import meaning as meaning_command
from enhance.cli.commands import score as score_command
from enhance.cli.overrides import tool_settings
from enhance.scoring import degraded, meaning_tables
from enhance.scoring.meaning import _crossing, meaning, meaning_of
from enhance.scoring.meaning_tables import Table, measure, shipped, table_of
from enhance.scoring.scorers import Scorer


def table(name: str) -> Table:
    found = shipped(name)
    assert found is not None
    return found


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of kept tables, and few images for each."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(degraded, "LEVELS", {"jpeg": (90, 50, 10), "noise": (5, 50), "blur": (0.5, 4)})
    return tmp_path / "hub" / "enhance"


def half_error(image: Tensor, reference: Tensor) -> Tensor:
    return (image - reference).abs().mean((1, 2, 3)) / 2


def own(function: Callable[[Tensor, Tensor], Tensor] = half_error, **settings: Any) -> Scorer:
    return Scorer("own", enhance.as_metric(function, name="own", **settings))


@pytest.mark.parametrize("metric", METRICS)
def test_the_mean_of_a_level_means_that_level(metric: str) -> None:
    known = table(metric)
    for quality, score in zip(known.levels["jpeg"], known.mean["jpeg"], strict=True):
        found = meaning(score, metric).jpeg
        assert found.value == pytest.approx(quality)
        assert not found.beyond
        assert found.high <= quality <= found.low  # the stronger end is the lower quality


def test_between_levels_it_is_interpolated_and_beyond_them_it_says_so() -> None:
    scores = table("deepjsd").mean["noise"]
    assert 2 < enhance.meaning((scores[0] + scores[1]) / 2, "deepjsd").noise.value < 5
    assert str(meaning(9.0, "deepjsd").jpeg) == "farther than JPEG quality 5"
    assert str(meaning(1e-3, "deepjsd").noise) == "nearer than Gaussian noise of sigma 2 of 255"
    assert str(meaning(60.0, "psnr").jpeg) == "nearer than JPEG quality 95"


def test_a_curve_that_falls_back_is_taken_as_level() -> None:
    assert _crossing(2.5, [1, 2, 1.5, 3], [0, 1, 2, 3]) == (2.5, "")


@pytest.mark.parametrize(("metric", "score"), [("deepwsd", 0.0), ("ssim", 1.0), ("psnr", math.inf)])
def test_equal_images(metric: str, score: float) -> None:
    assert str(meaning(score, metric)) == "as of equal images"


def test_what_has_no_meaning() -> None:
    with pytest.raises(ValueError, match="'lpisp'; did you mean 'lpips'"):
        meaning(0.1, "lpisp")
    with pytest.raises(ValueError, match="nan"):
        meaning(math.nan)


def test_the_shipped_table_is_of_the_very_metric(cache: Path) -> None:
    def found(**settings: Any) -> Table | None:
        return table_of(Scorer("deepwsd", enhance.DeepWSD(**settings)))

    assert found() == found(kernel="torch") == table("deepwsd")
    assert meaning_of(Scorer("deepwsd", enhance.DeepWSD()), 0.5) == meaning(0.5)
    for settings in (
        {"layout": "spatial"},
        {"prefilter": False},
        {"autocast": torch.bfloat16},
        {"weights": "untrained"},
    ):
        assert found(**settings) is None
    assert meaning_of(Scorer("vif", enhance.load_metric("vif", sigma_n_sq=1.0)), 0.5) is None


def test_the_shipped_table_is_what_the_benchmark_measures() -> None:
    metrics = [Scorer(name, enhance.load_metric(name)) for name in ("deepjsd", "psnr")]
    found = degraded.measured(metrics, {"jpeg": [50], "blur": [0.7]})
    for name, row in found.items():
        for kind, (score,) in row["mean"].items():
            level = table(name).levels[kind].index({"jpeg": 50, "blur": 0.7}[kind])
            assert score == pytest.approx(table(name).mean[kind][level], rel=1e-3)
        assert table_of(metrics[list(found).index(name)]) == table(name)
    assert table("psnr").levels == {kind: list(levels) for kind, levels in degraded.LEVELS.items()}


def test_a_table_is_measured_once_and_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metric = own().metric
    found = meaning(measure(own()).mean["jpeg"][1], metric)
    assert found.jpeg.value == pytest.approx(50)
    assert meaning(0.0, metric).equal
    (file,) = cache.glob("*.json")
    monkeypatch.setattr(meaning_tables, "measure", lambda scorer: pytest.fail("it was kept"))
    assert meaning(found.score, metric) == found
    file.write_text("{}")
    assert table_of(own()) is None


def test_a_kept_table_is_of_the_very_function(cache: Path) -> None:
    meaning(0.1, own().metric)
    assert table_of(own()) is not None
    assert table_of(own(lambda image, reference: 2 * half_error(image, reference))) is None  # of the same name
    assert table_of(own(range=(0, 255))) is None
    assert table_of(own(higher_is_better=True, best=0)) is None


def test_a_similarity_of_decibels_is_kept(cache: Path) -> None:
    def decibels(image: Tensor, reference: Tensor) -> Tensor:
        return -20 * half_error(image, reference).log10()

    settings: dict[str, Any] = {"higher_is_better": True, "best": math.inf}
    for _ in "measured", "kept":
        found = meaning(math.inf, own(decibels, **settings).metric)
        assert found.equal
        assert found.jpeg.beyond == "weaker"


def test_a_folder_that_cannot_be_written_costs_the_table_and_not_the_meaning(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.parent.parent.joinpath("hub").write_text("a file where a folder should be")
    with pytest.warns(UserWarning, match="The table of own is measured anew each time: .*hub"):
        assert meaning(0.0, own().metric).equal


def test_a_metric_without_finite_scores_has_no_table(cache: Path) -> None:
    with pytest.raises(ValueError, match="own is nan for astronaut with jpeg 90; a table needs finite scores"):
        meaning(0.1, own(lambda image, reference: half_error(image, reference) * math.nan).metric)
    assert not cache.exists()


def test_the_command_measures_and_task_score_uses_it(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    enhance.save_image(enhance.degrade(enhance.load_image("astronaut"), "jpeg", quality=30, subsampling=2), "a.png")
    metric = ["metric=module", "metric.target=torch.nn.L1Loss"]

    def score() -> int:
        return score_command.run(tool_settings("score", ["reference=astronaut", "image=a.png", *metric]))

    def means() -> int:
        return meaning_command.run(tool_settings("meaning", metric))

    assert score() == 0
    assert "note: no table says what a score of L1Loss means; task=meaning" in capsys.readouterr().err
    assert means() == 0
    shown = capsys.readouterr()
    assert "JPEG quality 50" in shown.out
    assert f"L1Loss: measured on {degraded.images()} images and kept, {cache}" in shown.err
    assert score() == 0
    assert "about as far as JPEG quality" in capsys.readouterr().out
    assert means() == 0
    assert "measured" not in capsys.readouterr().err
