"""Every YAML composes, and every recipe, task and choice runs a step on an untrained backbone."""

from __future__ import annotations

import json
import statistics
from functools import cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import pytest
from helpers import QUICK, settings

from enhance.backbones.network import Backbone, load
from enhance.backbones.registry import BACKBONES
from enhance.config.paths import choices
from enhance.config.schema import MODULE
from enhance.experiment import metrics
from enhance.experiment.checks import check
from enhance.experiment.run import run
from enhance.metrics.registry import METRICS
from enhance.optim.optimizers import OPTIMIZERS
from enhance.optim.parametrizations import PARAMETRIZATIONS
from enhance.optim.schedules import SCHEDULES
from enhance.utils.errors import SettingsError

EVERY = [(group, name) for group, names in choices().items() for name in names]
OWN_TESTS = [("task", "duel")]  # several optimisations: tests/experiment/test_duel.py
RUNS = [each for each in EVERY if each[0] not in ("backbone", "metric") and each not in OWN_TESTS]
DEEP = [name for name, row in METRICS.items() if row.deep]
OTHERS = [name for name in choices()["metric"] if name not in DEEP]
NAMELESS = ("recipes", "task", "stopping", "frames", "logger")


@pytest.fixture(autouse=True)
def _nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enhance.report.render.render", lambda folder: [])


def target(name: str) -> list[str]:
    """What a choice needs beside its name."""
    return {"module": ["metric.target=torch.nn.functional.mse_loss"], "duel": ["against=mse"]}.get(name, [])


def beside(group: str) -> list[str]:
    """What a choice runs with below: the same groups are composed once."""
    return {"metric": ["task=denoise"], "backbone": []}.get(group, QUICK[:1])


@pytest.mark.parametrize(("group", "name"), EVERY)
def test_every_yaml_composes(group: str, name: str) -> None:
    config = settings(f"{group}={name}", *target(name), *beside(group))
    check(config)
    if group not in NAMELESS:
        chosen = getattr(config, group)
        assert (chosen["name"] if isinstance(chosen, dict) else chosen.name) == name


def test_choices_are_the_registries() -> None:
    found = choices()
    assert set(found["metric"]) == {*METRICS, MODULE}
    assert set(found["backbone"]) == set(BACKBONES)
    assert set(found["optimizer"]) == set(OPTIMIZERS)
    assert set(found["parametrization"]) == set(PARAMETRIZATIONS)
    assert set(found["schedule"]) == set(SCHEDULES)


@pytest.fixture
def _networks_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "load", loaded)


@cache
def _loaded(name: str, weights: str, seed: int, model: str | None, nodes: tuple[str, ...] | None) -> Backbone:
    return load(name, weights, seed=seed, model=model, nodes=nodes)


def loaded(name: str, weights: str, *, seed: int, model: str | None, nodes: list[str] | None) -> Backbone:
    return _loaded(name, weights, seed, model, tuple(nodes) if nodes else None)


@pytest.mark.usefixtures("_networks_are_built_once")
@pytest.mark.parametrize(("group", "name"), RUNS)
def test_every_choice_runs(group: str, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    start = ["initial=degraded"] if group == "degradation" and name != "none" else []
    size = [f"size={161 if name == 'guide' else 64}"] if group == "recipes" else []  # its metrics take nothing smaller
    objective = run(settings(f"{group}={name}", *QUICK, *size, *start, "steps=1"), tmp_path, "a test")
    if group == "logger":  # what is not installed is said to be missing, and nothing else fails
        assert (f"logger={name} cannot start" in caplog.text) == (find_spec(name) is None)
        assert not find_spec(name) or "cannot" not in caplog.text
    results = json.loads((tmp_path / "metrics.json").read_text())
    assert results["status"] == "finished"
    assert results["best"]["loss"] == pytest.approx(objective)
    assert results["best"]["loss"] <= results["initial"]["loss"]
    for name in ("initial", "best"):
        levels = results[name]["levels"]
        assert list(levels)[:2] == ["image", "stage 1"]
        assert statistics.fmean(levels.values()) == pytest.approx(results[name]["loss"], rel=1e-4, abs=1e-7)


@pytest.mark.usefixtures("_networks_are_built_once")
@pytest.mark.parametrize(
    ("backbone", "metric"),
    [
        pytest.param(*pair, marks=() if pair[0] == "vgg_compact" or pair[1] == DEEP[0] else pytest.mark.slow)
        for pair in product(choices()["backbone"], DEEP)
    ],
)
def test_every_pair_runs(metric: str, backbone: str, tmp_path: Path) -> None:
    small = (
        ["backbone.model=mobilenet_v3_small", "backbone.nodes=[features.1,features.3]"]
        if backbone == "torchvision"
        else []
    )
    weights = [] if backbone == "vgg_compact" else ["backbone.weights=untrained"]
    quick = ["size=16", "steps=1", "frames.count=2"]
    run(settings(f"metric={metric}", f"backbone={backbone}", *quick, *small, *weights), tmp_path, "a test")
    results = json.loads((tmp_path / "metrics.json").read_text())
    assert results["backbone"]["sha256"]
    assert (results["metric"]["prefilter"], results["metric"]["padding"]) == (False, "up")


@pytest.mark.parametrize("metric", OTHERS)
def test_every_metric_without_a_backbone_runs(metric: str, tmp_path: Path) -> None:
    row = METRICS.get(metric)
    size = max(16, row.min_size if row else 0)
    weights = ["metric.weights=untrained"] if row and row.trunk else []
    start = ["task=denoise", "steps=4", "frames.count=2"]
    run(settings(f"metric={metric}", *target(metric), *weights, f"size={size}", *start), tmp_path, "a test")
    results = json.loads((tmp_path / "metrics.json").read_text())
    assert bool(results["backbone"]) == bool(weights)
    assert results["best"]["loss"] < results["initial"]["loss"]


def test_a_run_in_tiles_descends_and_says_so(tmp_path: Path) -> None:
    objective = run(settings("metric=deepjsd", *QUICK, "size=100", "tile=64"), tmp_path, "a test")
    results = json.loads((tmp_path / "metrics.json").read_text())
    assert objective < results["initial"]["loss"]
    assert sum(results["best"]["levels"].values()) / len(results["best"]["levels"]) == pytest.approx(
        objective, rel=1e-4
    )


@pytest.mark.parametrize("tile", [-1, 8])
def test_a_tile_that_is_too_small_is_refused(tile: int) -> None:
    with pytest.raises(SettingsError, match="tile="):
        check(settings(f"tile={tile}"))
