"""Runs that are really killed, at any moment, and go on: what they leave is what an uninterrupted run leaves."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import random
import shutil
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from enhance import cli
from enhance.runs.folder import CHECKPOINTS

STEPS = 60
RUN = [
    "task=denoise",
    "metric=deepjsd",
    f"steps={STEPS}",
    "stopping.patience=50",
    "backbone=squeezenet",
    "backbone.weights=untrained",
    "size=32",
    "frames.count=9",
    "threads=1",
    "checkpoint=0",
    "hydra.run.dir=run",
]


_FORK = multiprocessing.get_context("forkserver")  # a life costs no import of torch


def _live(folder: Path, arguments: list[str]) -> None:
    os.chdir(folder)
    os.environ["MPLBACKEND"] = "agg"
    sys.argv[1:] = arguments
    with (folder / "said.txt").open("a") as stream, redirect_stdout(stream), redirect_stderr(stream):
        cli.main()


def begin(folder: Path, *arguments: str) -> ForkServerProcess:
    """`python -m enhance ARGUMENTS` in a folder and a process of its own."""
    _FORK.set_forkserver_preload(["enhance.experiment", "enhance.cli", "enhance.runs.figures"])
    process = _FORK.Process(target=_live, args=(folder, list(arguments)))
    process.start()
    return process


def end(process: ForkServerProcess, seconds: float = 300) -> int | None:
    """Its exit code; None if it is still alive after so many seconds."""
    process.join(seconds)
    return process.exitcode


def said(folder: Path) -> str:
    return (folder / "said.txt").read_text()


@dataclass
class Whole:
    results: dict[str, Any]
    seconds: float


def results(folder: Path) -> dict[str, Any]:
    """Every file of a run that does not tell time: what must be the same."""
    with (folder / "history.csv").open(newline="") as stream:
        history = [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(stream)]
    files = [file for file in folder.rglob("*") if file.suffix in (".png", ".gif", ".pdf")]
    metrics = json.loads((folder / "metrics.json").read_text())
    for key in ("seconds", "seconds_per_step", "peak_memory_bytes"):
        del metrics[key]
    return {
        "history": history,
        "metrics": metrics,
        **{str(file.relative_to(folder)): file.read_bytes() for file in files},
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """What an uninterrupted run leaves, and how long it takes."""
    folder = tmp_path_factory.mktemp("whole")
    end(begin(folder, "--version"))  # the processes' own start
    started = time.monotonic()
    assert end(begin(folder, *RUN)) == 0, said(folder)
    assert not any((folder / "run" / name).exists() for name in CHECKPOINTS)
    return Whole(results(folder / "run"), time.monotonic() - started)


def kills(folder: Path, whole: Whole, most: int, generator: random.Random) -> int:
    """Start a run, kill it at a random moment, resume it, kill it again, until it ends by itself or has been killed
    `most` times and is let live; then it must have left what the uninterrupted one left. Returns the kills.
    """
    moments: list[float] = []
    run = folder / "run"
    process = begin(folder, *RUN)
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
        process = begin(folder, *(["resume=run"] if begun else RUN))
    assert end(process) == 0, (moments, said(folder))
    assert results(run) == whole.results, (moments, said(folder))
    assert not any((run / name).exists() for name in CHECKPOINTS)
    assert not list(run.rglob(".*"))
    return len(moments)


def survive(folder: Path, whole: Whole, number: int) -> None:
    seed = random.randrange(2**32)
    generator, survived, run = random.Random(seed), 0, 0
    while survived < number:
        run += 1
        (folder / str(run)).mkdir()
        survived += kills(folder / str(run), whole, min(8, number - survived), generator)
    print(f"seed {seed}: {run} runs survived {survived} kills")


def test_killed_runs_go_on_to_the_same_bytes(tmp_path: Path, whole: Whole) -> None:
    survive(tmp_path, whole, 4)


@pytest.mark.slow
def test_a_hundred_kills(tmp_path: Path, whole: Whole) -> None:
    survive(tmp_path, whole, 100)
