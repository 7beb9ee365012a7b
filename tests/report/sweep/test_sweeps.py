"""A sweep's summary is rebuilt from its folders, whatever became of the jobs."""

from __future__ import annotations

import csv
import json
import shlex
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from helpers import job
from hydra.core.plugins import Plugins

from enhance.cli import main as cli
from enhance.cli.overrides import tool_settings
from enhance.config.schema import Config
from enhance.images.writing import save_image
from enhance.report.sweep.jobs import read_sweep
from enhance.report.sweep.page import curves
from enhance.report.sweep.sheet import shared_picture
from enhance.report.sweep.summary import summarise
from enhance.runs.sweep import (
    finished_loss,
    mark_failed,
    newest_sweep,
    record_command,
    requested_folder,
    resume_requested,
)

QUICK = ["backbone=squeezenet", "backbone.weights=untrained", "size=16", "frames.count=2", "threads=1", "steps=1"]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    folder = tmp_path / "12-00-00-sweep-recover"
    job(folder, 0, ["metric=deepjsd", "backbone=vgg16", "steps=3"], 20.0)
    job(folder, 1, ["metric=deepwsd", "backbone=vgg16", "steps=3"], 30.0)
    job(folder, 2, ["metric=deepjsd", "backbone=<b>odd</b>", "steps=3"], 25.0, "running")
    mark_failed(job(folder, 10, ["metric=deepwsd", "backbone=<b>odd</b>", "steps=3"], None), "There is no <i>file</i>.")
    return folder


def test_what_varies_is_found_and_jobs_are_ranked(sweep: Path) -> None:
    found = read_sweep(sweep)
    assert found.varying == ["metric", "backbone"]
    assert [job.number for job in found.jobs] == [0, 1, 2, 10]
    assert [job.number for job in found.ranked()] == [1, 0, 2, 10]
    assert [job.state for job in found.ranked()] == ["finished", "finished", "unfinished", "failed"]


def test_the_summary_is_whole_though_a_job_failed(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_module("enhance.cli.commands.summary").run(tool_settings("summary", [f"sweep={sweep}"])) == 0
    said = capsys.readouterr().out
    assert "best" in said
    assert "2 of 4 jobs finished" in said
    with open(sweep / "summary.csv", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["rank"] for row in rows] == ["1", "2", "", ""]
    assert rows[3]["stop_reason"] == "There is no <i>file</i>."
    page = (sweep / "summary.html").read_text()
    assert "<b>odd" not in page
    assert "<i>file" not in page
    assert "There is no &lt;i&gt;file" in page
    assert (sweep / "summary.png").stat().st_size > 1000


@pytest.mark.parametrize(("file", "shown"), [("result.png", True), ("best-A.png", True), ("other.png", False)])
def test_the_page_shows_the_result_of_a_job_or_the_first_image_of_a_duel(
    file: str, shown: bool, tmp_path: Path
) -> None:
    for number in range(2):
        made = job(tmp_path, number, [f"seed={number}"], 20.0 + number)
        (made / "result.png").rename(made / file)
    summarise(tmp_path)
    assert ("data:image/webp" in (tmp_path / "summary.html").read_text()) == shown


def test_a_reason_is_given_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        mark_failed(job(tmp_path, number, [f"seed={number}"], None), "There is no file [bold]lost.png[/bold].")
    summarise(tmp_path)
    assert capsys.readouterr().out.count("There is no file [bold]lost.png[/bold].") == 1
    page = (tmp_path / "summary.html").read_text()
    assert page.count("lost.png") == 1
    assert page.count("run.log") == 6  # in the ranking, and beside the reason
    assert not (tmp_path / "summary.png").exists()


def test_curves_share_their_axes(sweep: Path) -> None:
    for folder, last, psnr in (("0-recover", 10, 20.0), ("1-recover", 40, 30.0)):
        rows = "".join(f"{step},1,1,0.1,{psnr * step / last},,1\n" for step in range(last + 1))
        (sweep / folder / "history.csv").write_text(f"step,loss,score,lr,psnr,ssim,seconds\n{rows}")
    (long, points), (short, others) = curves(read_sweep(sweep).ranked()).lines
    assert (long.number, short.number) == (1, 0)
    ends = [tuple(map(float, line.split()[-1].split(","))) for line in (points, others)]
    starts = [tuple(map(float, line.split()[0].split(","))) for line in (points, others)]
    assert starts[0] == starts[1]
    assert ends[1][0] - starts[1][0] == pytest.approx((ends[0][0] - starts[0][0]) / 4, abs=0.1)
    assert ends[1][1] - starts[1][1] == pytest.approx((ends[0][1] - starts[0][1]) * 2 / 3, abs=0.1)


def test_the_reference_is_shown_where_all_jobs_have_the_same(sweep: Path) -> None:
    for number in (0, 1):
        save_image(torch.full((1, 3, 16, 16), 0.5), sweep / f"{number}-recover" / "reference.png")
    assert shared_picture(read_sweep(sweep)) == ("reference", sweep / "0-recover" / "reference.png")
    save_image(torch.full((1, 3, 16, 16), 0.6), sweep / "1-recover" / "reference.png")
    assert shared_picture(read_sweep(sweep)) is None


def test_no_job_is_shown_beside_the_reference_of_another(tmp_path: Path) -> None:
    (job(tmp_path, 0, ["reference=chelsea"], 20.0) / "reference.png").touch()
    job(tmp_path, 1, ["reference=nothing.png"], None, "failed")
    assert shared_picture(read_sweep(tmp_path)) is None


def test_a_job_that_fails_in_any_way_does_not_end_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(config: Config, *rest: object) -> float:
        if config.seed == 2:
            raise RuntimeError("CUDA out of memory.")
        return 0.5

    monkeypatch.setattr("enhance.experiment.run.run", run)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["enhance", "-m", "seed=1,2,3", *QUICK])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2  # none of them has left anything
    said = capsys.readouterr().out
    assert "failed: RuntimeError: CUDA out of memory." in said
    (log,) = tmp_path.glob("outputs/*/*/1-*/run.log")
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (RuntimeError("A worker died."), 2)])
def test_a_sweep_that_is_cut_off_is_summarised(
    error: BaseException, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Sweeper:
        def sweep(self, arguments: list[str]) -> None:
            (folder,) = tmp_path.glob("outputs/*/*")
            job(folder, 0, ["seed=1"], 20.0)
            raise error

    monkeypatch.setattr(Plugins, "instantiate_sweeper", lambda self, **settings: Sweeper())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["enhance", "-m", "seed=1,2", *QUICK])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code
    said = capsys.readouterr()
    assert "1 of 1 jobs finished" in said.out
    assert "sweep.resume=true goes on" in said.err


def test_one_setting_or_none_that_varies(tmp_path: Path) -> None:
    for number in range(8):
        job(tmp_path / "one", number, [f"seed={number}"], 20.0 + number)
    assert summarise(tmp_path / "one").varying == ["seed"]
    job(tmp_path / "single", 0, ["seed=1"], 20.0)
    assert summarise(tmp_path / "single").varying == []
    assert (tmp_path / "single" / "summary.png").is_file()


def test_a_folder_without_jobs_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ValueError, match="no folder of a sweep"):
            read_sweep(folder)


def test_the_newest_sweep_of_the_same_command_is_found(tmp_path: Path) -> None:
    for name in ("2026-01-01/10-00-00-sweep-recover", "2026-01-02/09-00-00-sweep-recover", "2026-01-03/x-sweep-jpeg"):
        record_command(tmp_path / name, ["seed=1,2", "sweep.resume=true"] if "recover" in name else ["seed=1"])
    assert newest_sweep(["seed=1,2", "sweep.resume=true"], tmp_path) == tmp_path / "2026-01-02/09-00-00-sweep-recover"
    assert newest_sweep(["seed=3"], tmp_path) is None


def test_a_job_that_was_interrupted_or_killed_is_not_finished(sweep: Path) -> None:
    assert finished_loss(sweep / "1-recover", "python -m enhance") == pytest.approx(1 / 30)
    assert finished_loss(sweep / "1-recover", "python -m enhance seed=1") is None  # another's
    metadata = json.loads((sweep / "1-recover" / "metrics.json").read_text())
    for status in ("running", "drawing", "interrupted"):
        (sweep / "1-recover" / "metrics.json").write_text(json.dumps(metadata | {"status": status}))
        assert finished_loss(sweep / "1-recover", "python -m enhance") is None
        assert read_sweep(sweep).jobs[1].state == "unfinished"


def test_the_same_command_again_makes_only_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["enhance", "-m", "metric=deepjsd", "reference=astronaut,later.png", *QUICK]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "1 of 2 jobs finished" in capsys.readouterr().out
    (folder,) = tmp_path.glob("outputs/*/*")
    first = folder / "0-recover-deepjsd-squeezenet"
    before = (first / "metrics.json").stat().st_mtime_ns
    save_image(torch.rand(1, 3, 32, 32), tmp_path / "later.png")
    monkeypatch.setattr(sys, "argv", [*command, "sweep.resume=true"])
    cli.main()
    assert "2 of 2 jobs finished" in capsys.readouterr().out
    assert len(list(tmp_path.glob("outputs/*/*"))) == 1
    assert (first / "metrics.json").stat().st_mtime_ns == before
    again = json.loads((folder / "1-recover-deepjsd-squeezenet" / "metrics.json").read_text())["command"]
    assert again == shlex.join(["python", "-m", "enhance", "metric=deepjsd", "reference=later.png", *QUICK])
    assert read_sweep(folder).varying == ["reference"]


def test_a_folder_that_is_named_is_not_given_to_two_sweeps(tmp_path: Path) -> None:
    record_command(tmp_path / "mine", ["seed=1,2", f"hydra.sweep.dir={tmp_path}/mine"])
    (same, other), where = (["seed=1,2"], ["seed=3,4"]), f"hydra.sweep.dir='{tmp_path}/mine'"
    assert requested_folder([*same, where, "sweep.resume=true"], resume=True) == tmp_path / "mine"
    assert requested_folder(same, resume=False) is None
    with pytest.raises(ValueError, match="go on with"):
        requested_folder([*same, where], resume=False)
    for resume in (True, False):
        with pytest.raises(ValueError, match="another command"):
            requested_folder([*other, where], resume)


@pytest.mark.parametrize(("given", "asked"), [("true", True), ("Yes", True), ("false", False), ("null", False)])
def test_whether_an_earlier_sweep_goes_on(given: str, asked: bool) -> None:
    assert resume_requested(["seed=1,2", f"sweep.resume={given}"]) is asked


def test_the_lowest_loss_is_given_where_losses_can_be_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, loss in enumerate((0.3, 0.1, 0.2)):
        folder = job(tmp_path, number, [f"seed={number}"], 30.0 - number)
        metadata = json.loads((folder / "metrics.json").read_text())
        metadata["best"]["loss"], metadata["metric"] = loss, {"name": "deepjsd"}
        (folder / "metrics.json").write_text(json.dumps(metadata))
    assert [job.number for job in summarise(tmp_path).ranked()] == [0, 1, 2]
    best, lowest, _ = map(str.rstrip, capsys.readouterr().out.splitlines()[1:4])
    assert best.endswith("best")
    assert lowest.endswith("lowest loss")
    assert "is that of 1." in (tmp_path / "summary.html").read_text()
    other = (tmp_path / "2-recover" / "metrics.json").read_text().replace("deepjsd", "deepwsd")
    (tmp_path / "2-recover" / "metrics.json").write_text(other)
    assert read_sweep(tmp_path).lowest_loss() is None
