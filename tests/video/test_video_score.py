"""`task=score` of two videos: a row for each frame, matched by number or by time, in bounded memory; a call goes on."""

from __future__ import annotations

import csv
import json
import random
import re
import resource
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers_video import COLUMN, noise, shifted, write
from PIL import Image

import enhance
from enhance.cli.overrides import tool_settings
from enhance.cli.quoting import quoted
from enhance.scoring import PairsError
from enhance.utils.errors import SettingsError
from enhance.video import VideoError
from enhance.video import frames as frames_module
from enhance.video import scoring as module
from enhance.video.curve import Curve, WorstSeconds
from enhance.video.frames import Frames

DEEP = ["backbone=squeezenet", "backbone.weights=untrained", "metrics=[deepjsd,psnr]", "threads=1"]
PSNR = ["metric=psnr", "threads=1"]


def use(*arguments: str) -> int:
    return import_module("enhance.cli.commands.score").run(tool_settings("score", quoted(arguments)))


def rows(file: str) -> list[dict[str, str]]:
    with open(file, newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """a.mkv and b.mkv: 25 frames, 10 a second, of which the second becomes ever brighter from 1 to 2 s."""
    frames = noise(25)
    write(tmp_path / "a.mkv", frames)
    write(tmp_path / "b.mkv", shifted(frames, [5] * 10 + [5 + 4 * n for n in range(10)] + [5] * 5))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def image_of(planes: Any) -> torch.Tensor:
    return torch.from_numpy(planes[[2, 0, 1]].astype("float32") / 255)[None]


def test_every_frame_has_the_score_of_its_image(capsys: pytest.CaptureFixture[str]) -> None:
    assert use("reference=a.mkv", "image=b.mkv", "batch=4", *DEEP) == 0
    table = rows("b-scores.csv")
    assert list(table[0]) == ["reference", "image", "frame", "image_frame", "time", COLUMN, "psnr", "inputs"]
    assert [row["frame"] for row in table] == [str(number) for number in range(25)]
    assert [float(row["time"]) for row in table] == pytest.approx([number / 10 for number in range(25)], abs=1e-3)
    frames = noise(25)
    amounts = [5] * 10 + [5 + 4 * n for n in range(10)] + [5] * 5
    metrics = {COLUMN: enhance.DeepJSD("squeezenet", "untrained"), "psnr": enhance.load_metric("psnr")}
    for place in (0, 17, 24):
        pair = image_of(shifted([frames[place]], [amounts[place]])[0]), image_of(frames[place])
        for column, metric in metrics.items():
            assert float(table[place][column]) == pytest.approx(metric.score(*pair).item(), rel=1e-5)
    said = capsys.readouterr()
    assert "25 frames scored: b-scores.csv" in said.out
    assert "page: b-scores.html" in said.out


def test_the_document_has_means_and_the_worst_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    assert use("reference=a.mkv", "image=b.mkv", "format=json", "metrics=[psnr,mse]", "threads=1") == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads(Path("b-scores.json").read_text(encoding="utf-8"))
    psnr = [float(row["psnr"]) for row in rows("b-scores.csv")]
    assert document["means"]["psnr"] == pytest.approx(sum(psnr) / 25)
    assert document["seconds"]["psnr"]["1"] == pytest.approx(sum(psnr[10:20]) / 10)
    worst = document["worst_seconds"][0]
    assert (worst["second"], worst["frame"], worst["score"]) == (1, 19, psnr[19])
    assert document["worst_frames"]["mse"]["time"] == pytest.approx(1.9, abs=1e-3)
    assert document["streams"]["reference"]["codec"] == "ffv1"


def test_equal_frames_have_no_finite_psnr(capsys: pytest.CaptureFixture[str]) -> None:
    assert use("reference=a.mkv", "image=a.mkv", *PSNR) == 0
    said = capsys.readouterr()
    assert "reference and image are the same file" in said.err
    assert "without 25 infinite, of equal frames" in said.out
    assert json.loads(Path("a-scores.json").read_text(encoding="utf-8"))["means"] == {"psnr": None}
    assert Path("a-scores.html").is_file()


def test_a_second_call_goes_on_and_ends_with_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert use("reference=a.mkv", "image=b.mkv", "batch=4", *DEEP) == 0
    names = ("b-scores.csv", "b-scores.json", "b-scores.html")
    whole = [Path(name).read_bytes() for name in names]
    text = whole[0].splitlines(keepends=True)
    Path("b-scores.csv").write_bytes(b"".join(text[:13]) + text[13][:-9])  # twelve rows, and half of one
    for name in names[1:]:
        Path(name).unlink()
    scored = []
    original = module.score

    def counted(scorers: Any, images: torch.Tensor, *rest: Any) -> torch.Tensor:
        scored.append(len(images))
        return original(scorers, images, *rest)

    monkeypatch.setattr(module, "score", counted)
    assert use("reference=a.mkv", "image=b.mkv", "batch=4", *DEEP) == 0
    assert sum(scored) == 13
    assert "12 of them were there already" in capsys.readouterr().out
    assert [Path(name).read_bytes() for name in names] == whole


def test_a_changed_file_begins_the_table_anew(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert use("reference=a.mkv", "image=b.mkv", *PSNR) == 0
    write(here / "b.mkv", shifted(noise(25), [9] * 25))
    assert use("reference=a.mkv", "image=b.mkv", *PSNR) == 0
    assert "already" not in capsys.readouterr().out
    assert len({row["psnr"] for row in rows("b-scores.csv")}) == 1
    assert len(rows("b-scores.csv")) == 25


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("b-scores.csv", "mine\n1", "other columns"),
        ("b-scores.json", "{}", "there already"),
        ("b-scores.html", "<p>mine", "there already"),
    ],
)
def test_nothing_of_the_users_is_overwritten(name: str, text: str, said: str) -> None:
    Path(name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        use("reference=a.mkv", "image=b.mkv", *PSNR)
    assert Path(name).read_text(encoding="utf-8") == text


def test_a_table_of_other_settings_is_refused() -> None:
    assert use("reference=a.mkv", "image=b.mkv", *PSNR) == 0
    with pytest.raises(PairsError, match="other columns"):
        use("reference=a.mkv", "image=b.mkv", "metric=mse")
    with pytest.raises(PairsError, match="other files, metrics"):
        use("reference=a.mkv", "image=b.mkv", "align=time", *PSNR)


@pytest.mark.parametrize(
    ("count", "rate", "size", "said"),
    [
        (25, "20", (24, 32), "20 frames a second and reference=a.mkv 10; align=time"),
        (24, "10", (24, 32), "24 frames and reference=a.mkv 25; align=time"),
        (25, "10", (24, 40), "40 x 24 pixels and reference=a.mkv 32 x 24; align=size"),
    ],
)
def test_videos_that_differ_are_refused(count: int, rate: str, size: tuple[int, int], said: str, here: Path) -> None:
    write(here / "c.mkv", noise(count, *size), "gbrp", rate)
    with pytest.raises(VideoError, match=re.escape(said)):
        use("reference=a.mkv", "image=c.mkv", *PSNR)
    assert not Path("c-scores.csv").exists()


def test_a_slower_image_is_compared_frame_by_frame_at_its_times(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here / "c.mkv", noise(25)[::2], "gbrp", "5")
    assert use("reference=a.mkv", "image=c.mkv", "align=time", *PSNR) == 0
    table = rows("c-scores.csv")
    assert [int(row["frame"]) for row in table] == list(range(0, 25, 2))
    assert {row["psnr"] for row in table} == {"inf"}  # the right frames: equal ones
    assert "each frame of the slower is compared" in capsys.readouterr().err


def test_a_faster_image_shows_the_frame_of_the_moment(here: Path) -> None:
    write(here / "c.mkv", [frame for frame in noise(25) for _ in range(3)], "gbrp", "30")
    assert use("reference=a.mkv", "image=c.mkv", "align=time", *PSNR) == 0
    table = rows("c-scores.csv")
    assert [int(row["image_frame"]) for row in table] == list(range(0, 75, 3))
    assert {row["psnr"] for row in table} == {"inf"}


def test_a_shorter_image_ends_the_comparison_and_that_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here / "c.mkv", noise(25)[:20])
    assert use("reference=a.mkv", "image=c.mkv", "align=time", *PSNR) == 0
    assert len(rows("c-scores.csv")) == 20
    assert "5 frames are left out, for which the shorter video has none" in capsys.readouterr().err


@pytest.mark.parametrize(("rate", "count"), [("10", 35), ("20", 70), ("5", 13)])
def test_what_a_longer_video_has_left_is_said(
    rate: str, count: int, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here / "c.mkv", noise(count), "gbrp", rate)
    assert use("reference=a.mkv", "image=c.mkv", "align=time", *PSNR) == 0
    said = capsys.readouterr().err
    assert ("the last 1.00 s of c.mkv are left out" in said) == (count != 13)  # 13 of 5 a second end with the reference
    assert "frames are left out" not in said


def test_a_dropped_frame_is_found_by_its_time(here: Path) -> None:
    """As many frames at the same mean rate, but one of them is shown too late."""
    late = "settb=1/1000,setpts='if(eq(N,12),1290,N*100)'"
    write(here / "c.mkv", noise(25), "gbrp", "10", "-vf", late, "-enc_time_base", "1:1000")
    with pytest.raises(VideoError, match=r"Frame 12 is shown at 1\.290 s .* 1\.200 s.*align=time"):
        use("reference=a.mkv", "image=c.mkv", *PSNR)
    assert len(rows("c-scores.csv")) == 8  # a whole batch, kept


def test_a_decoder_that_says_no_times_is_given_up(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames_module, "_PATIENCE", 0.05)
    monkeypatch.setattr(frames_module, "_TIME", re.compile("never said"))
    with pytest.raises(VideoError, match="does not say when frame 0 is shown"):
        use("reference=a.mkv", "image=b.mkv", *PSNR)


def test_another_size_is_resized_to_the_reference(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here / "c.mkv", noise(25, 12, 16))
    assert use("reference=a.mkv", "image=c.mkv", "align=size", *PSNR) == 0
    assert "resized from 16 x 12 to 32 x 24 pixels" in capsys.readouterr().err
    assert len(rows("c-scores.csv")) == 25


def test_a_mask_says_where(here: Path) -> None:
    frames = noise(3)
    other = [frame.copy() for frame in frames]
    for frame in other:
        frame[:, :, 16:] = 0
    write(here / "c.mkv", frames)
    write(here / "d.mkv", other)
    mask = Image.new("L", (32, 24), 0)
    mask.paste(255, (0, 0, 16, 24))
    mask.save("left.png")
    assert use("reference=c.mkv", "image=d.mkv", "mask=left.png", *PSNR) == 0
    assert {row["psnr"] for row in rows("d-scores.csv")} == {"inf"}
    Image.new("L", (8, 8), 255).save("small.png")
    with pytest.raises(SettingsError, match="8 x 8 pixels and the frames 32 x 24"):
        use("reference=c.mkv", "image=d.mkv", "mask=small.png", *PSNR)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("reference=a.mkv image=b.png", "reference=a.mkv is a video and image=b.png is not"),
        ("reference=b.png image=b.png align=time", "align=time is of two videos"),
        ("reference=a.mkv image=missing.mp4", "There is no file missing.mp4"),
        ("reference=a.mkv image=text.mp4", r"text.mp4 cannot be read as a video"),
        ("reference=a.mkv image=b.mkv map=true", "map= draws one pair of images"),
        ("reference=a.mkv image=b.mkv workers=2", "workers= are of lists of images"),
        ("reference=a.mkv image=b.mkv shard=1/2", "one process scores two videos"),
        ("reference=a.mkv image=b.mkv range=2", "range= is for pictures of floats"),
        ("reference=a.mkv image=tiny.mkv", "at least 8 x 8"),
    ],
)
def test_a_mistake_gets_a_sentence(arguments: str, said: str, here: Path) -> None:
    Image.new("RGB", (8, 8)).save("b.png")
    Path("text.mp4").write_text("no video", encoding="utf-8")
    write(here / "tiny.mkv", noise(2, 6, 6))
    with pytest.raises(ValueError, match=said):
        use(*arguments.split(), *PSNR)


def test_without_ffmpeg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(VideoError, match=r"pip install 'enhance\[video\]'"):
        use("reference=a.mkv", "image=b.mkv", *PSNR)


def test_a_damaged_video_is_said_to_be(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray((here / "b.mkv").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = random.Random(0).randbytes(400)
    (here / "c.mkv").write_bytes(data)
    use("reference=a.mkv", "image=c.mkv", "align=time", *PSNR)
    assert "c.mkv is damaged" in capsys.readouterr().err


def test_another_process_at_the_table_is_refused(here: Path) -> None:
    from enhance.utils.files import lock

    with lock(here, ".b-scores.csv.lock"), pytest.raises(ValueError, match="Another process"):
        use("reference=a.mkv", "image=b.mkv", *PSNR)


def test_memory_does_not_grow_with_the_length(here: Path) -> None:
    """A pair of frames has 0.46 MB as tensors: 250 more of them would take 115 MB."""
    frames = noise(4, 120, 160)
    write(here / "short.mkv", (frames * 13)[:50])
    write(here / "long.mkv", frames * 75)
    peaks = []
    for name in ("short", "long"):
        assert use(f"reference={name}.mkv", f"image={name}.mkv", *PSNR) == 0
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    assert peaks[1] - peaks[0] < 40


def test_the_decoder_ends_with_its_reader(here: Path) -> None:
    from enhance.video.signal import signals
    from enhance.video.stream import read_stream

    stream = read_stream("a.mkv")
    signal, _ = signals(stream, stream)
    frames = iter(Frames(stream, signal))
    next(frames)
    frames.close()  # type: ignore[attr-defined]  # a generator; a process left over would be a ResourceWarning


def test_worst_seconds_keep_one_frame_each() -> None:
    class At:
        def __init__(self, time: float) -> None:
            self.time = time

    worst = WorstSeconds(2, higher_is_better=False)
    for number in range(40):
        worst.add(At(number / 10), float(number in (5, 17, 18)))  # type: ignore[arg-type]
    first, second = worst.all()
    assert (first.number, first.mean, first.worst.time) == (1, 0.2, 1.7)
    assert (second.number, second.mean, second.worst.time) == (0, 0.1, 0.5)


def test_a_curve_leaves_infinite_scores_out_of_means() -> None:
    curve = Curve(["psnr"])
    for time, score in ((0.0, 30.0), (0.5, float("inf")), (1.0, 40.0)):
        curve.add(time, [score])
    assert (curve.mean("psnr"), curve.infinite("psnr"), curve.worst("psnr", True)) == (35.0, 1, 0)
    assert curve.seconds("psnr") == {0: 30.0, 1: 40.0}
