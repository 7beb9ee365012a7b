"""What it costs to add a thing: a function or a row, and a YAML in a folder of one's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from conftest import Ended
from torch import Tensor

from enhance.metrics.deep.measures import Compared, Prepared
from enhance.metrics.registry import METRICS
from enhance.metrics.registry import Row as MetricRow
from enhance.optim.optimizers import OPTIMIZERS
from enhance.optim.optimizers import Row as OptimizerRow
from enhance.optim.parametrizations import PARAMETRIZATIONS, Pixels

Command = Callable[..., Ended]
QUICK = ("backbone=squeezenet", "backbone.weights=untrained", "size=32", "steps=4", "hydra.run.dir=run")


@dataclass(frozen=True)
class Hellinger:
    """Squared Hellinger distance between the softmax of each column."""

    def prepare(self, y: Tensor) -> Prepared:
        return (torch.softmax(y, 0).sqrt(),)

    def compare(self, x: Tensor, prepared: Prepared, gradient: bool) -> Compared:
        (q,) = prepared
        p = torch.softmax(x, 0).sqrt()
        value = 1 - (p * q).sum(0)
        inner = -0.5 * p * q
        return value, inner - p * p * inner.sum(0) if gradient else None


class Soft(Pixels):
    """Pixels with rates of their own."""

    learning_rates = (0.05, 0.01)


@pytest.fixture
def yaml(tmp_path: Path) -> Callable[[str, str], str]:
    """Writes a YAML into a folder of one's own; the flag that names the folder."""

    def write(group: str, name: str) -> str:
        folder = tmp_path / "mine" / group
        folder.mkdir(parents=True)
        (folder / f"{name}.yaml").write_text(f"name: {name}\n")
        return str(folder.parent)

    return write


def results(ended: Ended) -> dict:
    assert ended.code == 0, ended
    found = json.loads(Path("run/metrics.json").read_text())
    assert found["best"]["loss"] < found["initial"]["loss"]
    return found


def test_a_metric_of_a_library_takes_a_row_and_a_yaml(
    enhance: Command, yaml: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METRICS, "huber", MetricRow("torch.nn:HuberLoss", "Huber", "Huber's loss"))
    found = results(enhance("--config-dir", yaml("metric", "huber"), "metric=huber", *QUICK[2:]))
    assert found["metric"]["name"] == "huber"


def test_a_metric_of_ones_own_takes_nothing(enhance: Command) -> None:
    found = results(enhance("metric=module", "metric.target=torch.nn.L1Loss", *QUICK[2:]))
    assert found["metric"]["name"] == "L1Loss"


def test_a_distribution_measure_takes_a_function_a_row_and_a_yaml(
    enhance: Command, yaml: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = MetricRow(f"{__name__}:Hellinger", "DeepHellinger", "Hellinger distance between deep features", deep=True)
    monkeypatch.setitem(METRICS, "deephellinger", row)
    found = results(enhance("--config-dir", yaml("metric", "deephellinger"), "metric=deephellinger", *QUICK))
    assert found["metric"]["name"] == "deephellinger"
    assert found["backbone"]["name"] == "squeezenet"
    assert len(found["best"]["levels"]) == 5


def test_an_optimizer_takes_a_row_and_a_yaml(
    enhance: Command, yaml: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTIMIZERS, "radam", OptimizerRow("torch.optim:RAdam"))
    found = results(enhance("--config-dir", yaml("optimizer", "radam"), "optimizer=radam", "metric=mse", *QUICK[2:]))
    assert found["optimizer"]["name"] == "radam"


def test_a_parametrization_takes_a_class_with_its_row_and_a_yaml(
    enhance: Command, yaml: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PARAMETRIZATIONS, "soft", Soft)
    flag = ("--config-dir", yaml("parametrization", "soft"))
    found = results(enhance(*flag, "parametrization=soft", "metric=mse", *QUICK[2:]))
    assert found["parametrization"]["name"] == "soft"
    rates = [line.split(",")[3] for line in Path("run/history.csv").read_text().splitlines()[1:]]
    assert float(rates[0]) == Soft.learning_rates[0]
