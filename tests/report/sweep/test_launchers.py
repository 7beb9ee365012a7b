"""Sweeps on the launchers of the extras, for real: four jobs, one of which fails, and the summary is whole."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hydra import compose
from hydra._internal.config_repository import ConfigRepository
from PIL import Image

from enhance.cli.overrides import checked
from enhance.config.paths import home, initialized
from enhance.utils.errors import SettingsError

QUICK = ["metric=deepjsd", "size=32", "steps=1", "frames.count=2"]
OURS = {"parallel": "hydra_joblib_launcher", "ray_cluster": "hydra_ray_launcher", "slurm": "hydra_submitit_launcher"}
HERE = OURS | {"submitit_local": OURS["slurm"]}
del HERE["slurm"]


def _needs(plugin: str) -> None:
    if find_spec(f"hydra_plugins.{plugin}") is None:
        pytest.skip(f"{plugin} is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", HERE)
def test_a_sweep_with_a_job_that_fails(launcher: str, tmp_path: Path) -> None:
    _needs(HERE[launcher])
    Image.effect_noise((32, 32), 60).save(tmp_path / "photo.png")
    references = "astronaut,photo.png,coffee,missing.png"
    command = ["-m", f"hydra/launcher={launcher}", f"reference={references}", *QUICK]
    done = subprocess.run(
        [sys.executable, "-m", "enhance", *command],
        cwd=tmp_path,
        env={**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(home())},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "3 of 4 jobs finished" in done.stdout
    (summary,) = tmp_path.glob("outputs/*/*/summary.csv")
    with open(summary, newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["state"] for row in rows] == ["finished", "finished", "finished", "failed"]
    assert "missing.png" in rows[3]["stop_reason"]


@pytest.mark.parametrize("launcher", OURS)
def test_every_launcher_composes(launcher: str) -> None:
    _needs(OURS[launcher])
    with initialized():
        config = compose("config", [f"hydra/launcher={launcher}"], return_hydra_config=True)
    assert OURS[launcher] in config.hydra.launcher._target_


@pytest.mark.parametrize(("launcher", "extra"), [("parallel", "parallel"), ("ray_cluster", "ray"), ("slurm", "slurm")])
def test_a_launcher_that_is_not_installed_names_its_extra(
    launcher: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_config(self: Any, config_path: str) -> Any:
        if config_path in ("hydra/launcher/joblib", "hydra/launcher/ray", "hydra/launcher/submitit_slurm"):
            return None
        return original(self, config_path)

    original = ConfigRepository.load_config
    monkeypatch.setattr(ConfigRepository, "load_config", load_config)
    with pytest.raises(SettingsError, match=rf"pip install 'enhance\[{extra}\]'"):
        checked([f"hydra/launcher={launcher}"])
