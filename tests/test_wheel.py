"""The wheel in a clean environment: what it holds, what a command finds in it, and what a type checker sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
from PIL import Image

import enhance

ROOT = Path(__file__).parents[1]
USE = """\
import enhance
import torch

metric = enhance.DeepJSD(backbone="vgg_compact", reduction="none")
image: torch.Tensor = enhance.load_image("astronaut")
scores: torch.Tensor = metric.score(image, metric.prepare(image))
result = enhance.optimize(image, metric=metric, steps=5, callback=lambda step: "enough" if step.loss < 0.1 else None)
enhance.save_image(result.image, "result.png")
similarity: enhance.Metric = enhance.load_metric("ssim")
"""
MISUSE = """\
score: str = metric.score(image, image)
enhance.optimize(image, metric=metric, stepz=5)
enhance.save_image("result.png", result.image)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    _run(ROOT, sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel alone; its dependencies are those of the tests."""
    folder = tmp_path_factory.mktemp("environment")
    _run(folder, sys.executable, "-m", "venv", "--without-pip", str(folder))
    interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    _run(folder, sys.executable, "-m", "pip", "--python", str(interpreter), "install", "--no-deps", "--no-index", wheel)
    packages = _run(folder, interpreter, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    Path(packages, "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return interpreter


def _run(folder: Path, *command: str | Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_it_holds_what_the_licences_ask_for(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
        notes = f"enhance-{enhance.__version__}.dist-info"
        for name in ("LICENSE", "NOTICE"):
            assert content.read(f"{notes}/licenses/{name}") == (ROOT / name).read_bytes()
        metadata = message_from_string(content.read(f"{notes}/METADATA").decode())
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "enhance/py.typed" in names
    assert "enhance/backbones/embedded/vgg_compact.safetensors" in names
    assert not [name for name in names if name.startswith(("research/", "tests/", "benchmarks/"))]
    assert "enhance/restoration/embedded/denoiser_compact.safetensors" in names
    assert "enhance/scoring/meaning.json" in names
    assert wheel.stat().st_size < 8e6


def test_a_command_finds_its_settings_and_weights(python: Path, tmp_path: Path) -> None:
    place = _run(tmp_path, python, "-c", "import enhance; print(enhance.__file__)")
    assert Path(place.strip()).is_relative_to(python.parents[1])
    for name, grey in (("a.png", 90), ("b.png", 160)):
        Image.new("RGB", (32, 32), (grey, grey, grey)).save(tmp_path / name)
    score = ["task=score", "reference=a.png", "image=b.png", "format=json", "threads=1"]
    assert json.loads(_run(tmp_path, python, "-m", "enhance", *score))


@pytest.mark.slow
def test_a_type_checker_sees_its_types(python: Path, tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(USE + MISUSE)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    command = [sys.executable, "-m", "pyright", "--pythonpath", str(python), "--outputjson", "use.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = json.loads(ended.stdout)["generalDiagnostics"]
    wrong = sorted({message["range"]["start"]["line"] for message in found})
    first = len(USE.splitlines())
    assert wrong == list(range(first, first + len(MISUSE.splitlines()))), found
