"""Everything that people and disks do to a program: each works as one would expect, or ends in one sentence and exit
code 2, with no folder that looks like a run.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from conftest import Ended
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from enhance.backbones.network import Backbone
from enhance.runs.history import Row
from enhance.runs.layout import REPORT, read_metrics
from enhance.runs.progress import Progress

Command = Callable[..., Ended]
QUICK = (
    "metric=deepjsd",
    "backbone=squeezenet",
    "backbone.weights=untrained",
    "steps=1",
    "frames.count=2",
    "size=24",
    "threads=1",
)


def photo(width: int = 40, height: int = 32, channels: int = 3, dtype: str = "uint8") -> np.ndarray:
    values = np.random.default_rng(0).random((height // 4 + 1, width // 4 + 1, channels))
    smooth = np.kron(values, np.ones((4, 4, 1)))[:height, :width]
    return (smooth * np.iinfo(dtype).max).astype(dtype).squeeze()


def runs(folder: Path) -> list[Path]:
    return sorted(file.parent for file in folder.rglob("metrics.json"))


def works(enhance: Command, *arguments: str) -> dict:
    """It runs to its end; returns its metrics.json."""
    ended = enhance(*QUICK, *arguments)
    assert ended.code == 0, ended
    (folder,) = runs(Path())
    results = json.loads((folder / "metrics.json").read_text())
    assert results["status"] == "finished"
    assert (folder / "comparison.png").is_file()
    return results


def refused(enhance: Command, *arguments: str) -> str:
    """It ends in one sentence and leaves nothing; returns the sentence."""
    before = set(Path().rglob("*"))
    ended = enhance(*QUICK, *arguments)
    assert ended.code == 2, ended
    *said, sentence = ended.err.strip().splitlines()
    assert not said or (len(said) == 1 and said[0].startswith("recover with")), said  # what was begun
    assert sentence.startswith("enhance: "), sentence
    assert "Traceback" not in ended.out + ended.err
    assert sentence.endswith((".", "?", ")")), sentence
    assert not [file for file in set(Path().rglob("*")) - before if file.is_file()]
    return sentence


def saved(path: Path, kind: str) -> Path:
    """A picture of every kind that people have."""
    colours = Image.fromarray(photo())
    if kind == "grey":
        colours.convert("L").save(path)
    elif kind == "palette":
        colours.convert("P").save(path)
    elif kind == "alpha":
        colours.putalpha(Image.fromarray(photo(channels=1)))
        colours.save(path)
    elif kind == "sixteen":
        Image.fromarray(photo(channels=1, dtype="uint16")).save(path)
    elif kind == "cmyk":
        colours.convert("CMYK").save(path)
    elif kind == "turned":
        exif = Image.Exif()
        exif[274] = 6
        colours.save(path, exif=exif)
    elif kind == "frames":
        colours.save(path, save_all=True, append_images=[colours.rotate(90)])
    else:
        colours.save(path)
    return path


@pytest.mark.parametrize(
    ("name", "kind", "note"),
    [
        ("plain.png", "plain", ""),
        ("plain.jpg", "plain", ""),
        ("plain.JPEG", "plain", ""),
        ("plain.webp", "plain", ""),
        ("plain.tif", "plain", ""),
        ("plain.bmp", "plain", ""),
        ("moving.gif", "frames", "first of 2 frames"),
        ("grey.png", "grey", ""),
        ("grey.jpg", "grey", ""),
        ("palette.png", "palette", ""),
        ("palette.gif", "palette", ""),
        ("alpha.png", "alpha", "laid on white"),
        ("alpha.webp", "alpha", "laid on white"),
        ("sixteen.png", "sixteen", "16 bits"),
        ("sixteen.tif", "sixteen", "8 bits"),
        ("cmyk.jpg", "cmyk", "CMYK"),
        ("cmyk.tif", "cmyk", "CMYK"),
        ("turned.jpg", "turned", "orientation"),
    ],
)
def test_every_kind_of_picture_works_and_what_was_done_to_it_is_said(
    enhance: Command, name: str, kind: str, note: str
) -> None:
    results = works(enhance, f"reference={saved(Path(name), kind)}")
    assert note in " ".join(results["notes"])
    assert (results["width"], results["height"]) == ((19, 24) if kind == "turned" else (24, 19))


@pytest.mark.parametrize(
    "name",
    ["my photo.png", "it's.png", 'quo"te.png', "été 写真.png", "a=b.png", "a,b (1).png", "[x]{y}$z.png", "-dash.png"],
)
def test_every_name_works_for_both_pictures(enhance: Command, name: str) -> None:
    path = saved(Path(name), "plain")
    assert works(enhance, f"reference={path}", f"initial={path}")["reference"] == name


def test_the_background_is_the_users(enhance: Command) -> None:
    path = saved(Path("alpha.png"), "alpha")
    assert "laid on #ff0000" in " ".join(works(enhance, f"reference={path}", "background='#ff0000'")["notes"])


def test_a_very_wide_picture_works(enhance: Command) -> None:
    Image.fromarray(photo(30_000, 12)).save("wide.png")
    assert "reference at size=24 is 24 x 1 pixels" in refused(enhance, "reference=wide.png")
    assert works(enhance, "reference=wide.png", "size=null")["width"] == 30_000


def test_a_name_that_is_no_text_gets_a_sentence(enhance: Command) -> None:
    assert "is not UTF-8" in refused(enhance, "reference=latin\udce9.png")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb() -> bytes:
    """A PNG of a few bytes that would unpack to ten thousand million pixels."""
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def png(width: int = 40, height: int = 32) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.atleast_3d(photo(width, height)).reshape(height, width, 3)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("role", ["reference", "initial"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (png(1, 1), "1 x 1 pixels"),
        (png(300, 7), "at least 8 x 8"),
        (b"", "empty"),
        (png()[:200], "damaged or cut short"),
        (png()[: len(png()) // 2], "damaged or cut short"),
        (b"just words\n" * 40, "not an image"),
        (bytes(5000), "not an image"),
        (bomb(), "million pixels"),
        (b"%PDF-1.4", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
    ],
    ids=["dot", "strip", "empty", "truncated", "half", "text", "zeros", "bomb", "pdf", "svg"],
)
def test_files_that_are_no_pictures_get_a_sentence(enhance: Command, role: str, content: bytes, words: str) -> None:
    Path("x.png").write_bytes(content)
    sentence = refused(enhance, f"{role}=x.png", "size=null")
    assert words in sentence
    assert "x.png" in sentence or role in sentence


@pytest.mark.parametrize("role", ["reference", "initial"])
@pytest.mark.parametrize(
    "name", ["folder.png", ".", "missing.png", "no/such/file.png", "link.png", "fifo.png", "astronat", ""]
)
def test_what_is_no_file_gets_a_sentence(enhance: Command, role: str, name: str) -> None:
    Path("folder.png").mkdir()
    Path("link.png").symlink_to("nowhere.png")
    os.mkfifo("fifo.png")
    assert name in refused(enhance, f"{role}={name}")


def test_pictures_of_two_sizes_get_a_sentence(enhance: Command) -> None:
    Image.fromarray(photo(40, 32)).save("a.png")
    Image.fromarray(photo(41, 32)).save("b.png")
    sentence = refused(enhance, "reference=a.png", "initial=b.png", "size=null")
    assert "41 x 32" in sentence
    assert "40 x 32" in sentence


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("stepz=5", "did you mean 'steps'"),
        ("task=denois", "did you mean 'denoise'"),
        ("task.name=denois", "did you mean 'denoise'"),
        ("metric=deepwds", "did you mean 'deepwsd'"),
        ("metric.name=deepwds", "did you mean 'deepwsd'"),
        ("backbone=vgg91", "did you mean 'vgg19'"),
        ("backbone.name=vgg91", "vgg19"),
        ("initial=whit", "did you mean 'white'"),
        ("optimizer=sgdd", "adam"),
        ("optimizer.name=sgdd", "adam"),
        ("schedule.name=cosin", "cosine"),
        ("parametrization.name=pixel", "pixels"),
        ("metric.layout=spatail", "spatial"),
        ("metric.padding=down", "up"),
        ("degradation=gausian_noise", "gaussian_noise"),
        ("recipes=denoize", "denoise"),
        ("resum=run", "did you mean 'resume'"),
        ("steps=0", "at least 1"),
        ("steps=-1", "at least 1"),
        ("steps=2.5", "steps=2.5"),
        ("steps=many", "steps=many"),
        ("steps=10000000000", "at most"),
        ("steps=99999999999999999999999999", "at most"),
        ("size=0", "at least 8"),
        ("size=-256", "at least 8"),
        ("size=7", "at least 8"),
        ("size=1000000000", "at most"),
        ("seed=-1", "at least 0"),
        ("seed=99999999999999999999", "at most"),
        ("threads=0", "at least 1"),
        ("threads=1000000000", "at most"),
        ("checkpoint=-1", "at least 0"),
        ("checkpoint=nan", "checkpoint"),
        ("optimizer.learning_rate=0", "positive"),
        ("optimizer.learning_rate=inf", "finite"),
        ("optimizer.learning_rate=1e38", "at most"),
        ("optimizer.smoothing=1e38", "at most"),
        ("parametrization.gain=1e38", "at most"),
        ("parametrization.chroma=1e38", "at most"),
        ("optimizer.betas=[0.9,1.0]", "[0, 1)"),
        ("optimizer.betas=[0.9]", "two numbers"),
        ("optimizer.smoothing=nan", "smoothing"),
        ("optimizer.smoothing=inf", "smoothing"),
        ("parametrization.levels=0", "at least 1"),
        ("parametrization.levels=99", "at most"),
        ("parametrization.gain=inf", "gain"),
        ("parametrization.chroma=0", "positive"),
        ("frames.count=1", "at least 2"),
        ("frames.count=100000", "at most"),
        ("frames.every=0", "at least 1"),
        ("frames.spacing=log", "geometric or fixed"),
        ("stopping.patience=0", "at least 1"),
        ("stopping.seconds=-3", "at least 0"),
        ("stopping.tolerance=-1", "at least 0"),
        ("stopping.loss=nan", "stopping.loss"),
        ("stopping.loss=-1", "at least 0"),
        ("schedule.warmup=5", "less than steps"),
        ("schedule.every=0", "at least 1"),
        ("autocast=int8", "bfloat16"),
        ("background=nocolour", "not a colour"),
        ("background='#12'", "not a colour"),
        ("initial=degraded", "degradation"),
        ("device=cuda:99", "device=cuda:99"),
        ("device=tpu", "device=tpu"),
        ("device=meta", "device=meta"),
        ("device=", "device="),
        ("backbone.weights=missing.pth", "missing.pth"),
        ("backbone.weights=", "weights"),
        ("backbone.seed=-1", "seed"),
        ("backbone.model=resnet18", "torchvision"),
        ("+foo=1", "no setting 'foo'"),
        ("+degradation.foo=1", "foo"),
        ("~steps", "remove"),
        ("words", "key=value"),
        ("=5", "="),
        ("reference=[a", "Cannot read"),
        ("hydra.run.dir=/proc/none/run", "/proc/none"),
        ("hydra.run.dir=/dev/null/run", "/dev/null"),
        ("--stepz", "--stepz"),
        ("-x", "-x"),
        ("-c", "one argument"),
        ("--cfg=nonsense", "choose from"),
        ("--config-dir=no/such/folder", "no/such/folder"),
        ("--config-name=nothing", "Cannot find primary config 'nothing'"),
    ],
)
def test_settings_that_cannot_be_get_a_sentence(enhance: Command, argument: str, words: str) -> None:
    degraded = ("task=denoise",) if argument.startswith("+degradation") else ()
    assert words in refused(enhance, *degraded, argument)


@pytest.mark.parametrize(
    "name",
    [
        "gaussian_noise",
        "poisson_gaussian_noise",
        "salt_and_pepper",
        "gaussian_blur",
        "motion_blur",
        "disk_blur",
        "jpeg",
    ],
)
@pytest.mark.parametrize("value", ["-1", "nan", "1e30", "many"])
def test_absurd_degradations_get_a_sentence(enhance: Command, name: str, value: str) -> None:
    key = {
        "gaussian_noise": "sigma",
        "poisson_gaussian_noise": "peak",
        "salt_and_pepper": "amount",
        "gaussian_blur": "sigma",
        "motion_blur": "length",
        "disk_blur": "radius",
        "jpeg": "quality",
    }[name]
    assert key in refused(enhance, f"degradation={name}", f"degradation.{key}={value}", "initial=degraded")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_where_there_is_none_gets_a_sentence(enhance: Command) -> None:
    assert "device=cuda is not to be had here" in refused(enhance, "device=cuda")


class Code:
    def __reduce__(self) -> tuple:
        return os.system, ("touch executed",)


def weights(name: str, kind: str) -> None:
    network = {"features.0.weight": torch.rand(64, 3, 3, 3), "features.0.bias": torch.rand(64)}
    if kind == "code":
        torch.save({"state_dict": Code()}, name)
    elif kind == "pickle":
        Path(name).write_bytes(pickle.dumps(Code()))
    elif kind == "another network":
        save_file(network, name) if name.endswith("safetensors") else torch.save(network, name)
    elif kind == "corrupt":
        torch.save(network, name)
        os.truncate(name, 300)
    elif kind == "text":
        Path(name).write_text("not weights")
    elif kind == "list":
        torch.save([1, 2, 3], name)
    elif kind == "numbered":
        torch.save({1: torch.rand(3)}, name)
    elif kind == "empty":
        Path(name).touch()
    else:
        Path(name).mkdir()


def failing(monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> None:
    """The first runs fail with these errors, after their first step."""
    left, show = list(errors), Progress.show

    def fail(self: Progress, row: Row) -> None:
        show(self, row)
        if left:
            raise left.pop(0)

    monkeypatch.setattr(Progress, "show", fail)


@pytest.mark.parametrize(
    ("error", "argument", "words"),
    [
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "seed=1", "more memory than there is"),
        (MemoryError(), "seed=1", "more memory than there is"),
        (torch.cuda.OutOfMemoryError("CUDA out of memory."), "compile=true", "more memory than there is"),
        (AssertionError("expected size 3==3\nError in op"), "compile=true", "compile=true does not work here"),
    ],
)
def test_what_a_machine_cannot_do_gets_a_sentence(
    enhance: Command, monkeypatch: pytest.MonkeyPatch, error: Exception, argument: str, words: str
) -> None:
    monkeypatch.setattr(Backbone, "compile", lambda self: None)
    failing(monkeypatch, error)
    ended = enhance(*QUICK, argument, "hydra.run.dir=run")
    assert ended.code == 2
    assert words in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err
    assert json.loads(Path("run/metrics.json").read_text())["status"] == "running"


def test_a_mistake_of_ours_ends_a_job_but_no_sweep(enhance: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, KeyError("a mistake"))
    ended = enhance(*QUICK, "-m", "seed=1,2", "hydra.sweep.dir=sweep", "hydra.sweep.subdir=${hydra.job.num}")
    assert ended.code == 1
    assert json.loads(Path("sweep/0/failed.json").read_text())["reason"] == "KeyError: 'a mistake'"
    assert json.loads(Path("sweep/1/metrics.json").read_text())["status"] == "finished"


@pytest.mark.parametrize(
    "kind", ["code", "pickle", "another network", "corrupt", "text", "list", "numbered", "empty", "folder"]
)
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.bin"])
def test_weights_that_are_none_get_a_sentence_and_no_code_runs(enhance: Command, kind: str, name: str) -> None:
    weights(name, kind)
    assert name in refused(enhance, f"backbone.weights={name}")
    assert not Path("executed").exists()


def test_weights_of_the_right_network_work_but_not_where_they_are_no_numbers(enhance: Command) -> None:
    state = torchvision.models.squeezenet1_0(weights=None).state_dict()
    torch.save(state, "own.pth")
    assert works(enhance, "backbone.weights=own.pth")["backbone"]["from"] == "own.pth"
    state["features.3.squeeze.weight"][0] = torch.nan
    torch.save(state, "nan.pth")
    assert "not finite" in refused(enhance, "backbone.weights=nan.pth")


@pytest.mark.parametrize("kind", ["sparse", "meta", "int8", "complex64"])
def test_weights_that_are_no_plain_numbers_get_a_sentence(enhance: Command, kind: str) -> None:
    state = torchvision.models.squeezenet1_0(weights=None).state_dict()
    key = "features.3.squeeze.weight"
    state[key] = state[key].to_sparse() if kind == "sparse" else state[key].to(getattr(torch, kind, kind))
    torch.save(state, "odd.pth")
    sentence = refused(enhance, "backbone.weights=odd.pth")
    assert key in sentence
    assert kind in sentence


def test_a_run_that_cannot_begin_leaves_nothing(enhance: Command) -> None:
    convnext = ["backbone=torchvision", "backbone.model=convnext_tiny", "backbone.nodes=[features.7]", "size=24"]
    assert "cannot take a 24 x 24 image" in refused(enhance, *convnext)
    assert "node fc" in refused(enhance, "backbone=torchvision", "backbone.model=resnet18", "backbone.nodes=[fc]")
    assert "raft_small cannot be used" in refused(
        enhance, "backbone=torchvision", "backbone.model=raft_small", "backbone.nodes=[a]"
    )
    state = torchvision.models.squeezenet1_0(weights=None).state_dict()
    state["features.3.squeeze.weight"].fill_(3e38)
    torch.save(state, "huge.pth")
    assert "loss of the initial image is not finite" in refused(enhance, "backbone.weights=huge.pth")


def test_a_run_whose_start_has_no_gradient_fails_alone_and_in_a_sweep(
    enhance: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def steep(network: Backbone, image: Tensor) -> list[Tensor]:
        return [image + (0 * image).sqrt()]  # 0 * inf

    monkeypatch.setattr(Backbone, "forward", steep)
    assert "gradient of the initial image is not finite" in refused(enhance)
    ended = enhance(*QUICK, "-m", "seed=1,2", "hydra.sweep.dir=sweep", "hydra.sweep.subdir=${hydra.job.num}")
    assert ended.code == 2
    assert "gradient of the initial image" in json.loads(Path("sweep/1/failed.json").read_text())["reason"]


def test_a_folder_of_the_users_own_is_never_emptied(enhance: Command) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years of work")
    Path("hydra").mkdir()
    Path("hydra/conf.py").write_text("my own")
    for folder in ("mine", "."):
        assert enhance(*QUICK, "reference=missing.png", f"hydra.run.dir={folder}").code == 2
    path = saved(Path("reference.png"), "plain")
    before = path.read_bytes()
    assert "holds a reference.png already" in refused(enhance, f"reference={path}", "hydra.run.dir=.")
    assert path.read_bytes() == before
    assert Path("mine/thesis.txt").read_text() == "years of work"
    assert Path("hydra/conf.py").read_text() == "my own"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("task=score", "reference=a.png", "image=a.png", "map=file/x.png"),
            "file/x.png: cannot be written (File exists",
        ),
        (("task=score", "reference=a.png", "image=a.png", "output=file/x.csv"), "file"),
        (("task=score", "reference=a.png", "image=a.png", "backbone.seed=99999999999999999999"), "at most"),
        (("task=evaluate", "scores=huge.csv", "subjective=nope.csv"), "nope.csv: No such file"),
        (("task=evaluate", "table=huge.csv"), "mos holds a number of size 9e+300"),
        ((f"reference={'x' * 5000}",), "xxx...xxx"),
    ],
)
def test_what_cannot_be_used_is_named_in_a_short_sentence(
    enhance: Command, arguments: tuple[str, ...], words: str
) -> None:
    saved(Path("a.png"), "plain")
    Path("file").touch()
    Path("huge.csv").write_text("image,mos,q\n" + "".join(f"{n}.png,{n}e300,{n}\n" for n in range(1, 10)))
    ended = enhance("backbone=squeezenet", "backbone.weights=untrained", "metric=deepjsd", *arguments)
    assert ended.code == 2
    sentence = ended.err.strip().splitlines()[-1]
    assert words in sentence
    assert "Errno" not in ended.err
    assert "Warning" not in ended.err
    assert len(sentence) < 500


def test_a_folder_in_the_place_of_a_checkpoint_is_named(enhance: Command) -> None:
    Path("run/checkpoint.pt").mkdir(parents=True)
    for argument in ("hydra.run.dir=run", "resume=run"):
        ended = enhance(*(QUICK if "hydra" in argument else ()), argument)
        assert ended.code == 2
        assert "checkpoint.pt" in ended.err.splitlines()[-1]
        assert "Errno" not in ended.err


def test_a_file_where_the_folder_should_be_gets_a_sentence(enhance: Command) -> None:
    Path("outputs").touch()
    assert "outputs" in refused(enhance)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small disk in memory, with options; needs to be root."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "enhance-test", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            pytest.skip(f"no file system can be mounted here: {error}")
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_may_not_be_written_gets_a_sentence(enhance: Command, disk: Callable[[str], Path]) -> None:
    folder = disk("ro")
    assert str(folder) in refused(enhance, f"hydra.run.dir={folder}/run")


# logging.shutdown() does not close a file that cannot be flushed; a process of its own would end here
@pytest.mark.filterwarnings("ignore:Exception ignored in.*run.log:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "kilobytes",
    [
        *(4, 12, 24, 40, 90, 160, 240),
        *(pytest.param(size, marks=pytest.mark.slow) for size in (8, 16, 20, 28, 32, 60, 120, 200)),
    ],
)
def test_a_full_disk_gets_a_sentence_and_the_run_goes_on_once_there_is_room(
    enhance: Command, disk: Callable[[str], Path], kilobytes: int
) -> None:
    folder = disk(f"size={kilobytes}k")
    run = folder / "run"
    ended = enhance(*QUICK, f"hydra.run.dir={run}", "steps=20", "frames.count=20", "checkpoint=0")
    assert ended.code == 2, ended
    sentence = ended.err.strip().splitlines()[-1]
    assert "No space left on device" in sentence
    assert "Traceback" not in ended.out + ended.err
    assert not list(folder.rglob("*.partial"))
    assert read_metrics(run).get("status") != "finished"
    if "goes on" in sentence:
        subprocess.run(["mount", "-o", "remount,size=50m", str(folder)], check=True)
        assert enhance(f"resume={run}").code == 0
        assert read_metrics(run)["status"] == "finished"
        assert (run / REPORT).is_file()
    else:
        assert "hydra.run.dir=FOLDER" in sentence
        assert not [file for file in run.rglob("*") if file.is_file()]
