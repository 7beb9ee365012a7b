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

from enhance import build
from enhance.build import choose_device
from enhance.config.schema import SettingsError
from enhance.run import run
from enhance.runs.history import Row
from enhance.runs.progress import Progress


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
            patched.setattr("enhance.recording.device_name", lambda _: device)
            run(config, tmp_path, "a test", resume)
        return json.loads((tmp_path / "metrics.json").read_text())["devices"]

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "show", full)
        for device, resume in (("one", False), ("one", True)):
            with pytest.raises(OSError, match="No space"):
                go_on(device, resume)
    assert "until then" not in capsys.readouterr().err
    assert go_on("another") == ["one", "another"]
    assert "it was on one until then and is on another now" in " ".join(capsys.readouterr().err.split())


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
    monkeypatch.setattr(build, "_computes", lambda name: name in computing)
    assert choose_device("auto") == torch.device(chosen)


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"device=xpu is not to be had here; take device=auto"):
        choose_device("xpu")


@pytest.mark.parametrize("given", [None, "active"])
def test_threads_yield_while_they_wait_unless_the_user_says_otherwise(given: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    script = "import os, sys, enhance.__main__; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=environment | ({"OMP_WAIT_POLICY": given} if given else {}),
    )
    assert done.stdout.split() == [given or "passive", "False"]
