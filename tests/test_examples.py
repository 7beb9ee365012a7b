"""The examples run, and the twins of the training example differ in their loss alone."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import Image
from torch.nn import functional

FILE = Path(__file__).parents[1] / "examples" / "train_denoiser.py"
TINY = ["--steps", "2", "--crop", "16", "--batch", "2", "--size", "64"]


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location(FILE.stem, FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_few_steps_leave_the_figure_and_the_table(example: ModuleType, tmp_path: Path) -> None:
    figures = example.main([*TINY, "--folder", str(tmp_path)])
    assert len({tuple(numbers.values()) for numbers in figures.values()}) == 3
    with open(tmp_path / "training.csv", newline="") as file:
        rows = {row.pop("image"): {name: float(value) for name, value in row.items()} for row in csv.DictReader(file)}
    assert rows == figures
    assert list(rows) == ["noisy", "L1", "DeepJSD + 2 L1"]
    with Image.open(tmp_path / "training.png") as figure:
        assert figure.width > figure.height > 200
    assert (tmp_path / "training.pdf").read_bytes().startswith(b"%PDF")


def test_the_twins_begin_alike_and_see_the_same(example: ModuleType) -> None:
    photograph = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    seen: dict[str, list[torch.Tensor]] = {"one": [], "other": []}

    def train(name: str) -> list[torch.Tensor]:
        def objective(image: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
            seen[name].append(clean)
            return functional.l1_loss(image, clean)

        return list(example.train(name, objective, [photograph], 3, 16, 2, 50).state_dict().values())

    torch.manual_seed(7)
    one = train("one")
    torch.manual_seed(8)
    other = train("other")
    assert all(torch.equal(*pair) for pair in zip(seen["one"], seen["other"], strict=True))
    assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_training_takes_noise_away(example: ModuleType) -> None:
    photograph = torch.nn.functional.interpolate(torch.rand(1, 3, 5, 5), size=(48, 48), mode="bilinear")
    network = example.train("L1", functional.l1_loss, [photograph], 60, 16, 2, 50)
    start = example.noisy(photograph, 50, torch.Generator().manual_seed(1))
    with torch.no_grad():
        better = functional.l1_loss(network(start), photograph)
    assert better < 0.7 * functional.l1_loss(start, photograph)
