"""`judges=[...]`: scores of the initial image, the result and the frames by further metrics."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import network, settings
from torch import Tensor

from enhance.experiment.run import run
from enhance.images.pictures import load_image
from enhance.images.writing import save_image
from enhance.metrics.loading import load_metric
from enhance.runs.history import read
from enhance.runs.progress import Progress
from enhance.scoring.evaluation_metrics import EvaluationMetrics

QUICK = ("metric=mae", "task=denoise", "size=32", "steps=5", "frames.count=3", "judges=[psnr,ssim,deepjsd,gmsd]")


def test_every_kept_image_is_scored_as_by_task_score(tmp_path: Path, enhance: Callable[..., Any]) -> None:
    save_image(load_image("astronaut")[..., 100:132, 180:212], tmp_path / "fine.png", bits=16)
    assert enhance(*QUICK, "reference=fine.png", "hydra.run.dir=run").code == 0
    folder = tmp_path / "run"
    found = json.loads((folder / "metrics.json").read_text())
    assert list(found["scores"]) == ["psnr", "ssim", "deepjsd", "gmsd"]
    assert found["scores"]["deepjsd"]["backbone"]["name"] == "vgg_compact"
    names = "metrics=[psnr,ssim,deepjsd,gmsd]"
    asked = enhance("task=score", "image=run/result.png", "reference=run/reference.png", names, "format=json")
    scores = {each["metric"]: each["score"] for each in json.loads(asked.out)["scores"]}
    assert found["best"]["scores"] == pytest.approx(scores, rel=1e-4)  # the files have 16 bits
    rows = read(folder / "history.csv")
    kept = {int(file.stem.removeprefix("step_")) for file in (folder / "frames").iterdir()}
    assert {row.step for row in rows if row.scores} == kept
    assert rows[0].scores == pytest.approx(found["initial"]["scores"])
    assert rows[-1].scores == pytest.approx(found["final"]["scores"])
    assert all(math.isfinite(score) for row in rows for score in row.scores.values())


@pytest.mark.draws("report")
def test_the_report_shows_them(tmp_path: Path) -> None:
    run(settings(*QUICK), tmp_path, "a test")
    page = (tmp_path / "report.html").read_text()
    assert "<h2>Evaluation metrics</h2>" in page
    for name in ("psnr", "ssim", "deepjsd", "gmsd"):
        assert page.count(f'data-chart="{name}"') == 1


def test_a_run_that_goes_on_has_the_same_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = settings(*QUICK, "checkpoint=0")
    show = Progress.show

    def full(self: Progress, row: Any) -> None:
        show(self, row)
        if row.step == 3:
            raise OSError(28, "No space left on device")

    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    run(config, tmp_path / "whole", "a test")
    with monkeypatch.context() as patched:
        patched.setattr(Progress, "show", full)
        with pytest.raises(OSError, match="goes on"):
            run(config, tmp_path / "broken", "a test")
    run(config, tmp_path / "broken", "a test", resume=True)
    histories = [read(tmp_path / name / "history.csv") for name in ("whole", "broken")]
    assert [(row.step, row.loss, row.scores) for row in histories[0]] == [
        (row.step, row.loss, row.scores) for row in histories[1]
    ]
    figures = [json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("whole", "broken")]
    for image in ("initial", "best", "final"):
        assert figures[0][image] == figures[1][image]


def test_metrics_of_one_backbone_share_a_pass(images: tuple[Tensor, Tensor]) -> None:
    backbone, passes = network("vgg_compact"), list[int]()
    metrics = {name: load_metric(name, backbone=backbone) for name in ("deepwsd", "deepjsd", "deepskld")}
    image, reference = (each[:1] for each in images)
    evaluation = EvaluationMetrics(metrics, reference)
    handle = backbone.register_forward_hook(lambda *_: passes.append(1))
    try:
        scores = evaluation(image)
    finally:
        handle.remove()
    assert len(passes) == 1
    assert scores == {name: pytest.approx(metric.scores(image, reference).item()) for name, metric in metrics.items()}
    assert evaluation.names == list(metrics)


def test_a_metric_that_cannot_compare_such_images_is_named() -> None:
    with pytest.raises(ValueError, match=r"ms_ssim cannot score these images: .*161"):
        EvaluationMetrics({"ms_ssim": load_metric("ms_ssim")}, load_image("astronaut")[..., :64, :64])


def test_a_run_without_scores_has_neither_columns_nor_figures(tmp_path: Path) -> None:
    run(settings(*QUICK, "judges=[]"), tmp_path, "a test")
    assert "score." not in (tmp_path / "history.csv").read_text()
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["scores"] == {}
    assert "scores" not in found["best"]


def test_a_large_sweep_may_leave_the_figures_for_later(tmp_path: Path) -> None:
    run(settings(*QUICK, "judges=[]", "figures=false"), tmp_path, "a test")
    assert json.loads((tmp_path / "metrics.json").read_text())["status"] == "finished"
    assert not (tmp_path / "report.html").exists()
    assert torch.is_tensor(load_image(tmp_path / "result.png"))
