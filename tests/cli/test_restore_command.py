"""The command that restores a picture: its folder, its page, what it leaves out and what it refuses."""

from __future__ import annotations

import csv
import html
import json
import signal
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from safetensors.torch import save_file
from skimage.data import astronaut

from enhance.cli.commands import RESTORE
from enhance.cli.commands.restore import Settings, run
from enhance.cli.overrides import chosen_tool, tool_settings
from enhance.config.restoration import RESTORATIONS
from enhance.report.render import render
from enhance.restoration.denoiser import Denoiser
from enhance.restoration.tasks import TASKS
from enhance.runs.restoration import Moment, RestorationRecorder
from enhance.utils.hashes import hash_file


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Of a denoiser that has learnt nothing."""
    torch.manual_seed(0)
    file = tmp_path / "weights.safetensors"
    save_file({name: 0.1 * value for name, value in Denoiser().state_dict().items()}, file)
    return file


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.jpg"
    Image.fromarray(astronaut()[:48, 180:244]).save(file, quality=30)
    return file


def settings(*arguments: str) -> Settings:
    assert chosen_tool(arguments) == RESTORE
    return tool_settings(RESTORE, arguments)


def test_the_tasks_are_those_that_are_named() -> None:
    assert tuple(TASKS) == RESTORATIONS


def test_a_task_restores_where_an_image_is_given_and_else_studies_the_measure() -> None:
    assert chosen_tool(["task=denoise", "image=a.png"]) == RESTORE
    assert chosen_tool(["task=denoise", "reference=a.png"]) is None
    assert chosen_tool(["task=encode", "image=a.png"]) == "encode"


def test_the_settings() -> None:
    found = settings("task=deblur", "image=a.png", "degradation=gaussian_blur", "degradation.sigma=2")
    assert (found.task.name, found.degradation.name, found.degradation.sigma) == ("deblur", "gaussian_blur", 2)
    assert found.degradation.noise is None


@pytest.mark.parametrize("task", ["denoise", "jpeg", "upscale"])
def test_a_run_leaves_its_folder(tmp_path: Path, photo: Path, weights: Path, task: str) -> None:
    folder = tmp_path / "run"
    assert run(settings(f"task={task}", f"image={photo}", f"output={folder}", f"denoiser.weights={weights}")) == 0
    found = json.loads((folder / "metrics.json").read_text())
    assert (found["status"], found["kind"], found["task"]) == ("finished", "restoration", task)
    with Image.open(folder / "result.png") as result:
        assert result.size == ((128, 96) if task == "upscale" else (64, 48))
    assert ("coupling" in found) == (task == "upscale")
    rows = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == list(range(found["passes"] + 1))
    assert len(list((folder / "frames").glob("*.png"))) == len(rows)
    assert {"initial.png", "progress.gif", "report.html"} <= {file.name for file in folder.iterdir()}
    page = (folder / "report.html").read_text()
    assert "before" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_reference_is_compared(tmp_path: Path, photo: Path, weights: Path) -> None:
    folder = tmp_path / "run"
    run(
        settings(
            "task=denoise", f"image={photo}", f"reference={photo}", f"output={folder}", f"denoiser.weights={weights}"
        )
    )
    found = json.loads((folder / "metrics.json").read_text())
    assert found["initial"]["psnr"] is None  # the same picture
    assert found["result"]["psnr"] > 20
    assert "PSNR" in (folder / "report.html").read_text()


def test_the_same_command_again_leaves_the_result_and_another_is_refused(
    tmp_path: Path, photo: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["task=denoise", f"image={photo}", f"output={tmp_path / 'run'}", f"denoiser.weights={weights}"]
    run(settings(*given))
    before = (tmp_path / "run" / "result.png").stat().st_mtime_ns
    run(settings(*given))
    assert "restored already" in capsys.readouterr().err
    assert (tmp_path / "run" / "result.png").stat().st_mtime_ns == before
    with pytest.raises(ValueError, match=r"degradation\.sigma=null, not 3\.0; name another folder"):
        run(settings(*given, "degradation.sigma=3"))
    with pytest.raises(ValueError, match="a restoration with another image; name"):
        run(settings("task=denoise", "image=camera", *given[2:]))
    with pytest.raises(ValueError, match="a restoration with another reference; name"):
        run(settings(*given, f"reference={photo}"))


def test_the_reference_is_known_by_its_contents(tmp_path: Path, photo: Path, weights: Path) -> None:
    reference = tmp_path / "reference.png"
    Image.fromarray(astronaut()[:48, 180:244]).save(reference)
    given = ["task=denoise", f"image={photo}", f"output={tmp_path / 'run'}", f"denoiser.weights={weights}"]
    run(settings(*given, f"reference={reference}"))
    Image.fromarray(astronaut()[:48, 100:164]).save(reference)
    with pytest.raises(ValueError, match="another reference"):
        run(settings(*given, f"reference={reference}"))


def test_the_output_is_checked_before_the_weights_are_read(tmp_path: Path, photo: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "result.png").write_bytes(b"of mine")
    (tmp_path / "file").write_bytes(b"of mine")
    given = ["task=denoise", f"image={photo}", f"denoiser.weights={tmp_path / 'none'}"]
    with pytest.raises(ValueError, match=r"holds a result.png of another run"):
        run(settings(*given, f"output={tmp_path / 'run'}"))
    with pytest.raises(ValueError, match="is a file; name a folder"):
        run(settings(*given, f"output={tmp_path / 'file'}"))


def test_the_home_folder_and_the_command_as_it_is_typed(
    tmp_path: Path, photo: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["enhance", "image=my photo.jpg"])
    run(settings("task=denoise", f"image={photo}", "output='~/run'", f"denoiser.weights={weights}"))
    command = json.loads((tmp_path / "run" / "metrics.json").read_text())["command"]
    assert command == "python -m enhance 'image=my photo.jpg'"


def test_images_of_one_name_in_two_folders_stay_apart(tmp_path: Path, photo: Path, weights: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "a.jpg").write_bytes(photo.read_bytes())
    given = ["task=denoise", f"image={tmp_path / 'photos'}", f"denoiser.weights={weights}"]
    output = tmp_path / "photos" / "restored"
    for _ in range(2):
        assert run(settings(*given, f"output={output}")) == 0
        assert sorted(file.relative_to(output).parts[:2] for file in output.rglob("result.png")) == [
            ("one", "a.jpg"),
            ("two", "a.jpg"),
        ]


def _status(folder: Path) -> str:
    return json.loads((folder / "metrics.json").read_text())["status"]


def test_finished_is_written_after_the_page(
    tmp_path: Path, photo: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    given = ["task=denoise", f"image={photo}", f"output={folder}", f"denoiser.weights={weights}"]
    with monkeypatch.context() as patched:
        patched.setattr("enhance.report.restoration.page.write_text", _full)
        with pytest.raises(OSError, match="full"):
            run(settings(*given))
    assert _status(folder) == "drawing"
    assert not (folder / "report.html").exists()
    run(settings(*given))
    assert "restored already" in capsys.readouterr().err
    assert _status(folder) == "finished"
    assert (folder / "report.html").is_file()


def _full(*_: object) -> None:
    raise OSError("The disk is full.")


def test_ctrl_c_leaves_the_passes_that_were_made(
    tmp_path: Path, photo: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    given = ["task=upscale", f"image={photo}", f"output={folder}", f"denoiser.weights={weights}"]
    recorded = RestorationRecorder.record

    def interrupting(recorder: RestorationRecorder, moment: Moment, figures: Mapping[str, float]) -> None:
        recorded(recorder, moment, figures)
        if moment.step == 2:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(RestorationRecorder, "record", interrupting)
        with pytest.raises(KeyboardInterrupt):
            run(settings(*given))
    found = json.loads((folder / "metrics.json").read_text())
    assert (found["status"], found["passes"]) == ("interrupted", 2)
    assert {"result.png", "report.html"} <= {file.name for file in folder.iterdir()}
    run(settings(*given))
    assert _status(folder) == "finished"


def test_a_folder_is_restored_file_by_file(
    tmp_path: Path, photo: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    photo.rename(photos / "a.jpg")
    (photos / "b.jpg").write_bytes(b"nothing")
    given = ["task=denoise", f"image={photos}", f"output={tmp_path / 'all'}", f"denoiser.weights={weights}"]
    assert run(settings(*given)) == 1
    assert "skipped" in capsys.readouterr().err
    assert [folder.name for folder in (tmp_path / "all").iterdir()] == ["a.jpg"]
    (photos / "b.jpg").unlink()
    assert run(settings(*given)) == 0
    assert "restored already" in capsys.readouterr().err


def test_a_file_that_is_named_like_a_sample_stays_apart_from_it(
    tmp_path: Path, photo: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photo.rename("astronaut")
    Image.fromarray(astronaut()[:32, :48]).save("small.png")
    monkeypatch.setattr("enhance.images.pictures.sample_file", lambda name: "small.png")
    given = ["task=denoise", f"denoiser.weights={weights}"]
    run(settings(*given, "image=astronaut", "output=sample"))
    run(settings(*given, "image=./astronaut", "output=file"))
    of_sample, of_file = (json.loads(Path(name, "metrics.json").read_text()) for name in ("sample", "file"))
    assert (of_sample["width"], of_file["width"]) == (48, 64)
    assert of_sample["identity"]["image_sha256"] == hash_file(Path("small.png"))
    assert of_file["identity"]["image_sha256"] == hash_file(Path("astronaut"))
    assert not any("is a JPEG" in note for note in of_sample["notes"])
    assert any("is a JPEG" in note for note in of_file["notes"])


def test_sixteen_bits_stay(tmp_path: Path, weights: Path) -> None:
    file = tmp_path / "deep.png"
    Image.fromarray(np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) * 20).save(file)
    run(settings("task=denoise", f"image={file}", f"output={tmp_path / 'run'}", f"denoiser.weights={weights}"))
    assert (tmp_path / "run" / "result.png").read_bytes()[24] == 16


@pytest.mark.parametrize("mode", ["RGB", "I;16"])
def test_what_the_camera_wrote_is_kept_on_demand(mode: str, tmp_path: Path, weights: Path) -> None:
    exif = Image.Exif()
    exif[Base.Model], exif[Base.Orientation] = "Brownie", 6
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "1901:01:01 00:00:00"
    exif.get_ifd(IFD.Exif)[Base.ExifImageWidth] = 40
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitudeRef] = "N"
    image = (
        Image.fromarray(np.full((40, 48), 30000, np.uint16)) if mode != "RGB" else Image.new("RGB", (48, 40), "grey")
    )
    image.save(tmp_path / "a.png", exif=exif)
    made = {}
    for keep in ("null", "keep"):
        given = [f"image={tmp_path / 'a.png'}", f"denoiser.weights={weights}", f"output={tmp_path / keep}"]
        run(settings("task=denoise", *given, f"exif={keep}"))
        with Image.open(tmp_path / keep / "result.png") as result:
            assert result.size == (40, 48)  # turned as the camera said
            made[keep] = result.getexif()
    assert not made["null"]
    assert dict(made["keep"])[Base.Model] == "Brownie"
    assert Base.Orientation not in made["keep"]
    assert made["keep"].get_ifd(IFD.Exif) == {Base.DateTimeOriginal: "1901:01:01 00:00:00"}
    assert made["keep"].get_ifd(IFD.GPSInfo)[GPS.GPSLatitudeRef] == "N"


def test_a_sample_has_nothing_of_a_camera_to_keep(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = ["degradation=gaussian_noise", "degradation.sigma=5"]
    given = [*noise, f"denoiser.weights={weights}", f"output={tmp_path / 'run'}"]
    run(settings("task=denoise", "image=astronaut", "exif=keep", *given))
    assert "astronaut has no EXIF data to keep" in capsys.readouterr().err


def test_the_page_is_drawn_again_from_its_files(tmp_path: Path, photo: Path, weights: Path) -> None:
    folder = tmp_path / "run"
    run(settings("task=jpeg", f"image={photo}", f"output={folder}", f"denoiser.weights={weights}"))
    page = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    assert render(folder) == ()
    assert (folder / "report.html").read_bytes() == page


_DAMAGE: dict[str, tuple[str, str]] = {
    "no result": ("result.png", ""),
    "no initial image": ("initial.png", ""),
    "no history": ("history.csv", ""),
    "no metrics": ("metrics.json", ""),
    "a broken result": ("result.png", "nothing"),
    "broken metrics": ("metrics.json", "{"),
    "a broken frame": ("frames/step_000001.png", "nothing"),
}


@pytest.mark.parametrize("damage", _DAMAGE)
def test_what_is_missing_gets_a_sentence_and_the_rest_is_drawn(
    tmp_path: Path, photo: Path, weights: Path, damage: str
) -> None:
    folder = tmp_path / "run"
    run(settings("task=denoise", f"image={photo}", f"output={folder}", f"denoiser.weights={weights}"))
    name, text = _DAMAGE[damage]
    (folder / "report.html").unlink()
    (folder / name).write_text(text) if text else (folder / name).unlink()
    (said,) = render(folder)
    assert Path(name).name in said
    assert said in html.unescape((folder / "report.html").read_text())


def test_what_metrics_json_does_not_say_is_named(tmp_path: Path, photo: Path, weights: Path) -> None:
    folder = tmp_path / "run"
    run(settings("task=denoise", f"image={photo}", f"output={folder}", f"denoiser.weights={weights}"))
    found = json.loads((folder / "metrics.json").read_text())
    kept = {key: value for key, value in found.items() if key not in ("assumed", "width", "notes", "seconds")}
    (folder / "metrics.json").write_text(json.dumps(kept | {"fit": [1], "estimated": {"sigma": None}}))
    said = render(folder)
    assert len(said) == 2
    assert "`assumed`" in said[0]
    assert "`fit`" in said[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["task=jpeg", "image=photo.png"], "no such file or folder"),
        (["task=denoise", "image=astronaut", "degradation.sigma=-1"], "at least 0"),
        (["task=denoise", "image=astronaut", "degradation.sigm=1"], "did you mean 'degradation.sigma'"),
        (["task=denoise", "image=astronaut", "initial=grey"], "no setting 'initial'; leave initial=grey out"),
        (["task=denoise", "image=astronaut", "metric=ssim"], "no setting 'metric'; leave metric=ssim out"),
        (["task=denoise", "image=astronaut", "optimizer=adam"], "leave optimizer=adam out"),
        (["task=upscale", "image=astronaut", "degradation.factor=3"], "it is factor=3"),
        (["task=denoise", "image=astronaut", "steps=5"], "no setting 'steps'; leave steps=5 out"),
        (["task=denoise", "image=astronaut", "denoiser=other"], "denoiser"),
        (["task=denoise", "image=astronaut", "degradation=gaussian_noise,jpeg"], "several values: add -m"),
        (["task=jpeg", "image=astronaut"], "no JPEG"),
        (["task=denoise", "image=astronaut", "degradation=blur"], "degradation of this task"),
        (["task=denoise", "image="], "needs image="),
    ],
)
def test_what_cannot_be_gets_a_sentence(
    tmp_path: Path, weights: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    with pytest.raises(ValueError, match=said) as error:
        run(settings(*arguments, f"output={output}", f"denoiser.weights={weights}"))
    assert "\n" not in str(error.value)
    assert not output.exists()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("there", [True, False])
def test_a_missing_image_is_refused_without_a_word_before(
    there: bool, tmp_path: Path, photo: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = photo if there else tmp_path / "nope.png"
    given = settings("task=denoise", f"image={image}", f"output={tmp_path / 'out'}", f"denoiser.weights={weights}")
    if there:
        assert run(given) == 0
    else:
        with pytest.raises(ValueError, match=r"nope\.png: there is no such file or folder"):
            run(given)
    assert ("no clean picture takes part" in capsys.readouterr().err) == there
