"""Runs from different noise whose results are as far from the reference, and far from each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from helpers import job

from enhance.images.writing import save_image
from enhance.report.sweep.jobs import read_sweep
from enhance.report.sweep.metamers import metamers
from enhance.report.sweep.summary import summarise


def begun(sweep: Path, number: int, seed: int, metric: str, level: float, start: str = "noise") -> None:
    folder = job(sweep, number, [f"seed={seed}", f"metric={metric}"], 20.0)
    metadata = json.loads((folder / "metrics.json").read_text()) | {"start": start, "seed": seed}
    metadata["best"]["loss"] = 0.01 + 0.001 * seed
    metadata["stopping"] = {"loss": 0.01, "score": None} if metric != "mae" else {"loss": None, "score": None}
    if metric == "mse":
        metadata["stop_reason"] = "loss 0.01 is at the target 0.01"
    (folder / "metrics.json").write_text(json.dumps(metadata))
    image = torch.full((1, 3, 16, 16), 0.2)
    image[..., :8] = level
    for name in ("result", "reference"):
        save_image(image, folder / f"{name}.png")


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    for number, (seed, metric) in enumerate((seed, metric) for metric in ("mse", "ssim") for seed in (0, 1)):
        begun(tmp_path, number, seed, metric, 0.2 + 0.4 * seed * (metric == "ssim"))
    return tmp_path


def test_results_of_several_seeds_are_compared(sweep: Path) -> None:
    same, different = metamers(read_sweep(sweep))
    assert (same.label, different.label) == ("mse", "ssim")
    assert same.apart == float("inf")
    assert different.losses == (0.01, pytest.approx(0.011))
    assert different.apart == pytest.approx(10.97, abs=0.02)  # half of the pixels differ by 102 of 255
    assert different.most == pytest.approx(51)
    lit = different.deviation.convert("L")
    assert lit.getpixel((2, 8)) > lit.getpixel((12, 8))  # type: ignore[operator]


def test_a_result_that_is_damaged_is_left_out(sweep: Path) -> None:
    (sweep / "2-recover" / "result.png").write_bytes(b"no picture")
    assert [found.label for found in metamers(read_sweep(sweep))] == ["mse"]
    summarise(sweep)
    assert (sweep / "summary.html").is_file()


def test_the_page_shows_them(sweep: Path) -> None:
    summarise(sweep)
    page = (sweep / "summary.html").read_text()
    assert "Different images at the same distance" in page
    assert "ended at 0.01 to 0.011" in page
    assert page.count("the measure does not see") == 1
    assert page.count("2 of 2 ended before a target") == 1


def test_without_a_target_the_page_names_the_setting(tmp_path: Path) -> None:
    for seed in (0, 1):
        begun(tmp_path, seed, seed, "mae", 0.3)
    summarise(tmp_path)
    page = (tmp_path / "summary.html").read_text()
    assert "No target was set" in page
    assert "ended before a target" not in page


def test_runs_that_did_not_begin_with_noise_are_none(tmp_path: Path) -> None:
    for seed in (0, 1):
        begun(tmp_path, seed, seed, "mse", 0.3, start="gaussian_noise (sigma 50)")
    assert metamers(read_sweep(tmp_path)) == []
    summarise(tmp_path)
    assert "same distance" not in (tmp_path / "summary.html").read_text()


def test_one_seed_is_compared_with_nothing(tmp_path: Path) -> None:
    begun(tmp_path, 0, 0, "mse", 0.3)
    begun(tmp_path, 1, 1, "ssim", 0.3)
    assert metamers(read_sweep(tmp_path)) == []
