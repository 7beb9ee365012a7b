"""Commands in processes of their own, which can be killed, and what they leave."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import composing
import pytest
from helpers import no_drawing

from enhance.cli import main as cli
from enhance.runs.checkpoint import Checkpoints

STEPS = 24
RUN = [
    "task=denoise",
    "metric=deepjsd",
    f"steps={STEPS}",
    "stopping.patience=20",
    "backbone=squeezenet",
    "backbone.weights=untrained",
    "size=32",
    "frames.count=5",
    "threads=1",
    "checkpoint=0",
    "hydra.run.dir=run",
]
LITTLE = [argument for argument in RUN if not argument.startswith("steps=")] + ["steps=6", "frames.count=3"]


_FORK = multiprocessing.get_context("forkserver")
_FORK.set_forkserver_preload(  # what every run imports: a process begins with it
    [
        *("composing", "helpers", "hydra._internal.core_plugins", "hydra.experimental.callback", "fontTools.subset"),
        *("torch._dynamo", "torchvision.models", "imageio.plugins.pillow", "fontTools.ttLib.tables._g_l_y_f"),
        *("matplotlib.backends.backend_agg", "matplotlib.backends.backend_pdf"),
        *(
            "enhance.cli.flags",
            "enhance.cli.overrides",
            "enhance.cli.resume",
            "enhance.experiment.run",
            "enhance.report.sweep.summary",
        ),
        *("enhance.report.figures", "enhance.report.animation", "enhance.report.html"),
    ]
)


def _live(folder: Path, arguments: list[str], draws: bool) -> None:
    os.chdir(folder)
    os.environ["MPLBACKEND"] = "agg"
    composing.once()
    sys.argv[1:] = arguments
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore
    with (folder / "said.txt").open("a") as stream, redirect_stdout(stream), redirect_stderr(stream):
        if not draws:
            no_drawing(pytest.MonkeyPatch())
        cli.main()


def _die(folder: Path, arguments: list[str], draws: bool, place: str, call: int, sent: int) -> None:
    """`_live`, with a checkpoint at every step, until the n-th call of a function: then the signal comes."""
    patch = pytest.MonkeyPatch()
    if not draws:
        no_drawing(patch)
    original, calls = resolve_name(place), list[Any]()

    def signalled(*rest: Any) -> Any:
        calls.append(rest)
        if len(calls) == call:
            os.kill(os.getpid(), sent)
        return original(*rest)

    patch.setattr(place.replace(":", "."), signalled)
    patch.setattr(Checkpoints, "due", lambda self: True)
    _live(folder, arguments, True)


def begin(
    folder: Path, *arguments: str, dying: tuple[str, int, int] | None = None, draws: bool = False
) -> ForkServerProcess:
    """`python -m enhance ARGUMENTS` in a folder and a process of its own.

    Args:
        folder: where it starts, and where `said` finds what it says.
        arguments: of the command.
        dying: see `_die`.
        draws: whether the figures are drawn; see `helpers.no_drawing`.
    """
    process = _FORK.Process(target=_die if dying else _live, args=(folder, list(arguments), draws, *(dying or ())))
    process.start()
    return process


def end(process: ForkServerProcess, seconds: float = 300) -> int | None:
    """Its exit code; None if it is still alive after so many seconds."""
    process.join(seconds)
    return process.exitcode


def said(folder: Path) -> str:
    return (folder / "said.txt").read_text()


def results(folder: Path) -> dict[str, Any]:
    """Every file of a run that does not hold times: what must be the same."""
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
