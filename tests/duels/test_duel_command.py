"""`task=duel`: four images, their scores, figures and a page."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from enhance.images.pictures import load_image
from enhance.metrics.registry import load_metric

Command = Callable[..., Any]
QUICK = ("task=duel", "size=32", "steps=4", "degradation.sigma=30")
FOUR = ("best-A", "worst-A", "best-B", "worst-B")


def test_four_images_and_their_scores(enhance: Command, tmp_path: Path) -> None:
    ended = enhance(*QUICK, "metric=ssim", "against=mse", "judges=[psnr,mae]")
    assert ended.code == 0, ended.err
    folder = tmp_path / "duels" / "ssim-mse"
    names = {file.name for file in folder.iterdir()}
    assert {"duel.html", "duel.png", "duel.pdf", "duel-curves.png", "reference.png"} <= names
    document = json.loads((folder / "duel.json").read_text())
    reference = load_image(folder / "reference.png")
    for image in ("initial", *FOUR):
        scores = document["scores"][image]
        assert set(scores) == {"ssim", "mse", "psnr", "mae"}
        found = load_metric("ssim").scores(load_image(folder / f"{image}.png"), reference).item()
        assert scores["ssim"] == pytest.approx(found, abs=1e-3)  # the reference is reduced, and its file has 8 bits
    assert document["gaps"]["ssim"] > 0 > document["gaps"]["mse"]
    for name in FOUR:
        held = "mse" if name.endswith("A") else "ssim"
        level = document["scores"]["initial"][held]
        assert document["scores"][name][held] == pytest.approx(level, rel=0.02)
        assert document["images"][name]["largest_deviation"] <= 0.01
    with (folder / "duel.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [name for name in FOUR for _ in range(5)]
    page = (folder / "duel.html").read_text()
    assert page.count("data:image/png") == 13
    assert "best SSIM at equal MSE" in ended.out


def test_a_metric_against_itself_says_so(enhance: Command) -> None:
    ended = enhance(*QUICK, "metric=mse", "against=mse", "judges=[]")
    assert ended.code == 0, ended.err
    assert "ended at step 0, since the gradients of the two metrics are parallel" in ended.out


def test_two_networks_of_one_measure(enhance: Command, tmp_path: Path) -> None:
    untrained = ("backbone=squeezenet", "backbone.weights=untrained")
    ended = enhance(*QUICK, "steps=1", "metric=deepjsd", "against=deepjsd@vgg_compact", "judges=mse", *untrained)
    assert ended.code == 0, ended.err
    document = json.loads((tmp_path / "duels" / "deepjsd-deepjsd-vgg_compact" / "duel.json").read_text())
    assert set(document["scores"]["initial"]) == {"deepjsd", "deepjsd@vgg_compact", "mse"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "needs against="),
        (["against=mes"], "did you mean 'mse'"),
        (["against=mse@vgg16"], "uses no backbone"),
        (["against=mse", "judges=[psnrr]"], "did you mean 'psnr'"),
        (["against=mse", "steps=0"], "at least 1"),
        (["against=mse", "learning_rate=0"], "positive"),
        (["against=mse", "degradation=none"], "needs a degradation"),
        (["against=mse", "initial=nothing.png"], "There is no file nothing.png"),
        (["against=mse", "initial=astronaut"], "no level to be held"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    arguments: list[str], sentence: str, enhance: Command, tmp_path: Path
) -> None:
    ended = enhance(*QUICK, *arguments)
    assert ended.code == 2, ended
    assert sentence in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert not (tmp_path / "duels").exists()
