"""Figures and animation: whatever a run is named, however large it is, and looking the same everywhere."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import matplotlib
import numpy as np
import pytest
from helpers import no_drawing, picture, run, steps
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from enhance.optim.frames import FramePlan
from enhance.report import animation
from enhance.report.animation import evenly
from enhance.report.crops import square, zoom
from enhance.report.figures import comparison, curves
from enhance.report.render import render
from enhance.report.run_data import RunData
from enhance.runs.history import Row
from enhance.runs.recorder import Recorder

pytestmark = pytest.mark.draws


@given(st.lists(st.floats(0, 80), min_size=1, max_size=60), st.integers(2, 40))
def test_the_animation_has_as_many_frames_as_it_may(psnr: list[float], count: int) -> None:
    rows = {step: Row(step, 1, 1, 0, value, 0.5, 0) for step, value in enumerate(psnr)}
    chosen = evenly(list(rows), rows, count)
    assert len(chosen) == min(count, len(psnr))
    assert chosen == sorted(set(chosen))
    assert (chosen[0], chosen[-1]) == (0, len(psnr) - 1)


@pytest.mark.parametrize(
    ("side", "count", "limit", "changed"),
    [
        pytest.param(300, 20, 2_900_000, "nothing", marks=pytest.mark.slow),
        pytest.param(420, 20, 2_900_000, "size", marks=pytest.mark.slow),
        (100, 12, 300_000, "nothing"),
        (280, 12, 1_150_000, "size"),
        (100, 24, 300_000, "frames"),
    ],
)
def test_the_animation_is_bounded_lasts_some_seconds_and_pauses(
    side: int, count: int, limit: int, changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise, which hardly packs: it is reduced in size, and of small images frames are left out."""
    monkeypatch.setattr(animation, "_MAX_BYTES", limit)
    monkeypatch.setattr(animation, "_CONVERGED", 10**6)  # the search for a palette, most of the time
    generator = np.random.default_rng(0)
    (tmp_path / "frames").mkdir()
    (tmp_path / "metrics.json").write_text("{}")
    for step in range(count):
        noise = generator.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "frames" / f"step_{step:06d}.png")
    animation.progress_gif(RunData.read(tmp_path))
    path = tmp_path / "progress.gif"
    assert path.stat().st_size <= limit
    with Image.open(path) as drawn:
        width = drawn.width
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(drawn)]
    assert 256 <= width < side if changed == "size" else width == max(side, 128)
    assert (len(durations) < count) == (changed == "frames")
    assert len(durations) >= 12
    assert durations[-1] == 1800
    assert 4500 < sum(durations) <= 5600


def test_frames_of_the_animation_are_even_in_psnr() -> None:
    rows = {step: Row(step, 1, 1, 0, 10 + 20 * min(1, step / 10), 0.5, 0) for step in range(101)}
    chosen = evenly(list(rows), rows, 20)
    assert sum(step <= 10 for step in chosen) > 8  # all the change is in the first ten steps


def test_a_frame_far_from_the_next_is_shown_longer() -> None:
    """Where every step is a frame already."""
    rows = {step: Row(step, 1, 1, 0, psnr, 0.5, 0) for step, psnr in enumerate((4, 8, 10, 11, *range(12, 27)))}
    shown = animation._durations(list(rows), rows)
    assert shown[0] == 250 > shown[2] == shown[3] >= 60
    assert shown[-1] == 1800
    assert 4500 < sum(shown) < 5600


@pytest.fixture(scope="module")
def animated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its animation."""
    folder = tmp_path_factory.mktemp("animated") / "run"
    with pytest.MonkeyPatch.context() as patch:
        no_drawing(patch, but=["progress_gif"])
        run(folder, 64, 150, 12)
    return folder


def test_the_caption_is_drawn_in_the_same_tone_in_every_frame(animated: Path) -> None:
    with Image.open(animated / "progress.gif") as drawn:
        frames = [np.asarray(frame.convert("L")) for frame in ImageSequence.Iterator(drawn)]
    assert frames[0].shape == (64 + 18, 150)
    assert {int(frame[64:].min()) for frame in frames} == {34}
    assert {int(frame[-1].min()) for frame in frames} == {255}


def test_the_gif_keeps_every_colour_of_its_frames(animated: Path) -> None:
    data = RunData.read(animated)
    shown = iio.imread(animated / "progress.gif")
    steps = evenly(list(data.frames), data.rows_by_step, 36)
    assert len(shown) == len(steps)
    for step, pixels in zip(steps, shown, strict=True):
        drawn = animation.gif_frame(data.frames[step], data.rows_by_step[step], step, 480)
        assert np.array_equal(pixels, np.asarray(drawn)), step


@pytest.mark.parametrize("name", ["a$b_{$c\n写真.png", "a" * 200 + ".png", ""])
def test_any_name_can_be_in_a_title(name: str, tmp_path: Path) -> None:
    run(tmp_path / "run", 16, 16, 3, drawn=False)
    metrics = tmp_path / "run" / "metrics.json"
    metrics.write_text(json.dumps(json.loads(metrics.read_text()) | {"start": name}))
    comparison(RunData.read(tmp_path / "run"))


@pytest.mark.draws("comparison", "curves")
def test_the_users_own_matplotlib_settings_change_nothing_and_stay(tmp_path: Path) -> None:
    run(tmp_path / "run", 16, 20, 3)
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").glob("c*.*")}
    with matplotlib.rc_context({"font.size": 30, "savefig.bbox": "tight", "image.interpolation": "none"}):
        comparison(RunData.read(tmp_path / "run"))
        curves(RunData.read(tmp_path / "run"))
        assert matplotlib.rcParams["font.size"] == 30
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "run").glob("c*.*")}


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no run"):
        render(tmp_path)


@given(height=st.integers(8, 90), width=st.integers(8, 90), seed=st.integers(0, 9))
def test_the_square_lies_inside(height: int, width: int, seed: int) -> None:
    image, reference = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3))
    top, left, side = zoom(image, reference)
    assert side >= 8
    assert 0 <= top <= height - side
    assert 0 <= left <= width - side


def test_large_photographs_show_single_pixels() -> None:
    reduced = np.zeros((800, 1200, 3))
    reduced[300:340:2, 600:640] = 255
    left, top, side = square(np.zeros_like(reduced), reduced, 3000)
    assert side == round(192 * 1200 / 3000)
    assert left * 1200 <= 620 <= left * 1200 + side
    assert top * 800 <= 320 <= top * 800 + side


def test_an_unfinished_run_does_not_call_its_image_the_result(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, picture(20, 20), picture(20, 20), metadata={}, frames=FramePlan(steps=9))
    for step in list(steps(20, 20, 9))[:4]:
        recorder.record(step)
    comparison(RunData.read(tmp_path))
    running = (tmp_path / "comparison.png").read_bytes()
    recorder.finish("all steps made")
    comparison(RunData.read(tmp_path))
    assert running != (tmp_path / "comparison.png").read_bytes()


@pytest.mark.draws("progress_video")
def test_the_video_shows_the_frames_and_pauses(tmp_path: Path) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="the extra 'video' is not installed").get_ffmpeg_exe()
    run(tmp_path / "run", 45, 61, 12)
    video = tmp_path / "run" / "progress.mp4"
    decode = [ffmpeg, "-v", "error", "-i", video, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    pixels = np.frombuffer(subprocess.run(decode, capture_output=True, check=True).stdout, np.uint8)
    shown = pixels.reshape(-1, 360 + 36, 488, 3)  # enlarged by a whole number, and the caption
    assert 11 + 36 < len(shown) <= 11 * 5 + 36  # of 12 frames each but the last at most a quarter of a second
    assert np.abs(shown[-36].astype(float) - shown[-1]).mean() < 2
    for step, drawn in ((0, shown[0]), (12, shown[-1])):
        with Image.open(tmp_path / "run" / "frames" / f"step_{step:06d}.png") as expected:
            enlarged = np.asarray(expected.resize((488, 360), Image.Resampling.NEAREST), float)
        assert np.abs(drawn[:360] - enlarged).mean() < 8


@pytest.mark.draws("progress_video", "progress_gif")
def test_without_the_extra_there_is_no_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    run(tmp_path / "run", 16, 16, 3)
    assert not (tmp_path / "run" / "progress.mp4").exists()
    assert (tmp_path / "run" / "progress.gif").is_file()


@pytest.mark.draws("progress_video")
@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), RuntimeError("No ffmpeg exe could be found.")])
def test_an_ffmpeg_that_fails_costs_the_video_alone(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> Iterator[None]:
        yield
        raise error

    pytest.importorskip("imageio_ffmpeg", reason="the extra 'video' is not installed")
    monkeypatch.setattr("imageio_ffmpeg.write_frames", broken)
    run(tmp_path / "run", 16, 16, 3)
    assert "progress.mp4 is left out" in caplog.text
    assert {"progress.gif", "report.html"} < {path.name for path in (tmp_path / "run").iterdir()}
    assert not (tmp_path / "run" / "progress.mp4").exists()
