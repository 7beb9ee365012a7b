"""The training example runs with any metric, precision and number of processes; its twins differ in the loss alone."""

from __future__ import annotations

import csv
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

FILE = Path(__file__).parents[1] / "examples" / "train_denoiser.py"
TINY = ["--steps", "2", "--crop", "16", "--batch", "2", "--size", "64"]


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location(FILE.stem, FILE)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[FILE.stem] = importlib.util.module_from_spec(spec)  # where dataclasses look
    sys.path.insert(0, str(FILE.parent))
    spec.loader.exec_module(module)
    sys.path.remove(str(FILE.parent))
    return module


def test_a_few_steps_leave_the_figure_and_the_table(example: ModuleType, tmp_path: Path) -> None:
    figures = example.main([*TINY, "--folder", str(tmp_path)])
    assert len({tuple(numbers.values()) for numbers in figures.values()}) == 3
    with open(tmp_path / "training.csv", newline="") as file:
        rows = {row.pop("image"): {name: float(value) for name, value in row.items()} for row in csv.DictReader(file)}
    assert rows == figures
    assert list(rows) == ["noisy", "L1", "DeepJSD + 2 L1"]
    with Image.open(tmp_path / "training.png") as figure:
        assert figure.width > figure.height > 100
    assert (tmp_path / "training.pdf").read_bytes().startswith(b"%PDF")


def test_any_metric_is_a_loss_in_any_precision_and_layout(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faster = ["--amp", "bfloat16", "--channels-last"]
    figures = example.main([*TINY, "--loss", "ssim,deepwsd:0.5,deepjsd:2", *faster, "--folder", str(tmp_path)])
    assert list(figures) == ["noisy", "L1", "SSIM + 0.5 DeepWSD + 2 DeepJSD"]
    rates = next(line for line in capsys.readouterr().out.splitlines() if "steps/s" in line)
    assert rates.startswith("L1: ")
    assert "DeepJSD: " in rates


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["--loss", "deepjd:1"], "'deepjd' is none of deepwsd"), (["--loss", "mae:one"], "argument --loss")],
)
def test_an_unknown_metric_or_weight_is_refused(
    example: ModuleType, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        example.main(arguments)
    assert sentence in capsys.readouterr().err


def test_the_loss_is_the_weighted_sum_of_its_metrics(example: ModuleType, images: tuple[Tensor, Tensor]) -> None:
    image, clean = images[0] * 1.2, images[1]
    loss = example.Loss({"mae": 2.0, "ssim": 0.5, "deepjsd": 1.0})
    ssim, deepjsd = loss.metrics["ssim"], loss.metrics["deepjsd"]
    expected = 2 * functional.l1_loss(image, clean) + 0.5 * ssim(image.clamp(0, 1), clean)
    torch.testing.assert_close(loss(image, clean), expected + deepjsd(image.clamp(0, 1), clean))
    assert not loss.state_dict()


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(FILE.parents[1]), "MPLBACKEND": "agg"}
    tables = []
    for folder, launcher in (("one", []), ("two", ["-m", "torch.distributed.run", "--nproc-per-node", "2"])):
        command = [sys.executable, *launcher, str(FILE), *TINY, "--device", "cpu", "--folder", str(tmp_path / folder)]
        subprocess.run(command, check=True, env=environment, cwd=tmp_path)
        with open(tmp_path / folder / "training.csv", newline="") as file:
            tables.append([[float(value) for value in list(row.values())[1:]] for row in csv.DictReader(file)])
    torch.testing.assert_close(torch.tensor(tables[0]), torch.tensor(tables[1]), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_compiled_twin_learns_the_same(example: ModuleType) -> None:
    photograph = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    loss = example.Loss({"deepjsd": 1.0, "mae": 2.0})
    eager, compiled = (
        example.train("both", loss, [photograph], example.Settings(3, 16, 2, 50, compiled=given))[0]
        for given in (False, True)
    )
    torch.testing.assert_close(list(compiled.parameters()), list(eager.parameters()), rtol=1e-2, atol=1e-3)


def test_the_twins_begin_alike_and_see_the_same(example: ModuleType) -> None:
    photograph = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    seen: dict[str, list[Tensor]] = {"one": [], "other": []}

    class Recorded(nn.L1Loss):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def forward(self, image: Tensor, clean: Tensor) -> Tensor:
            seen[self.name].append(clean)
            return super().forward(image, clean)

    def train(name: str) -> list[Tensor]:
        network, _ = example.train(name, Recorded(name), [photograph], example.Settings(3, 16, 2, 50))
        return list(network.state_dict().values())

    torch.manual_seed(7)
    one = train("one")
    torch.manual_seed(8)
    other = train("other")
    assert all(torch.equal(*pair) for pair in zip(seen["one"], seen["other"], strict=True))
    assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_training_takes_noise_away(example: ModuleType) -> None:
    photograph = torch.nn.functional.interpolate(torch.rand(1, 3, 5, 5), size=(48, 48), mode="bilinear")
    network, _ = example.train("L1", nn.L1Loss(), [photograph], example.Settings(60, 16, 2, 50))
    start = example.noisy(photograph, 50, torch.Generator().manual_seed(1))
    with torch.no_grad():
        better = functional.l1_loss(network(start), photograph)
    assert better < 0.7 * functional.l1_loss(start, photograph)
