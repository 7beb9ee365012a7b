"""Commands in processes of their own: given twice, interrupted, killed at any moment. What they leave in the end is
what an uninterrupted command leaves.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from processes import LITTLE, RUN, begin, end, results, said

from enhance.runs.layout import CHECKPOINTS


@dataclass
class Whole:
    results: dict[str, Any]
    seconds: float


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """What an uninterrupted run leaves, and how long it takes."""
    folder = tmp_path_factory.mktemp("whole")
    end(begin(folder, "--version"))  # the processes' own start
    started = time.monotonic()
    assert end(begin(folder, *RUN, draws=True)) == 0, said(folder)
    assert not any((folder / "run" / name).exists() for name in CHECKPOINTS)
    return Whole(results(folder / "run"), time.monotonic() - started)


def kills(folder: Path, whole: Whole, most: int, generator: random.Random) -> int:
    """Start a run, kill it at a random moment, resume it, kill it again, until it ends by itself or has been killed
    `most` times and is let live; then it must have left what the uninterrupted one left. Returns the kills.
    """
    moments: list[float] = []
    run = folder / "run"
    process = begin(folder, *RUN, draws=True)
    while len(moments) < most:
        moments.append(generator.uniform(0, whole.seconds))
        if end(process, moments[-1]) is not None:
            moments.pop()
            break
        process.kill()
        end(process)
        begun = (run / "hydra" / "overrides.yaml").exists()  # the last thing that Hydra writes before a run begins
        if not begun:
            shutil.rmtree(run, ignore_errors=True)
        process = begin(folder, *(["resume=run"] if begun else RUN), draws=True)
    assert end(process) == 0, (moments, said(folder))
    assert results(run) == whole.results, (moments, said(folder))
    assert not any((run / name).exists() for name in CHECKPOINTS)
    assert not list(run.rglob(".*"))
    return len(moments)


def survive(folder: Path, whole: Whole, number: int, seed: int) -> None:
    generator, survived, run = random.Random(seed), 0, 0
    while survived < number:
        run += 1
        (folder / str(run)).mkdir()
        survived += kills(folder / str(run), whole, min(8, number - survived), generator)


def test_killed_runs_go_on_to_the_same_bytes(tmp_path: Path, whole: Whole) -> None:
    survive(tmp_path, whole, 1, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_runs_killed_at_a_hundred_moments_go_on_to_the_same_bytes(tmp_path: Path, whole: Whole, seed: int) -> None:
    survive(tmp_path, whole, 20, seed)


def test_the_same_command_leaves_the_same_bytes(tmp_path: Path, whole: Whole) -> None:
    assert end(begin(tmp_path, *RUN, draws=True)) == 0, said(tmp_path)
    assert results(tmp_path / "run") == whole.results


@pytest.mark.slow
@pytest.mark.parametrize("task", ["recover", "jpeg"])
def test_the_same_command_of_another_task_leaves_the_same_bytes(task: str, tmp_path: Path) -> None:
    left = []
    for name in ("one", "another"):
        (tmp_path / name).mkdir()
        arguments = [f"task={task}", "initial=noise" if task == "recover" else "seed=3", *RUN[1:], "steps=12"]
        assert end(begin(tmp_path / name, *arguments, draws=True)) == 0, said(tmp_path / name)
        left.append(results(tmp_path / name / "run"))
    assert left[0] == left[1]


def test_ctrl_c_writes_everything_and_exits_130(tmp_path: Path) -> None:
    process = begin(tmp_path, *RUN, "steps=100000", "stopping.patience=100000")
    run, deadline = tmp_path / "run", time.monotonic() + 300
    history = run / "history.csv"
    while time.monotonic() < deadline and not (history.exists() and len(history.read_text().splitlines()) > 3):
        time.sleep(0.05)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    assert end(process) == 130, said(tmp_path)
    metrics = json.loads((run / "metrics.json").read_text())
    assert (metrics["status"], metrics["stop_reason"]) == ("interrupted", "interrupted")
    assert (run / "result.png").is_file()


SWEEP = [
    *("-m", "seed=1,2", "hydra.sweep.dir=sweep", "hydra.sweep.subdir=${hydra.job.num}"),
    *(argument for argument in LITTLE if not argument.startswith("hydra.")),
]


@pytest.fixture(scope="module")
def whole_sweep(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("whole")
    assert end(begin(folder, *SWEEP)) == 0, said(folder)
    return [results(folder / "sweep" / job) for job in "01"]


@pytest.mark.parametrize("alone", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("place", "call", "sent", "status_left"),
    [
        ("enhance.runs.progress:Progress.show", 5, signal.SIGKILL, "running"),
        pytest.param("enhance.runs.progress:Progress.show", 5, signal.SIGINT, "interrupted", marks=pytest.mark.slow),
        ("enhance.report.animation:progress_gif", 1, signal.SIGKILL, "drawing"),
    ],
)
def test_a_sweep_that_is_cut_off_goes_on_to_the_same_bytes(
    tmp_path: Path, whole_sweep: list[dict[str, Any]], place: str, call: int, sent: int, status_left: str, alone: bool
) -> None:
    cut = end(begin(tmp_path, *SWEEP, dying=(place, call, sent)))
    assert cut == (130 if sent == signal.SIGINT else -sent), said(tmp_path)
    assert json.loads((tmp_path / "sweep" / "0" / "metrics.json").read_text())["status"] == status_left
    if sent == signal.SIGINT:
        assert "0 of 1 jobs finished" in said(tmp_path)
    if alone:  # the job by itself first
        assert end(begin(tmp_path, "resume=sweep/0")) == 0, said(tmp_path)
    history = (tmp_path / "sweep" / "0" / "history.csv").read_bytes()
    assert end(begin(tmp_path, *SWEEP, "sweep.resume=true")) == 0, said(tmp_path)
    assert "2 of 2 jobs finished" in said(tmp_path)
    if alone or status_left == "drawing":  # no step is made twice
        assert (tmp_path / "sweep" / "0" / "history.csv").read_bytes() == history
    assert [results(tmp_path / "sweep" / job) for job in "01"] == whole_sweep
    assert not list((tmp_path / "sweep").glob("*/checkpoint*"))
