"""`task=duel`: four images, each a run of its own, and what compares them."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import settings
from PIL import Image

from enhance.experiment import duel as duels
from enhance.experiment.run import run
from enhance.images.pictures import load_image
from enhance.metrics.loading import load_metric
from enhance.report.duel.data import DuelData
from enhance.report.duel.drawing import comparison
from enhance.report.figures import curves
from enhance.report.html import report
from enhance.report.render import render
from enhance.report.run_data import RunData
from enhance.runs.history import read
from enhance.runs.layout import read_metrics
from enhance.runs.progress import Progress

Command = Callable[..., Any]
FOUR = ("best-A", "worst-A", "best-B", "worst-B")
QUICK = ("task=duel", "size=32", "steps=6", "frames.count=4", "degradation.sigma=30")


def duel(folder: Path, *arguments: str, resume: bool = False) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    run(settings(*QUICK, *arguments), folder, "a test", resume)
    return json.loads((folder / "metrics.json").read_text())


def test_each_image_has_one_optimisation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, build = [], duels.DuelOptimization.__init__

    def counted(self: duels.DuelOptimization, setup: Any, pair: Any, side: duels.Side) -> None:
        made.append(side.name)
        build(self, setup, pair, side)

    monkeypatch.setattr(duels.DuelOptimization, "__init__", counted)
    duel(tmp_path / "duel", "metric=mae", "against=mse", "steps=1")
    assert made == list(FOUR)


@pytest.mark.draws("duel_curves", "duel_report")
def test_four_images_and_what_compares_them(tmp_path: Path) -> None:
    found = duel(tmp_path / "duel", "metric=ssim", "against=mse", "judges=[psnr,mae]")
    folder = tmp_path / "duel"
    assert found["status"] == "finished"
    reference = load_image(folder / "reference.png")
    for name in FOUR:
        figures, fixed = found["images"][name], "mse" if name.endswith("A") else "ssim"
        image = load_image(folder / f"{name}.png")
        assert list(figures["scores"]) == ["ssim", "mse", "psnr", "mae"]
        for metric in ("ssim", "mse"):
            score = load_metric(metric).scores(image, reference).item()
            assert figures["scores"][metric] == pytest.approx(score, abs=2e-3)  # files have 8 bits
        frames = sorted((folder / name / "frames").iterdir())
        assert len(frames) == 4
        level = found["initial"]["losses"][fixed]
        for frame in frames:
            assert load_metric(fixed).losses(load_image(frame), reference).item() == pytest.approx(level, rel=0.01)
        rows = read(folder / name / "history.csv")
        assert [row.step for row in rows] == list(range(7))
        assert max(abs(row.terms[fixed] / level - 1) for row in rows) == pytest.approx(figures["largest_deviation"])
        assert {"progress.gif", "report.html", "metrics.json"} <= {file.name for file in (folder / name).iterdir()}
    assert found["largest_deviation"] <= 0.01
    assert found["gaps"]["ssim"] > 0 > found["gaps"]["mse"]
    page = (folder / "report.html").read_text()
    assert page.count("best SSIM at equal MSE") >= 3
    assert "worst-B/report.html" in page
    assert render(folder) == ()
    assert (folder / "report.html").read_text() == page
    worst = RunData.read(folder / "worst-A")  # a loss below zero, and a term that has no share in it
    assert max(row.loss for row in worst.rows) < 0
    curves(worst)
    report(worst)
    assert "worst SSIM at equal MSE" in (folder / "worst-A" / "report.html").read_text()
    assert "hydra/config.yaml is missing" in " ".join(worst.missing)
    (folder / "hydra").mkdir()
    (folder / "hydra" / "config.yaml").write_text("task: duel")  # the command leaves one for all four
    worst = RunData.read(folder / "worst-A")
    assert (worst.configuration, worst.missing) == ("task: duel", ())
    comparison(DuelData.read(folder))
    for drawn in (folder / "comparison.png", folder / "worst-A" / "curves.png"):
        with Image.open(drawn) as figure:
            assert figure.width > 200


def test_a_duel_that_was_cut_off_goes_on_to_the_same_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("metric=ssim", "against=mae", "checkpoint=0", "judges=[psnr]")
    whole = duel(tmp_path / "whole", *arguments)
    show, shown = Progress.show, []

    def full(self: Progress, row: Any) -> None:
        show(self, row)
        shown.append(row)
        if len(shown) == 11:  # within the second of the four
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "show", full)
        with pytest.raises(OSError, match=r"resume=\S+broken goes on"):
            duel(tmp_path / "broken", *arguments)
    assert (tmp_path / "broken" / "worst-A" / "checkpoint.pt").is_file()
    resumed = duel(tmp_path / "broken", *arguments, resume=True)
    assert resumed["initial"] == whole["initial"]
    for name in FOUR:
        assert (tmp_path / "broken" / f"{name}.png").read_bytes() == (tmp_path / "whole" / f"{name}.png").read_bytes()
        times = {"seconds": None}
        assert resumed["images"][name] | times == whole["images"][name] | times


def test_ctrl_c_names_the_folder_that_goes_on(
    enhance: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = Progress.show

    def interrupting(self: Progress, row: Any) -> None:
        show(self, row)
        if row.step == 2:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "show", interrupting)
        ended = enhance(*QUICK, "metric=ssim", "against=mse", "figures=false", "hydra.run.dir=there")
    assert ended.code == 130
    assert ended.err.rstrip().endswith(f"To go on: python -m enhance resume={tmp_path / 'there'}")
    assert read_metrics(tmp_path / "there")["status"] == "interrupted"
    assert enhance("resume=there").code == 0
    assert all((tmp_path / "there" / f"{name}.png").is_file() for name in FOUR)


def test_a_metric_against_itself_has_no_gap(tmp_path: Path) -> None:
    found = duel(tmp_path / "duel", "metric=mse", "against=mse")
    assert set(found["gaps"].values()) == {0.0}
    for figures in found["images"].values():
        assert figures["step"] == 0
        assert "parallel" in figures["stop_reason"]


def test_two_networks_of_one_measure(tmp_path: Path) -> None:
    untrained = ("backbone=squeezenet", "backbone.weights=untrained")
    found = duel(tmp_path / "duel", "steps=1", "metric=deepjsd", "against=deepjsd@vgg_compact", *untrained)
    assert list(found["gaps"]) == ["deepjsd", "deepjsd@vgg_compact"]
    networks = {name: metric["backbone"]["name"] for name, metric in found["duel"]["pair"].items()}
    assert networks == {"deepjsd": "squeezenet1_0", "deepjsd@vgg_compact": "vgg_compact"}


def test_the_command_and_a_second_one_in_its_folder(enhance: Command, tmp_path: Path) -> None:
    there = "hydra.run.dir=there"
    ended = enhance(*QUICK, "metric=ssim", "against=mse", "steps=1", there)
    assert ended.code == 0, ended.err
    assert "best SSIM at equal MSE: SSIM 0." in ended.out
    assert "stay within 0" in ended.out
    assert enhance(*QUICK, "metric=ssim", "against=mse", there).code == 2
    assert "nothing to resume" in enhance("resume=there").out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "needs against="),
        (["against=mes"], "did you mean 'mse'"),
        (["against=mse@vgg16"], "uses no backbone"),
        (["against=mse", "judges=[psnrr]"], "did you mean 'psnr'"),
        (["against=mse", "judges=[psnr,psnr]"], "psnr twice"),
        (["against=mse", "judges=psnr"], "judges=[psnr]"),
        (["against=mse", "judges=[ms_ssim]"], "cannot score these images"),
        (["against=mse", "coarse=true"], "leave coarse out"),
        (["against=mse", "terms.mae=1"], "leave terms out"),
        (["against=mse", "parametrization=pyramid"], "moves pixels"),
        (["against=mse", "degradation.sigma=0", "initial=astronaut"], "cannot be kept fixed"),
        (["against=mse", "task=denoise"], "goes with task=duel"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(arguments: list[str], sentence: str, enhance: Command) -> None:
    ended = enhance(*QUICK, "metric=ssim", *arguments)
    assert ended.code == 2, ended
    assert sentence in ended.err
    assert len(ended.err.strip().splitlines()) == 1
