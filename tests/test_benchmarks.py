"""The benchmarks answer a mistake in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("step_cost", ["--published", "nowhere"], "nowhere is no checkout"),
        ("time_to_quality", ["--plot-only"], "time_to_quality.csv is not there"),
    ],
)
def test_a_file_that_is_not_there_is_named(script: str, arguments: list[str], words: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, FOLDER / f"{script}.py", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_process_that_dies_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("DeepWSD_VGG", "DeepJSD_VGG", "DeepKLD_VGG"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(7)")
    arguments = ["--published", tmp_path, "--measure", "deepjsd", "--size", "32", "--threads", "1"]
    ended = subprocess.run(
        [sys.executable, FOLDER / "step_cost.py", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "died with exit code 7" in ended.stderr
