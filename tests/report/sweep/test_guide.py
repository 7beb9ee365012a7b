"""`task=guide`: which measure? A page whose sentences and numbers come from a sweep's files."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import job

from enhance.backbones.trunk import load_trunk
from enhance.images.writing import save_image
from enhance.report.sweep.commands import guide_command, scores_command, sweep_command
from enhance.report.sweep.guide import guide, with_scores
from enhance.report.sweep.jobs import joined, read_sweep
from enhance.runs.sweep import COMMAND

# Scores by MSE and by SSIM of the results, and their PSNR, of each measure in each task.
RESULTS = {
    ("recover", "mse"): (0.1, 0.9, 30.0),
    ("recover", "ssim"): (0.2, 0.8, 25.0),
    ("jpeg", "mse"): (0.2, 0.7, 33.0),
    ("jpeg", "ssim"): (0.1, 0.8, 20.2),
}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    for number, ((task, metric), (by_mse, by_ssim, psnr)) in enumerate(RESULTS.items()):
        made = job(folder, number, [f"task={task}", f"metric={metric}", "reference=coffee"], psnr)
        metadata = json.loads((made / "metrics.json").read_text())
        metadata["best"]["scores"] = {"mse": by_mse, "ssim": by_ssim, "psnr": psnr}
        metadata["scores"] = {name: {"higher_is_better": name != "mse"} for name in ("mse", "ssim", "psnr")}
        metadata |= {"task": task, "metric": {"name": metric}, "reference": "coffee", "start": "white", "steps": 30}
        metadata |= {"width": 120, "height": 96}
        metadata |= {"initial": {"psnr": 20.0}, "optimizer": {"learning_rate": 0.01 * (1 + number % 2)}}
        (made / "metrics.json").write_text(json.dumps(metadata))
    (folder / COMMAND).write_text(json.dumps({"overrides": ["recipes=guide", "metric=mse,ssim"]}))
    return folder


def test_the_page_says_what_the_files_say(sweep: Path) -> None:
    text = guide(read_sweep(sweep), [], "guide.jpg")
    assert "2 measures as objectives, 3 as evaluation metrics: 4 runs" in text
    assert "by one measure alone, in 30 steps each." in text
    assert "the shorter side 96 pixels" in text
    assert "over the 2 pairs of task" in text
    assert "| MSE | _1.5_ | 1.5 | 1.0 | **1.25** |" in text
    assert "| SSIM | 1.5 | _1.5_ | 2.0 | **1.75** |" in text
    assert "| MSE | 1.0 | 1.5 | 30.00 | 33.00 |" in text
    assert "In jpeg the PSNR did not rise by 0.5 dB, on the mean, with SSIM." in text
    assert "In recover the PSNR" not in text
    assert "![The results of 2 measures, a line for each task](guide.jpg)" in text
    assert "it flatters MSE there" in text
    assert "Deep measures" not in text  # there are none


def test_a_metric_that_prefers_another_measure_is_named(sweep: Path) -> None:
    file = sweep / "2-recover" / "metrics.json"
    metadata = json.loads(file.read_text())
    metadata["best"]["scores"]["ssim"] = 0.95
    file.write_text(json.dumps(metadata))
    text = guide(read_sweep(sweep))
    assert "SSIM (2.0) prefers the images optimised with MSE to those optimised with itself" in text


def test_the_search_has_the_lowest_loss_in_bold(sweep: Path) -> None:
    text = guide(read_sweep(sweep), [read_sweep(sweep)])
    assert "| recover: loss at rate | 0.01 | 0.02 |" in text
    assert "| MSE | **0.03333** |  |" in text
    assert "No search was made" not in text


def test_tasks_without_a_search_are_named(sweep: Path) -> None:
    search = read_sweep(sweep)
    search = replace(search, jobs=[job for job in search.jobs if job.metadata["task"] == "recover"])
    assert "No search was made in jpeg: the rates there are those that the recipe gives." in guide(
        read_sweep(sweep), [search]
    )


def test_further_metrics_come_from_a_table_of_scores(sweep: Path, tmp_path: Path) -> None:
    table = tmp_path / "scores.csv"
    rows = "".join(f"{sweep}/r.png,{sweep}/{number}-recover/result.png,{number / 10}\n" for number in range(4))
    table.write_text(f"reference,image,deepjsd-vgg16\n{rows}")
    text = guide(with_scores(read_sweep(sweep), [table]))
    assert "DeepJSD in vgg16" in text
    assert "| MSE | _1.5_ | 1.5 | 1.0 | 1.0 |" in text
    table.write_text("reference,image,deepjsd-vgg16\na.png,b.png,0.1\n")
    with pytest.raises(ValueError, match="no scores of the results"):
        with_scores(read_sweep(sweep), [table])
    table.write_text(f"reference,image,ssim\n{sweep}/r.png,{sweep}/0-recover/result.png,0.1\n")
    with pytest.raises(ValueError, match="ssim is one of the judges= of the runs already"):
        with_scores(read_sweep(sweep), [table])


def test_the_command(sweep: Path, enhance: Callable[..., Any], tmp_path: Path) -> None:
    ended = enhance("task=guide", f"sweep={sweep}", "output=page.md")
    assert ended.code == 0, ended.err
    commands = [sweep_command(sweep), guide_command([sweep], [], [], Path("page.md"))]
    assert commands[0] == f"python -m enhance -m recipes=guide metric=mse,ssim hydra.sweep.dir={sweep}"
    assert (tmp_path / "page.md").read_text() == guide(read_sweep(sweep), [], "page.jpg", commands)
    assert (tmp_path / "page.jpg").is_file()
    assert enhance("task=guide", f"sweep={sweep}", "output=page.html").code == 2


def test_a_sweep_without_scores_has_no_guide(tmp_path: Path) -> None:
    job(tmp_path, 0, ["metric=mse"], 20.0)
    with pytest.raises(ValueError, match="recipes=guide"):
        guide(read_sweep(tmp_path))


def test_measures_with_a_sweep_of_their_own_stand_in_the_same_table(sweep: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(sweep, other)
    for folder in (each for each in other.iterdir() if each.is_dir()):
        overrides = folder / "hydra" / "overrides.yaml"
        overrides.write_text(overrides.read_text().replace("metric=", "metric=deep") + "- metric.weights=a.pth\n")
    sweeps = [read_sweep(sweep), read_sweep(other)]
    text = guide(joined(sweeps))
    assert "4 measures as objectives, 3 as evaluation metrics: 8 runs" in text
    assert "| deepssim |" in text
    with pytest.raises(ValueError, match="answer the same question with mse"):
        joined([sweeps[0], sweeps[0], sweeps[1]])


def test_each_sweep_has_a_table_of_scores(sweep: Path, enhance: Callable[..., Any]) -> None:
    ended = enhance("task=guide", f"sweep=[{sweep}]", "scores=[a.csv,b.csv]")
    assert ended.code == 2
    assert "scores= names 2 and sweep= 1" in ended.err


def test_the_command_of_a_table_of_scores_is_read_from_its_document(
    sweep: Path, enhance: Callable[..., Any], tmp_path: Path
) -> None:
    for folder in (each for each in sweep.iterdir() if each.is_dir()):
        save_image(torch.full((1, 3, 16, 16), 0.5), folder / "reference.png")
    weights = tmp_path / "vgg.pth"
    torch.save(load_trunk("vgg16", "untrained")[0].state_dict(), weights)
    network = ["backbone=vgg16", f"backbone.weights={weights}", f"metric.weights={weights}"]
    given = ["task=score", f"pairs={sweep}", "metrics=[lpips_vgg,deepjsd@vgg16,haarpsi]", *network]
    ended = enhance(*given, "output=scores.csv")
    assert ended.code == 0, ended.err
    command = scores_command(Path("scores.csv"), sweep)
    assert sorted(shlex.split(command)) == sorted(["python", "-m", "enhance", *given, "output=scores.csv"])
    assert enhance("task=guide", f"sweep={sweep}", "scores=scores.csv").code == 0
    page = (tmp_path / "guide.md").read_text()
    assert command in page
    assert "DeepJSD in vgg16" in page
    assert "The networks of LPIPS (VGG16) have the weights of vgg.pth:" in page
