"""GPUs of a sweep: each process has its own, a dead one's is free again, and more processes share them evenly."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from hydra import compose
from omegaconf import OmegaConf

from enhance.config.paths import home, initialized
from enhance.utils import gpus

HOLD = """
import os, sys
from enhance.utils.gpus import of_job
launcher = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
print(of_job(launcher, sys.argv[1]), of_job(launcher, sys.argv[1]), os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()
"""


@contextmanager
def process(folder: Path, pool: str, device: str = "cuda") -> Iterator[str]:
    """A process that takes a GPU and keeps it; what it says."""
    environment = {**os.environ, "ENHANCE_GPUS": pool, "TMPDIR": str(folder), "PYTHONPATH": str(home())}
    environment.pop("CUDA_VISIBLE_DEVICES", None)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, device],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stdout is not None
        yield started.stdout.readline().strip()
        started.kill()


def test_each_process_has_a_gpu_of_its_own_until_it_is_killed(tmp_path: Path) -> None:
    pool = "0,GPU-1f,2"
    with process(tmp_path, pool) as first, process(tmp_path, pool) as second:
        with process(tmp_path, pool) as third:
            assert [first, second, third] == ["0 0 0", "GPU-1f GPU-1f GPU-1f", "2 2 2"]
        with process(tmp_path, pool) as fourth:
            assert fourth == "2 2 2"


def test_more_processes_share_the_gpus_evenly(tmp_path: Path) -> None:
    with ExitStack() as entered:
        said = [entered.enter_context(process(tmp_path, "0,1")) for _ in range(4)]
        assert Counter(said) == {"0 0 0": 2, "1 1 1": 2}


@pytest.mark.parametrize(("of", "pool"), [("cpu", "0,1"), ("cuda:1", "0,1"), ("cuda", "")])
def test_who_needs_none_takes_none(of: str, pool: str, tmp_path: Path) -> None:
    with process(tmp_path, pool, of) as said:
        assert said == "None None None"


def test_what_ray_has_chosen_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(gpus.POOL, "0,1")
    monkeypatch.setenv(gpus.VISIBLE, "5")
    assert gpus.of_job("hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher", "cuda") == "5"
    assert os.environ[gpus.VISIBLE] == "5"


@pytest.mark.parametrize(
    ("pool", "visible", "found", "names"),
    [
        ("3, 5", "0,1", 2, ["3", "5"]),
        (None, None, 3, ["0", "1", "2"]),
        (None, "2,GPU-7", 2, ["2", "GPU-7"]),
        (None, "0,1", 1, ["0"]),
        (None, "", 0, []),
        ("", None, 4, []),
    ],
)
def test_the_pool_is_what_is_visible(
    pool: str | None, visible: str | None, found: int, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: found)
    for name, value in ((gpus.POOL, pool), (gpus.VISIBLE, visible)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert gpus.available() == names


def launcher(name: str, *overrides: str) -> dict:
    with initialized():
        config = compose("config", [f"hydra/launcher={name}", *overrides], return_hydra_config=True)
    return OmegaConf.to_container(config.hydra.launcher, resolve=True)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("of", "pool", "at_once"), [("auto", "0,1,2", 3), ("cuda", "0,1", 2), ("cpu", "0,1", -1), ("auto", "", -1)]
)
def test_as_many_jobs_at_once_as_gpus(of: str, pool: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(gpus.POOL, pool)
    assert launcher("parallel", f"device={of}")["n_jobs"] == at_once
    assert launcher("parallel", f"device={of}", "hydra.launcher.n_jobs=7")["n_jobs"] == 7


@pytest.mark.parametrize(
    ("of", "address", "pool", "asked"),
    [
        ("cuda", None, "", 1),
        ("cuda", "auto", "", 1),
        ("auto", None, "0,1", 1),
        ("auto", None, "", 0),
        ("auto", "ray://head:10001", "0,1", 0),
        ("cpu", None, "0,1", 0),
    ],
)
def test_what_a_job_asks_ray_for(
    of: str, address: str | None, pool: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(gpus.POOL, pool)
    assert gpus.gpus_per_job(of, address) == asked
    if find_spec("hydra_plugins.hydra_ray_launcher"):
        given = [f"device={of}", *([f"hydra.launcher.ray.init.address='{address}'"] if address else [])]
        assert launcher("ray_cluster", *given)["ray"]["remote"]["num_gpus"] == asked


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "plugin", "settings"),
    [
        ("parallel", "hydra_joblib_launcher", []),
        (
            "ray_cluster",
            "hydra_ray_launcher",
            ["+hydra.launcher.ray.init.num_gpus=3", "+hydra.launcher.ray.init.num_cpus=3"],
        ),
    ],
)
def test_jobs_of_a_sweep_do_not_share_a_gpu(name: str, plugin: str, settings: list[str], tmp_path: Path) -> None:
    """Three GPUs by name only: the runs themselves are on the CPU, which is what `auto` finds."""
    if find_spec(f"hydra_plugins.{plugin}") is None:
        pytest.skip(f"{plugin} is not installed")
    quick = ["metric=mse", "size=32", "steps=1", "frames.count=2", "figures=false", "seed=1,2,3,4,5"]
    extra = {"ENHANCE_GPUS": "0,1,2", "TMPDIR": str(tmp_path), "RAY_AUTH_MODE": "disabled", "PYTHONPATH": str(home())}
    done = subprocess.run(
        [sys.executable, "-m", "enhance", "-m", f"hydra/launcher={name}", *settings, *quick],
        cwd=tmp_path,
        env={**os.environ, **extra},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    logs = [log.read_text(encoding="utf-8") for log in tmp_path.glob("outputs/*/*/*/run.log")]
    taken = [re.search(r"on GPU (\d), process (\d+)", log) for log in logs]
    assert len(taken) == 5
    assert all(taken), logs
    by_process = {found[2]: found[1] for found in taken if found}
    if name == "parallel":  # a process may run several jobs; Ray starts one for each
        assert len(set(by_process.values())) == len(by_process) > 1
    assert set(by_process.values()) <= {"0", "1", "2"}
