"""The matrix of a sweep: optimised with one measure, evaluated by all, within the same question only."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from helpers import job

from enhance.report.sweep.cross_evaluation import cross_evaluation, ranks
from enhance.report.sweep.jobs import read_sweep
from enhance.report.sweep.summary import summarise

# By task and metric: PSNR of the result, then its scores by the evaluation metrics.
RESULTS = {
    ("jpeg", "mse"): (40.0, {"mse": 0.1, "ssim": 0.8}),
    ("jpeg", "ssim"): (38.0, {"mse": 0.2, "ssim": 0.9}),
    ("jpeg", "vif"): (39.0, {"mse": 0.3, "ssim": 0.7}),
    ("denoise", "mse"): (25.0, {"mse": 0.4, "ssim": 0.6}),
    ("denoise", "ssim"): (22.0, {"mse": 0.4, "ssim": 0.8}),
    ("denoise", "vif"): (28.0, {"mse": 0.6, "ssim": 0.2}),
}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    for number, ((task, metric), (psnr, scores)) in enumerate(RESULTS.items()):
        folder = job(tmp_path, number, [f"task={task}", f"metric={metric}"], psnr)
        metadata = json.loads((folder / "metrics.json").read_text())
        metadata["best"]["scores"] = scores
        metadata |= {"task": task, "metric": {"name": metric}, "reference": "astronaut"}
        metadata["scores"] = {"mse": {"higher_is_better": False}, "ssim": {"higher_is_better": True}}
        (folder / "metrics.json").write_text(json.dumps(metadata))
    return tmp_path


def test_jobs_are_ranked_within_their_question(sweep: Path) -> None:
    found = read_sweep(sweep)
    assert {job.folder.name[0]: rank for job in found.ranked() if (rank := found.ranks()[job.folder])} == {
        "0": 1,
        "1": 3,
        "2": 2,
        "3": 2,
        "4": 3,
        "5": 1,
    }
    assert [job.settings["task"] for job in found.ranked()] == ["jpeg"] * 3 + ["denoise"] * 3
    assert [(job.settings["task"], job.settings["metric"]) for job in found.best] == [
        ("jpeg", "mse"),
        ("denoise", "vif"),
    ]
    assert [(found.asked(job), found.method(job)) for job in found.jobs] == list(RESULTS)


def test_scores_and_ranks_are_means_over_the_questions(sweep: Path) -> None:
    found = cross_evaluation(read_sweep(sweep))
    assert found is not None
    assert (found.metrics, found.questions, found.of) == (["mse", "ssim"], 2, 2)
    lines = {line.method: line for line in found.lines}
    by_mse = {method: line.cells[0] for method, line in lines.items()}
    assert {method: cell.rank for method, cell in by_mse.items()} == {"mse": 1.25, "ssim": 1.75, "vif": 3.0}
    assert by_mse["mse"].score == pytest.approx(0.25)
    assert {method: line.cells[1].rank for method, line in lines.items()} == {"mse": 2.0, "ssim": 1.0, "vif": 3.0}
    assert (lines["mse"].mean, lines["mse"].by_others) == (1.625, 2.0)  # without its own rank
    assert (lines["ssim"].by_others, lines["vif"].by_others) == (1.75, 3.0)
    assert [line.method for line in found.lines] == ["ssim", "mse", "vif"]
    assert [cell.own for cell in lines["ssim"].cells] == [False, True]


def test_a_question_that_not_every_method_answered_does_not_count(sweep: Path) -> None:
    (sweep / "5-recover" / "metrics.json").unlink()
    found = cross_evaluation(read_sweep(sweep))
    assert found is not None
    assert (found.questions, found.of) == (1, 2)
    assert [line.method for line in found.lines] == ["mse", "ssim", "vif"]


def test_a_psnr_that_is_infinite_ranks_first_and_another_null_is_no_score(sweep: Path) -> None:
    for folder in sweep.iterdir():
        metadata = json.loads((folder / "metrics.json").read_text())
        exact = metadata["metric"]["name"] == "vif"
        metadata["best"]["scores"] |= {"psnr": None if exact else 30.0, "ssim": None if exact else 0.5}
        metadata["scores"]["psnr"] = {"higher_is_better": True}
        (folder / "metrics.json").write_text(json.dumps(metadata))
    found = cross_evaluation(read_sweep(sweep))
    assert found is not None
    assert found.metrics == ["mse", "psnr"]
    assert {line.method: line.cells[1].rank for line in found.lines} == {"vif": 1.0, "mse": 2.5, "ssim": 2.5}


def test_the_files(sweep: Path) -> None:
    summarise(sweep)
    with (sweep / "cross_evaluation.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["optimised_with"], row["evaluated_by"]) for row in rows][:2] == [("ssim", "mse"), ("ssim", "ssim")]
    page = (sweep / "summary.html").read_text()
    assert "Optimised with one, evaluated by all" in page
    assert "within each question" in page
    assert 'data-zoom="4"' in page


def test_without_scores_there_is_no_matrix(tmp_path: Path) -> None:
    for number in range(2):
        job(tmp_path, number, [f"metric={number}"], 20.0)
    assert cross_evaluation(read_sweep(tmp_path)) is None
    summarise(tmp_path)
    assert not (tmp_path / "cross_evaluation.csv").exists()
    assert "evaluated by all" not in (tmp_path / "summary.html").read_text()


def test_equal_values_share_their_rank() -> None:
    assert ranks({"a": 0.5, "b": 0.5, "c": 0.1, "d": 0.9}) == {"a": 2.5, "b": 2.5, "c": 1.0, "d": 4.0}
