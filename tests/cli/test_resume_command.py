"""Runs that were interrupted, failed or died go on from their folder, and nothing else goes on."""

from __future__ import annotations

import errno
import json
import shlex
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Ended
from processes import LITTLE, results

from enhance.runs.checkpoint import Checkpoints
from enhance.runs.history import Row
from enhance.runs.layout import CHECKPOINTS
from enhance.runs.progress import Progress
from enhance.utils.files import lock


@pytest.fixture
def broken(enhance: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose disk was full in the middle."""
    show = Progress.show

    def full(self: Progress, row: Row) -> None:
        show(self, row)
        if row.step == 4:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Progress, "show", full)
    monkeypatch.setattr(Checkpoints, "due", lambda self: True)
    ended = enhance(*LITTLE)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert ended.code == 2
    sentence = ended.err.strip().splitlines()[-1]
    assert "No space left on device" in sentence
    assert f"resume={tmp_path / 'run'} goes on" in sentence
    return tmp_path / "run"


def status(run: Path) -> str:
    return json.loads((run / "metrics.json").read_text())["status"]


def test_a_run_goes_on_when_the_disk_has_room_again(enhance: Callable[..., Ended], broken: Path) -> None:
    assert status(broken) == "running"
    ended = enhance("resume=run")
    assert ended.code == 0
    assert "resumed after step 3" in ended.err
    assert status(broken) == "finished"
    assert results(broken)["metrics"]["command"] == shlex.join(
        ["python", "-m", "enhance", *(argument for argument in LITTLE if not argument.startswith("hydra."))]
    )
    again = enhance(f"resume={broken}")
    assert again.code == 0
    assert "finished; there is nothing to resume" in again.out


def test_a_run_that_died_before_its_first_checkpoint_begins_anew_in_its_folder(
    enhance: Callable[..., Ended], broken: Path
) -> None:
    for name in CHECKPOINTS:
        (broken / name).unlink()
    (broken / "frames" / "step_000077.png").write_bytes(b"stale")
    (broken / ".history.csv.x.partial").write_bytes(b"half")
    assert enhance("resume=run").code == 0
    assert [row["step"] for row in results(broken)["history"]] == [str(step) for step in range(7)]
    assert not (broken / "frames" / "step_000077.png").exists()
    assert not list(broken.rglob(".*"))


def test_a_run_may_be_moved_and_resumed_from_anywhere(
    enhance: Callable[..., Ended], broken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "else where" / "deep").mkdir(parents=True)
    moved = broken.rename(tmp_path / "else where" / "it's=here")
    monkeypatch.chdir(tmp_path / "else where" / "deep")
    assert enhance("resume=../it's=here").code == 0
    assert status(moved) == "finished"
    assert not broken.exists()


def test_checkpoints_of_other_settings_pictures_or_no_run_are_refused(
    enhance: Callable[..., Ended], broken: Path, tmp_path: Path
) -> None:
    def refused(argument: str, *sentences: str) -> None:
        ended = enhance(argument)
        assert ended.code == 2, ended
        assert len(ended.err.strip().splitlines()) == 1, ended.err
        for sentence in sentences:
            assert sentence in ended.err

    settings = broken / "hydra" / "config.yaml"
    before = settings.read_text()
    for old, new, name in (
        ("seed: 0\ndevice", "seed: 1\ndevice", "seed"),
        ("reference: astronaut", "reference: coffee", "reference"),
        ("size: 32", "size: 33", "size"),
    ):
        assert old in before
        settings.write_text(before.replace(old, new))
        refused("resume=run", "another run", name)
    settings.write_text(before.replace("name: deepjsd", "name: deepwds"))
    refused("resume=run", "deepwsd")
    settings.write_text(before.replace("steps: 6", "steps: -6"))
    refused("resume=run", "at least 1")
    settings.write_text(before[: len(before) // 2])
    refused("resume=run")
    for garbage in ("", "{", "\0", "[1]", "nonsense: true"):
        settings.write_text(garbage)
        refused("resume=run", "holds no run that can go on" if garbage[:1] != "\0" else "damaged")
    settings.write_text(before)
    with lock(broken):
        refused("resume=run", "Another process")
    assert enhance("resume=run").code == 0
    refused("resume=nowhere", "no run that can go on")
    refused("resume=", "no run that can go on")
    (tmp_path / "file").touch()
    refused("resume=file", "no run that can go on")
    assert enhance("resume=run", "steps=9").code == 2


@pytest.mark.parametrize(
    "written", [{}, {"config": ""}, {"config": "seed: 1", "hydra": ""}, {"config": "seed: 1", "hydra": "hydra: {}"}]
)
def test_a_run_that_was_killed_before_its_first_step_says_that_nothing_is_lost(
    enhance: Callable[..., Ended], tmp_path: Path, written: dict[str, str]
) -> None:
    (tmp_path / "run" / "hydra").mkdir(parents=True)
    for name, text in written.items():
        (tmp_path / "run" / "hydra" / f"{name}.yaml").write_text(text)
    ended = enhance("resume=run")
    assert ended.code == 2
    assert "nothing is lost: give its command again" in ended.err
    assert enhance(*LITTLE[:-1], "frames.count=2").code == 0


def test_the_classes_that_a_folder_names_for_its_log_are_not_made(enhance: Callable[..., Ended], broken: Path) -> None:
    settings = broken / "hydra" / "hydra.yaml"
    before = settings.read_text()
    handler = "{class: logging.FileHandler, filename: elsewhere.txt}"
    settings.write_text(
        before.replace("    handlers:\n      terminal:", f"    handlers:\n      x: {handler}\n      terminal:")
    )
    assert "elsewhere.txt" in settings.read_text()
    assert enhance("resume=run").code == 0
    assert not Path("elsewhere.txt").exists()


def test_a_folder_that_holds_a_run_is_not_written_over(enhance: Callable[..., Ended], broken: Path) -> None:
    before = {file: file.read_bytes() for file in broken.rglob("*.png")}
    ended = enhance(*LITTLE)
    assert ended.code == 2
    assert "run holds a metrics.json already" in ended.err
    assert {file: file.read_bytes() for file in broken.rglob("*.png")} == before
    assert enhance("resume=run").code == 0


@pytest.mark.draws("progress_gif")
def test_ctrl_c_leaves_a_run_that_can_go_on(
    enhance: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = Progress.show

    def interrupting(self: Progress, row: Row) -> None:
        show(self, row)
        if row.step == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Progress, "show", interrupting)
    ended = enhance(*LITTLE)
    assert ended.code == 130
    assert "To go on: python -m enhance resume=" in ended.err
    metrics = results(tmp_path / "run")["metrics"]
    assert (metrics["status"], metrics["stop_reason"], metrics["steps_made"]) == ("interrupted", "interrupted", 2)
    monkeypatch.setattr(Progress, "show", show)
    assert enhance("resume=run").code == 0
    interrupted = results(tmp_path / "run")
    assert enhance(*LITTLE[:-1], "frames.count=3", "hydra.run.dir=whole").code == 0
    interrupted["metrics"]["command"] = ""
    uninterrupted = results(tmp_path / "whole")
    uninterrupted["metrics"]["command"] = ""
    assert interrupted == uninterrupted


def test_ctrl_c_while_a_sweep_draws_finishes_the_drawing_and_ends_the_sweep(
    enhance: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(folder: Path) -> None:
        signal.raise_signal(signal.SIGINT)
        (folder / "drawn").touch()

    monkeypatch.setattr("enhance.report.render.render", draw)
    little = [argument for argument in LITTLE if not argument.startswith("hydra.")]
    ended = enhance("-m", "seed=1,2", *little, "hydra.sweep.dir=sweep", "hydra.sweep.subdir=${hydra.job.num}")
    assert ended.code == 130
    assert status(tmp_path / "sweep" / "0") == "finished"
    assert (tmp_path / "sweep" / "0" / "drawn").exists()
    assert not (tmp_path / "sweep" / "1").exists()


def test_a_job_of_a_sweep_goes_on(
    enhance: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show, failed = Progress.show, []

    def fail_once(self: Progress, row: Row) -> None:
        show(self, row)
        if row.step == 3 and not failed:
            failed.append(row)
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Progress, "show", fail_once)
    little = [argument for argument in LITTLE if not argument.startswith("hydra.")]
    ended = enhance("-m", "seed=1,2", *little, "hydra.sweep.dir=sweep", "hydra.sweep.subdir=${hydra.job.num}")
    assert ended.code == 1
    assert "No space left on device" in ended.err
    assert (status(tmp_path / "sweep" / "0"), status(tmp_path / "sweep" / "1")) == ("running", "finished")
    assert enhance("resume=sweep/0").code == 0
    assert status(tmp_path / "sweep" / "0") == "finished"


def test_a_disk_that_is_full_while_figures_are_drawn_leaves_a_run_that_looks_unfinished(
    enhance: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(context: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("enhance.report.animation.progress_gif", full)
        ended = enhance(*LITTLE)
    assert ended.code == 2
    assert "No space left on device" in ended.err
    run = tmp_path / "run"
    history = (run / "history.csv").read_bytes()
    assert status(run) == "drawing"
    assert enhance("resume=run").code == 0
    assert status(run) == "finished"
    assert (run / "history.csv").read_bytes() == history
    assert (run / "report.html").is_file()
    assert (run / "progress.gif").is_file()
