"""The command as users type it, in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Ended
from PIL import Image

from enhance.__main__ import _as_ctrl_c
from enhance.backbones.registry import ARCHITECTURES
from enhance.cli.help import help_text
from enhance.metrics.registry import METRICS
from enhance.runs.interrupt import Interrupt

QUICK = ["backbone=squeezenet", "backbone.weights=untrained", "size=32", "frames.count=3", "threads=1"]


def command(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "enhance", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,  # a busy machine is no failure
        check=False,
    )


def folders(parent: Path) -> list[Path]:
    return sorted(file.parent for file in parent.glob("outputs/**/metrics.json"))


def test_help_leaves_names_as_they_are_written() -> None:
    text = help_text()
    for row in (*METRICS.values(), *ARCHITECTURES.values()):
        assert f" {row.summary}\n" in text
    assert "  jpeg          a copy that went" in text


def test_help_names_everything_without_torch(tmp_path: Path) -> None:
    script = (
        "import sys; sys.argv[1:] = ['--help']\n"
        "from enhance.cli.main import main; main(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
    for word in (
        "recover",
        "denoise",
        "deblur",
        "jpeg",
        "deepwsd",
        "deepjsd",
        "deepskld",
        "vgg19",
        "efficientnet",
        "astronaut",
        "stopping.seconds",
        "schedule.warmup",
        "coarse=true",
        "compile=true",
        "autocast=bfloat16",
    ):
        assert word in done.stdout


def test_mistakes_are_answered_without_torch(tmp_path: Path) -> None:
    script = """
import sys
from enhance.cli.main import main
for argument in ("stepz=1", "resume=nowhere", "task=report", "steps=0", "metric=deepwds", "--stepz"):
    sys.argv[1:] = [argument]
    try: main()
    except SystemExit as ended: print(argument, ended.code, "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    answered = [line.split()[1:] for line in done.stdout.splitlines()]
    assert answered == [["2", "False"]] * 6, done
    assert len(done.stderr.splitlines()) == 6


def test_importing_the_package_imports_no_torch() -> None:
    script = "import sys, enhance; print('torch' in sys.modules, 'hydra' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_a_run_leaves_its_folder(tmp_path: Path) -> None:
    quick = [each for each in QUICK if not each.startswith("backbone")]  # the embedded one needs no torchvision
    done = command("task=denoise", "metric=deepjsd", "steps=4", *quick, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = folders(tmp_path)
    assert str(folder.relative_to(tmp_path)) in done.stdout
    results = json.loads((folder / "metrics.json").read_text())
    assert results["command"].startswith("python -m enhance task=denoise metric=deepjsd steps=4")
    assert results["backbone"]["pretrained"] is True
    images = "result.png initial.png reference.png comparison.png curves.png progress.gif"
    texts = "history.csv run.log hydra/config.yaml"
    assert not [name for name in f"{images} {texts}".split() if not (folder / name).is_file()]
    with Image.open(folder / "comparison.png") as figure:
        assert figure.width > 1000  # at 200 dots an inch
    assert len((folder / "history.csv").read_text().splitlines()) == 1 + 5
    log = (folder / "run.log").read_text()
    assert results["command"] in log
    assert f"best loss {results['best']['loss']:.6g}" in log
    assert all(" enhance" in line for line in log.splitlines()), "libraries' chatter is no log of a run"


@pytest.mark.slow
def test_a_compiled_run_ends_close_to_the_plain_one_and_is_silent_about_cuda(tmp_path: Path) -> None:
    losses = {}
    for compiled in ("true", "false"):
        done = command("metric=deepjsd", "steps=5", f"compile={compiled}", *QUICK, "device=cpu", folder=tmp_path)
        if "compile=true does not work here" in done.stderr:
            pytest.skip("there is no compiler")
        assert done.returncode == 0, done.stderr
        assert "CUDA" not in done.stderr
        losses[compiled] = json.loads((folders(tmp_path)[-1] / "metrics.json").read_text())["best"]["loss"]
    assert losses["true"] == pytest.approx(losses["false"], rel=0.02)


def test_a_sweep_keeps_going_past_a_job_that_fails(enhance: Callable[..., Ended], tmp_path: Path) -> None:
    ended = enhance("-m", "reference=astronaut,missing.png", "metric=deepjsd", "steps=1", *QUICK)
    assert ended.code == 1
    assert len(folders(tmp_path)) == 1
    assert "missing.png" in ended.err
    assert "Traceback" not in ended.err


def test_a_typo_ends_in_one_line_and_leaves_no_run(tmp_path: Path) -> None:
    done = command("metric=deepwds", *QUICK, folder=tmp_path)
    assert done.returncode == 2
    assert "deepwsd" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not folders(tmp_path)


@pytest.mark.parametrize(
    ("module", "sent", "before"),
    [
        *((module, "SIGINT", "default_int_handler") for module in ("enhance.cli.main", "hydra", "torch")),
        *(("hydra", "SIGTERM", before) for before in ("default_int_handler", "SIG_IGN")),
        ("hydra", "SIGHUP", "default_int_handler"),
    ],
)
def test_ctrl_c_sigterm_and_a_closed_terminal_while_starting_exit_130_without_a_traceback(
    module: str, sent: str, before: str, tmp_path: Path
) -> None:
    script = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.{before})  # a shell's background jobs begin with it ignored
signal.signal(signal.SIGHUP, signal.SIG_DFL)
class Pressing:
    def find_spec(self, name, *rest):
        if name == "{module}":
            signal.raise_signal(signal.{sent})
sys.meta_path.insert(0, Pressing())
sys.argv[1:] = ["steps=1"]
from enhance.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")
    assert not folders(tmp_path)


def test_sigterm_asks_a_run_to_stop_after_its_step(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupt() as interrupt:
        _as_ctrl_c(signal.SIGTERM, None)
        assert interrupt.requested
        assert signal.getsignal(signal.SIGINT) is before  # a second one stops it at once
    assert "stopping after this step" in capsys.readouterr().err


def test_a_terminal_that_is_closed_asks_once(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGHUP)
    try:
        with Interrupt() as interrupt:
            _as_ctrl_c(signal.SIGHUP, None)
            signal.raise_signal(signal.SIGHUP)  # its shell sends one too
            assert interrupt.requested
    finally:
        signal.signal(signal.SIGHUP, before)


def test_two_runs_of_one_second_get_two_folders(tmp_path: Path) -> None:
    from enhance.config.paths import claim_folder

    assert len({claim_folder(str(tmp_path), "run") for _ in range(5)}) == 5


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["task=denoise", "--cfg", "job"]])
def test_a_reader_that_has_gone_gets_no_traceback(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "enhance", *arguments], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, b"")
