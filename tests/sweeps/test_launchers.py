"""Sweeps on the launchers of the extras, for real: four jobs, two of which fail, and the summary is whole."""

from __future__ import annotations

import csv
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from enhance.locate import home

QUICK = ["metric=deepjsd", "size=32", "steps=1", "frames.count=2", "threads=1"]
LAUNCHERS = [("parallel", "hydra_joblib_launcher"), ("submitit_local", "hydra_submitit_launcher")]


@pytest.mark.slow
@pytest.mark.parametrize(("launcher", "plugin"), LAUNCHERS)
def test_a_sweep_with_jobs_that_fail(launcher: str, plugin: str, tmp_path: Path) -> None:
    if find_spec(f"hydra_plugins.{plugin}") is None:
        pytest.skip(f"{plugin} is not installed")
    command = ["-m", f"hydra/launcher={launcher}", "seed=1,2", "reference=astronaut,missing.png", *QUICK]
    done = subprocess.run(
        [sys.executable, "-m", "enhance", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 of 4 jobs finished" in done.stdout
    (summary,) = tmp_path.glob("outputs/*/*/summary.csv")
    with open(summary, newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["state"] for row in rows] == ["finished", "finished", "failed", "failed"]
    assert "missing.png" in rows[3]["stop_reason"]


@pytest.mark.parametrize(
    ("launcher", "plugin"), [("parallel", "hydra_joblib_launcher"), ("slurm", "hydra_submitit_launcher")]
)
def test_every_launcher_composes(launcher: str, plugin: str) -> None:
    if find_spec(f"hydra_plugins.{plugin}") is None:
        pytest.skip(f"{plugin} is not installed")
    with initialize_config_dir(str(home() / "conf"), version_base="1.3"):
        config = compose("config", [f"hydra/launcher={launcher}"], return_hydra_config=True)
    assert plugin in config.hydra.launcher._target_
