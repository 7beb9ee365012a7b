"""Loggers: what they are given, and that none of them ends a run."""

import csv
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from torch import Tensor

from enhance.config.paths import choices, home
from enhance.config.schema import Config, MetricConfig, TaskConfig
from enhance.experiment.run import run
from enhance.runs.history import Row
from enhance.runs.loggers import LOGGERS, Loggers, check_loggers
from enhance.utils.errors import SettingsError

ROW = Row(3, 0.5, 0.6, 0.1, 20.0, math.nan, 1.0, {"mse": 0.2, "ssim": 0.3})
THEIR_OWN_WARNINGS = pytest.mark.filterwarnings("default")  # of what other programs call
IMAGE = torch.full((1, 3, 8, 8), 0.5)


def _own(name: str) -> dict[str, Any]:
    return OmegaConf.to_container(OmegaConf.load(home() / "conf" / "logger" / f"{name}.yaml"))  # type: ignore[return-value]


class _Fake:
    """Keeps what it is given; fails where it is asked to."""

    seen: list[Any]
    fails = ""

    def __init__(self, folder: Path, settings: Mapping[str, Any], first: int) -> None:
        type(self).seen = [first]
        self._fail("start")

    def _fail(self, where: str) -> None:
        if self.fails == where:
            raise RuntimeError("the disk is full.\nmore")

    def log(self, step: int, scalars: Mapping[str, float], image: Tensor | None) -> None:
        self._fail("write")
        self.seen.append((step, dict(scalars), None if image is None else tuple(image.shape)))

    def finish(self, figures: Mapping[str, float]) -> None:
        self._fail("finish")
        self.seen.append(dict(figures))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[_Fake]:
    module = ModuleType("fake_logger")
    module.Fake = type("Fake", (_Fake,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fake_logger", module)
    monkeypatch.setitem(LOGGERS, "fake", "fake_logger:Fake")
    return module.Fake  # type: ignore[attr-defined]


def test_each_logger_has_a_yaml_that_names_it() -> None:
    assert choices()["logger"] == sorted(LOGGERS)
    assert all(list(_own(name)) == [name] for name in LOGGERS)


def test_it_is_given_finite_figures_terms_and_frames(fake: type[_Fake], tmp_path: Path) -> None:
    with Loggers({"fake": {}}, tmp_path, {}, 2) as loggers:
        loggers.log(ROW, IMAGE)
        loggers.conclude({"loss": 0.4, "psnr": None, "step": 3})
    scalars = {"loss": 0.5, "score": 0.6, "psnr": 20.0, "learning_rate": 0.1, "terms/mse": 0.2, "terms/ssim": 0.3}
    assert fake.seen == [2, (3, scalars, (3, 8, 8)), {"best/loss": 0.4}]


@pytest.mark.parametrize("where", ["start", "write", "finish"])
def test_one_that_fails_gets_one_warning_and_the_others_go_on(
    where: str, fake: type[_Fake], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake.fails = where
    with Loggers({"fake": {}}, tmp_path, {}, 0) as loggers:
        loggers.log(ROW)
        loggers.log(ROW)
    assert [record.message for record in caplog.records] == [
        f"logger=fake cannot {where}: the disk is full. The run goes on without it."
    ]


def test_one_that_is_not_installed_names_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.delitem(sys.modules, "enhance.runs.loggers.mlflow_run", raising=False)
    assert Loggers(_own("mlflow"), tmp_path, {}, 0).names == []
    assert "pip install 'enhance[mlflow]'" in caplog.text


def test_an_unknown_one_is_refused() -> None:
    with pytest.raises(SettingsError, match="'tensorbord'; did you mean 'tensorboard'"):
        check_loggers({"tensorbord": {}})


def test_a_run_writes_to_tensorboard_what_its_history_says(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config = Config(
        task=TaskConfig(name="recover"), metric=MetricConfig(name="mse"), size=16, steps=4, logger=_own("tensorboard")
    )
    config.backbone.name = "vgg_compact"
    run(config, tmp_path, "test")
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"), {"images": 0}).Reload()
    with (tmp_path / "history.csv").open() as stream:
        losses = {int(row["step"]): float(row["loss"]) for row in csv.DictReader(stream)}
    logged = {event.step: event.value for event in events.Scalars("loss")}
    assert logged == pytest.approx(losses, rel=1e-6)
    frames = sorted(int(file.stem[5:]) for file in (tmp_path / "frames").glob("*.png"))
    assert [event.step for event in events.Images("image")] == frames
    assert {"psnr", "score", "learning_rate", "best/loss"} <= set(events.Tags()["scalars"])
    assert "settings/text_summary" in events.Tags()["tensors"]


def _fake_wandb(calls: list[Any]) -> ModuleType:
    module = ModuleType("wandb")
    made = SimpleNamespace(
        log=lambda values, step: calls.append((step, sorted(values))),
        summary={},
        finish=lambda exit_code: calls.append(exit_code),
    )
    module.init = lambda **given: calls.append(given) or made  # type: ignore[attr-defined]
    module.Image = lambda array: array.shape  # type: ignore[attr-defined]
    return module


def test_wandb_is_offline_and_goes_on_in_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setitem(sys.modules, "wandb", _fake_wandb(calls))
    monkeypatch.delitem(sys.modules, "enhance.runs.loggers.weights_and_biases", raising=False)
    for first in (0, 4):
        with Loggers(_own("wandb"), tmp_path, {"metric": {"name": "mse"}}, first) as loggers:
            loggers.log(ROW, IMAGE)
            loggers.conclude({"loss": 0.4})
    sys.modules.pop("enhance.runs.loggers.weights_and_biases")  # not the fake's for the tests that follow
    begun, resumed = calls[0], calls[3]
    assert (begun["mode"], begun["resume"], resumed["resume"]) == ("offline", None, "allow")
    assert begun["id"] == resumed["id"]
    assert begun["config"] == {"metric.name": "mse"}
    assert calls[1][0] == 3
    assert "image" in calls[1][1]
    assert calls[2] == 0


@THEIR_OWN_WARNINGS
def test_mlflow_keeps_a_run_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracking = pytest.importorskip("mlflow.tracking")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for first in (0, 4):
        with Loggers(_own("mlflow"), tmp_path, {"metric": {"name": "mse"}}, first) as loggers:
            assert loggers.names == ["mlflow"]
            loggers.log(ROW, IMAGE)
            loggers.conclude({"loss": 0.4})
            assert loggers.names == ["mlflow"]
    client = tracking.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("enhance").experiment_id])
    assert found.data.params == {"metric.name": "mse"}
    assert found.info.status == "FINISHED"
    assert found.data.metrics["best/loss"] == 0.4
    assert found.data.metrics["terms/mse"] == 0.2
    (place,) = (tmp_path / "mlflow").rglob("step_000003.png")
    assert np.asarray(Image.open(place)).shape == (8, 8, 3)


@THEIR_OWN_WARNINGS
def test_wandb_itself_writes_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("WANDB_SILENT", "true")
    for first in (0, 4):
        with Loggers(_own("wandb"), tmp_path, {"metric": {"name": "mse"}}, first) as loggers:
            loggers.log(ROW, IMAGE)
            loggers.conclude({"loss": 0.4})
            assert loggers.names == ["wandb"]
        assert loggers.names == ["wandb"]  # the end was no failure either
    begun, resumed = sorted((tmp_path / "wandb").glob("offline-run-*/*.wandb"))
    assert begun.name == resumed.name  # the identity by which they are one run when they are sent
    for file in (begun, resumed):
        contents = file.read_bytes()
        assert all(word in contents for word in (b"metric.name", b"terms/mse", b"best/loss"))
        assert list(file.parent.glob("files/media/images/*.png"))


@THEIR_OWN_WARNINGS
def test_a_run_writes_to_all_of_them_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tracking = pytest.importorskip("mlflow.tracking")
    pytest.importorskip("wandb")
    pytest.importorskip("tensorboard")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("WANDB_SILENT", "true")
    chosen = _own("mlflow") | _own("wandb") | _own("tensorboard")
    config = Config(task=TaskConfig(name="recover"), metric=MetricConfig(name="mse"), size=16, steps=4, logger=chosen)
    config.backbone.name = "vgg_compact"
    run(config, tmp_path, "test")
    assert "goes on without it" not in caplog.text
    client = tracking.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("enhance").experiment_id])
    logged = {each.step: each.value for each in client.get_metric_history(found.info.run_id, "loss")}
    with (tmp_path / "history.csv").open() as stream:
        assert logged == pytest.approx({int(row["step"]): float(row["loss"]) for row in csv.DictReader(stream)})
    assert list((tmp_path / "wandb").glob("offline-run-*/*.wandb"))
    assert list((tmp_path / "tensorboard").glob("events*"))
