"""Every YAML composes, and every recipe, task and choice runs a step on an untrained backbone."""

from __future__ import annotations

import json
import statistics
from functools import cache
from pathlib import Path

import pytest
from helpers import QUICK, settings

from enhance.backbones.network import Backbone, load
from enhance.config.paths import choices
from enhance.config.schema import SettingsError, check
from enhance.metrics.deep import distance
from enhance.run import run

EVERY = [(group, name) for group, names in choices().items() for name in names]
RUNS = [(group, name) for group, name in EVERY if group not in ("backbone", "metric")]


@pytest.mark.parametrize(("group", "name"), EVERY)
def test_every_yaml_composes(group: str, name: str) -> None:
    config = settings(f"{group}={name}")
    check(config)
    if group not in ("recipes", "task"):
        chosen = getattr(config, group)
        assert (chosen["name"] if isinstance(chosen, dict) else chosen.name) == name


@pytest.mark.parametrize(("parametrization", "far", "near"), [("pyramid", 0.02, 0.005), ("pixels", 0.1, 0.02)])
def test_the_rate_is_that_of_the_start_and_of_the_parametrization(
    parametrization: str, far: float, near: float
) -> None:
    rates = {"recover": far, "denoise": near, "deblur": near, "jpeg": near}
    for task, rate in rates.items():
        chosen = [f"parametrization={parametrization}", f"task={task}"]
        assert settings(*chosen).parametrization.learning_rate == rate
        assert settings(*chosen, "parametrization.learning_rate=0.3").parametrization.learning_rate == 0.3


@pytest.fixture
def _networks_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance, "load", loaded)


@cache
def _loaded(name: str, weights: str, seed: int, model: str | None, nodes: tuple[str, ...] | None) -> Backbone:
    return load(name, weights, seed=seed, model=model, nodes=nodes)


def loaded(name: str, weights: str, *, seed: int, model: str | None, nodes: list[str] | None) -> Backbone:
    return _loaded(name, weights, seed, model, tuple(nodes) if nodes else None)


@pytest.mark.usefixtures("_networks_are_built_once")
@pytest.mark.parametrize(("group", "name"), RUNS)
def test_every_choice_runs(group: str, name: str, tmp_path: Path) -> None:
    start = ["initial=degraded"] if group == "degradation" and name != "none" else []
    objective = run(settings(f"{group}={name}", *QUICK, *start, "steps=1"), tmp_path, "a test")
    results = json.loads((tmp_path / "metrics.json").read_text())
    assert results["status"] == "finished"
    assert results["best"]["loss"] == pytest.approx(objective)
    assert results["best"]["loss"] <= results["initial"]["loss"]
    for name in ("initial", "best"):
        levels = results[name]["levels"]
        assert list(levels)[:2] == ["image", "stage 1"]
        assert statistics.fmean(levels.values()) == pytest.approx(results[name]["loss"], rel=1e-4, abs=1e-7)


@pytest.mark.usefixtures("_networks_are_built_once")
@pytest.mark.parametrize("metric", choices()["metric"])
@pytest.mark.parametrize("backbone", choices()["backbone"])
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
    assert (results["metric"]["prefilter"], results["metric"]["rounding"]) == (False, "up")


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
