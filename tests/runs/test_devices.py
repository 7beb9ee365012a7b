"""Which device a run takes, what it says where it goes on elsewhere, and how its threads wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import QUICK, settings

from enhance.experiment import devices
from enhance.experiment.devices import choose_device
from enhance.experiment.run import run
from enhance.runs.history import Row
from enhance.runs.progress import Progress
from enhance.utils.errors import SettingsError


def test_a_run_that_goes_on_elsewhere_says_so_and_records_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings("metric=deepjsd", *QUICK, "checkpoint=0")
    show = Progress.show

    def full(self: Progress, row: Row) -> None:
        show(self, row)
        if row.step == 2:
            raise OSError(28, "No space left on device")

    def go_on(device: str, resume: bool = True) -> list[str]:
        with monkeypatch.context() as patched:
            patched.setattr("enhance.experiment.recording.device_name", lambda _: device)
            run(config, tmp_path, "a test", resume)
        return json.loads((tmp_path / "metrics.json").read_text())["devices"]

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "show", full)
        for device, resume in (("one", False), ("one", True)):
            with pytest.raises(OSError, match="No space"):
                go_on(device, resume)
    assert "so far and is on" not in capsys.readouterr().err
    assert go_on("another") == ["one", "another"]
    assert "the run was on one so far and is on another now" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("there", "computing", "chosen"),
    [
        ((), ("cuda", "mps"), "cpu"),
        (("mps",), ("mps",), "mps"),
        (("mps",), (), "cpu"),
        (("cuda", "mps"), ("cuda", "mps"), "cuda"),
        (("cuda", "mps"), ("mps",), "mps"),
    ],
)
def test_auto_takes_the_first_device_that_computes(
    there: tuple[str, ...], computing: tuple[str, ...], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in there)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in there)
    monkeypatch.setattr(devices, "_computes", lambda name: name in computing)
    assert choose_device("auto") == torch.device(chosen)


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"device=xpu is not available here; take device=auto"):
        choose_device("xpu")


@pytest.mark.parametrize(
    ("given", "spins"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_threads_spin_for_a_moment_while_they_wait_unless_the_user_says_otherwise(
    given: dict[str, str], spins: str
) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    script = "import os, sys, enhance.__main__; print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment | given
    )
    assert done.stdout.split() == [spins, "False"]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_a_run_keeps_the_memory_it_frees() -> None:
    script = """
import resource, sys
import numpy as np
from enhance.__main__ import keep_freed_memory
if sys.argv[1] == "keep": keep_freed_memory()
def step():
    parts = [np.ones(20_000_000, np.float32) for _ in range(3)]
for _ in range(4): step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    faults = [
        int(subprocess.run([sys.executable, "-c", script, how], capture_output=True, text=True, check=True).stdout)
        for how in ("keep", "as it is")
    ]
    assert faults[0] < faults[1] / 10
