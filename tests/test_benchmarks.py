"""The benchmarks run in small, and answer a mistake in one line."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import Image

from enhance.optim.parametrizations import Pixels, Pyramid

FOLDER = Path(__file__).parents[1] / "benchmarks"
TINY = ["--backbone", "vgg_compact", "--size", "16", "--steps", "2"]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    script(name).main()


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("step_cost", ["--published", "nowhere"], "nowhere is no checkout"),
        ("time_to_quality", ["--plot-only"], "time_to_quality.csv is not there"),
    ],
)
def test_a_file_that_is_not_there_gets_a_sentence(
    name: str,
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        run(name, arguments, monkeypatch)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_convergence_computes_a_row_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*TINY, "--measures", "deepjsd", "--starts", "white", "jpeg", "--folder", str(tmp_path)]
    run("convergence", arguments, monkeypatch)
    table = capsys.readouterr().out.partition("| measure")[2]
    assert "| DeepJSD | white | 2 | 1 |" in table
    assert "| DeepJSD | jpeg | 2 | 1 |" in table
    content = (tmp_path / "convergence.csv").read_bytes()
    run("convergence", arguments, monkeypatch)
    assert capsys.readouterr().out.partition("| measure")[2] == table
    assert (tmp_path / "convergence.csv").read_bytes() == content


def test_both_recipes_race_from_white(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [*TINY, "--published-steps", "3", "--folder", str(tmp_path)]
    run("time_to_quality", arguments, monkeypatch)
    with open(tmp_path / "time_to_quality.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["recipe"], row["step"]) for row in rows] == [
        ("ours", "0"),
        ("published", "0"),
        ("ours", "2"),
        ("published", "3"),
    ]
    assert rows[0]["loss"] == rows[1]["loss"]
    assert {file.suffix for file in tmp_path.iterdir()} == {".csv", ".png", ".pdf"}


def test_the_published_recipe_is_the_authors() -> None:
    configs = script("time_to_quality").recipes("deepwsd", {"ours": None, "published": 5})
    published = configs["published"]
    assert (published.optimizer.learning_rate, published.optimizer.log_loss, published.optimizer.smoothing) == (
        Pixels.learning_rates[0],
        False,
        0,
    )
    assert published.schedule.every == 1000
    assert configs["ours"].parametrization.name == Pyramid.__name__.lower()
    assert configs["ours"].optimizer.learning_rate is None


@pytest.mark.slow
def test_a_process_that_dies_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("DeepWSD_VGG", "DeepJSD_VGG", "DeepKLD_VGG"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(7)")
    arguments = ["--published", tmp_path, "--measure", "deepjsd", "--size", "32", "--threads", "1"]
    ended = subprocess.run(
        [sys.executable, FOLDER / "step_cost.py", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "died with exit code 7" in ended.stderr


def test_the_picture_of_the_layouts_shows_what_its_page_says(tmp_path: Path) -> None:
    columns = script("columns")
    image, stage = (columns.column(shape, "strided") for shape in ((3, 256, 256), (128, 64, 64)))
    assert len({x for _, _, x in image}) == 1
    assert [channel * 256 + y for channel, y, _ in image] == list(range(image[0][1], 3 * 256, 12))
    assert len({(y, x) for _, y, x in stage}) == 1
    assert [channel for channel, *_ in stage] == list(range(0, 128, 2))
    (window,) = {(channel, y // 8, x // 8) for channel, y, x in columns.column((3, 256, 256), "spatial")}
    assert window[0] == 0
    file = tmp_path / "columns.jpg"
    columns.draw({"image": torch.rand(3, 64, 64)}, file)
    with Image.open(file) as drawn:
        assert drawn.width > drawn.height


def test_the_pictures_of_restorations_stand_in_rows_of_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "restorations.jpg"
    run("restoration_pictures", ["--side", "48", f"--output={file}"], monkeypatch)
    with Image.open(file) as picture:
        assert picture.size == (3 * (48 + 12), 4 * (48 + 12))
