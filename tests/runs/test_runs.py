"""What a run leaves: the plan of frames, the history, the recorder's files, the figures."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
from helpers import picture, run, steps
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from enhance.images.pictures import load_image
from enhance.optim.frames import MOST, FramePlan
from enhance.report.render import render
from enhance.runs.history import HistoryWriter, Row, cut, read
from enhance.runs.recorder import Recorder
from enhance.utils.files import write_bytes, write_json


@given(count=st.integers(2, 100), every=st.integers(1, 50), total=st.integers(1, 10**6))
def test_frames_of_fixed_spacing_are_bounded_and_hold_the_first_and_the_last(
    count: int, every: int, total: int
) -> None:
    chosen = FramePlan("fixed", count=count, every=every, steps=total).chosen()
    assert (min(chosen), max(chosen)) == (0, total)
    assert len(chosen) <= MOST + 1


@given(total=st.integers(0, 5000), count=st.integers(2, 60))
def test_frames_of_geometric_spacing_are_as_many_as_promised_and_widen(total: int, count: int) -> None:
    chosen = sorted(FramePlan(count=count, steps=total).chosen())
    assert len(chosen) == min(count, total + 1)
    assert (chosen[0], chosen[-1]) == (0, total)
    gaps = [after - before for before, after in pairwise(chosen)]
    assert not gaps or max(gaps) <= 2 * max(gaps[-1], 1)


@pytest.mark.parametrize("wrong", [{"spacing": "geometrik"}, {"count": 1}, {"every": 0}, {"steps": -1}])
def test_a_frame_plan_of_wrong_spacing_count_every_or_steps_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="frames"):
        FramePlan(**wrong)


def test_the_result_is_the_best_image_and_the_figures_say_so(tmp_path: Path) -> None:
    results = run(tmp_path / "run")
    assert results == json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert results["status"] == "finished"
    assert results["best"]["step"] == 29
    assert results["final"]["step"] == 30
    assert results["best"]["loss"] < results["final"]["loss"] < results["initial"]["loss"]
    assert results["best"]["psnr"] > results["initial"]["psnr"]
    assert results["best"]["ms_ssim"] is None  # too small for five scales
    assert results["seconds_per_step"] == pytest.approx(0.01)
    result, reference = (load_image(tmp_path / "run" / name) for name in ("result.png", "reference.png"))
    assert (result - reference).abs().max() < 0.01
    rows = read(tmp_path / "run" / "history.csv")
    assert [row.step for row in rows] == list(range(31))
    assert rows[0].score == 1.0


@pytest.mark.draws("report")
def test_the_same_run_leaves_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        run(tmp_path / name)
    for path in sorted((tmp_path / "a").rglob("*")):
        if path.is_file() and path.name != "metrics.json":  # which holds the memory's peak
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path.name


@pytest.mark.draws("comparison", "progress_gif", "report")  # the curves have one shape
@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 4000), (300, 20), (45, 301)])
def test_any_shape_is_drawn(height: int, width: int, tmp_path: Path) -> None:
    run(tmp_path / "run", height, width, 5)
    with Image.open(tmp_path / "run" / "comparison.png") as figure:
        assert figure.width > 200
    assert (tmp_path / "run" / "comparison.pdf").read_bytes().startswith(b"%PDF")
    with Image.open(tmp_path / "run" / "progress.gif") as animation:
        assert animation.n_frames == 6  # type: ignore[attr-defined]
        animation.seek(5)
        assert animation.info["duration"] > 1000


@pytest.mark.draws
def test_a_run_that_was_cut_off_is_drawn_too(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, picture(20, 20), picture(20, 20), metadata={}, frames=FramePlan(steps=9))
    for step in list(steps(20, 20, 9))[:4]:
        recorder.record(step)
    with (tmp_path / "history.csv").open("a") as stream:
        stream.write("4,0.25")
    render(tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text())["status"] == "running"
    assert [row.step for row in read(tmp_path / "history.csv")] == [0, 1, 2, 3]
    assert (tmp_path / "progress.gif").is_file()
    for name in ("comparison.png", "curves.png"):
        with Image.open(tmp_path / name) as figure:
            assert figure.width > 200


def test_history_survives_what_floats_can_be(tmp_path: Path) -> None:
    rows = [Row(0, 1.0, 0.5, 0.1, math.inf, math.nan, 0.0), Row(1, 1e-300, 0.1, 0.0, 20.0, 0.5, 1.25)]
    writer = HistoryWriter(tmp_path / "history.csv")
    for row in rows:
        writer.append(row)
    found = read(tmp_path / "history.csv")
    assert found[1] == rows[1]
    assert math.isinf(found[0].psnr)
    assert math.isnan(found[0].ssim)
    assert read(tmp_path / "none.csv") == []


def test_the_terms_of_an_objective_have_columns_and_keep_them(tmp_path: Path) -> None:
    rows = [Row(step, 1.5, 0.5, 0.1, 20.0, 0.5, 0.0, {"deepwsd": 1.0 / (step + 1), "a,b": 0.25}) for step in range(2)]
    HistoryWriter(tmp_path / "history.csv", terms=["deepwsd", "a,b"]).append(rows[0])
    HistoryWriter(tmp_path / "history.csv", go_on=True).append(rows[1])
    assert read(tmp_path / "history.csv") == rows
    cut(tmp_path / "history.csv", 0)
    assert read(tmp_path / "history.csv") == rows[:1]


def test_files_appear_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "new" / "file.json"
    write_json(target, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(target, {"a": math.nan})
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_bytes(target, b"half")
    assert json.loads(target.read_text()) == {"a": 1}
    assert [path.name for path in target.parent.iterdir()] == ["file.json"]
