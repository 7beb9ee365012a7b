"""A run that was cut off goes on as if nothing had happened, and what it left before is honest."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import picture, steps

from enhance.images.pictures import load_image
from enhance.optim.frames import FramePlan
from enhance.optim.step import Step
from enhance.report.render import render
from enhance.runs.history import HistoryWriter, Row, cut, read
from enhance.runs.recorder import Recorder

COUNT = 20
PLAN = FramePlan(count=8, steps=COUNT)


def begin(folder: Path) -> Recorder:
    folder.mkdir()
    return Recorder(folder, picture(24, 30), next(steps(24, 30, COUNT)).image, metadata={"seed": 1}, frames=PLAN)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "metrics.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def figures(folder: Path) -> dict:
    results = json.loads((folder / "metrics.json").read_text())
    return {key: value for key, value in results.items() if key != "peak_memory_bytes"}


@pytest.mark.parametrize("at_step", [0, pytest.param(7, marks=pytest.mark.draws("progress_gif")), 19])
def test_a_resumed_run_leaves_the_same_bytes(at_step: int, tmp_path: Path) -> None:
    whole, broken = begin(tmp_path / "whole"), begin(tmp_path / "broken")
    saved = io.BytesIO()
    for step in steps(24, 30, COUNT):
        whole.record(step)
        if step.index <= at_step + 1:  # dies after it has recorded one step more than the checkpoint holds
            broken.record(step)
        if step.index == at_step:
            torch.save(broken.state(), saved)
    with (tmp_path / "broken" / "history.csv").open("ab") as stream:
        stream.write(b"99,0.1,0.")
    saved.seek(0)
    state = torch.load(saved, weights_only=True)
    resumed = Recorder.resume(tmp_path / "broken", picture(24, 30), metadata={"seed": 1}, frames=PLAN, state=state)
    assert json.loads((tmp_path / "broken" / "metrics.json").read_text())["status"] == "running"
    for step in list(steps(24, 30, COUNT))[at_step + 1 :]:
        resumed.record(step)
    for name, recorder in (("whole", whole), ("broken", resumed)):
        recorder.finish("all steps made")
        render(tmp_path / name)
    assert contents(tmp_path / "whole") == contents(tmp_path / "broken")
    assert figures(tmp_path / "whole") == figures(tmp_path / "broken")


def test_going_on_after_an_interrupted_end_removes_its_extra_frame(tmp_path: Path) -> None:
    recorder = begin(tmp_path / "run")
    stop = next(index for index in range(COUNT) if index not in PLAN.chosen())
    for step in list(steps(24, 30, COUNT))[: stop + 1]:
        recorder.record(step)
    recorder.finish("interrupted")
    extra = tmp_path / "run" / "frames" / f"step_{stop:06d}.png"
    assert extra.is_file()  # the last image is always a frame
    Recorder.resume(tmp_path / "run", picture(24, 30), metadata={}, frames=PLAN, state=recorder.state())
    assert not extra.exists()


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    recorder, other = begin(tmp_path / "run"), begin(tmp_path / "other")
    for step in list(steps(24, 30, COUNT))[:5]:
        recorder.record(step)
    with pytest.raises(ValueError, match="holds no step"):
        Recorder.resume(tmp_path / "other", picture(24, 30), metadata={}, frames=PLAN, state=recorder.state())
    with pytest.raises(ValueError, match="no recorded step"):
        Recorder.resume(tmp_path / "run", picture(24, 30), metadata={}, frames=PLAN, state=other.state())


def test_figures_are_of_the_image_recorded_though_the_optimiser_writes_over_it(tmp_path: Path) -> None:
    reference = picture(24, 30)
    image = reference * 0.5
    recorder = Recorder(tmp_path, reference, image, metadata={}, frames=FramePlan(count=2, steps=9))
    recorder.record(Step(0, 1.0, 0.8, {}, 0.1, 0.0, image))
    image.fill_(0.9)
    worse = recorder.record(Step(1, 2.0, 0.9, {}, 0.1, 0.1, image))
    image.copy_(reference)  # as a diverged run goes back to its best
    final = recorder.finish("diverged")["final"]
    assert final["psnr"] == worse.psnr
    assert final["ssim"] < 0.9
    assert (load_image(tmp_path / "frames" / "step_000001.png") - 0.9).abs().max() < 0.01


def test_a_killed_run_shows_its_best_image_so_far(tmp_path: Path) -> None:
    recorder = begin(tmp_path / "run")
    for step in list(steps(24, 30, COUNT))[:12]:
        recorder.record(step)
    shown = max(index for index in PLAN.chosen() if index < 12)
    assert (tmp_path / "run" / "result.png").read_bytes() == (
        tmp_path / "run" / "frames" / f"step_{shown:06d}.png"
    ).read_bytes()
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["status"] == "running"


def test_what_json_cannot_say_is_null_with_a_reason(tmp_path: Path) -> None:
    reference = picture(24, 30)
    recorder = Recorder(tmp_path, reference, reference, metadata={}, frames=FramePlan(steps=1))
    recorder.record(Step(0, 0.0, 0.0, {}, 0.1, 0.0, reference))
    results = recorder.finish("loss 0")
    assert results["best"]["psnr"] is results["best"]["ms_ssim"] is None
    assert set(results["why_null"]) == {"psnr", "ms_ssim"}
    assert "161 pixels" in results["why_null"]["ms_ssim"]
    render(tmp_path)


def test_an_image_smaller_than_the_window_has_no_ssim(tmp_path: Path) -> None:
    reference = picture(8, 30)
    recorder = Recorder(tmp_path, reference, reference, metadata={}, frames=FramePlan(steps=1))
    assert np.isnan(recorder.record(Step(0, 0.0, 0.0, {}, 0.1, 0.0, reference)).ssim)
    results = recorder.finish("loss 0")
    assert results["best"]["ssim"] is None
    assert "11 pixels, got 30 x 8" in results["why_null"]["ssim"]
    render(tmp_path)


@pytest.mark.parametrize(
    "torn", [b"2,0.5", b"2,0.5,0.4,0.1,20.0,,0.3", b"\x00\x00\x00\n", b"\xff\xfe,1\r\n", b"2,0.5\r\n"]
)
def test_a_torn_line_ends_the_history(torn: bytes, tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    writer = HistoryWriter(path)
    rows = [Row(step, 1 / (step + 1), 0.5, 0.1, 20.0, 0.5, 0.1 * step) for step in range(2)]
    for row in rows:
        writer.append(row)
    before = path.read_bytes()
    path.write_bytes(before + torn)
    assert read(path) == rows
    cut(path, 1)
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="ends at step 1"):
        cut(path, 2)


def test_a_history_without_anything(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_bytes(b"")
    assert read(tmp_path / "history.csv") == []
    HistoryWriter(tmp_path / "history.csv").append(Row(0, math.inf, 1.0, 0.1, 3.0, math.nan, 0.0))
    assert math.isinf(read(tmp_path / "history.csv")[0].loss)
