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
from helpers import Ended
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from enhance.backbones.network import Backbone, load
from enhance.images.writing import save_image
from enhance.runs.checkpoint import Checkpoints
from enhance.runs.history import Row
from enhance.runs.layout import REPORT, read_metrics
from enhance.runs.progress import Progress
from enhance.utils.weights import WeightsError

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
    """The metrics.json of a command that runs to its end."""
    ended = enhance(*QUICK, *arguments)
    assert ended.code == 0, ended
    (folder,) = runs(Path())
    results = json.loads((folder / "metrics.json").read_text())
    assert results["status"] == "finished"
    assert (folder / "comparison.png").is_file()
    return results


def refused(enhance: Command, *arguments: str) -> str:
    """The sentence of a command that ends in one and leaves nothing."""
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
    Image.fromarray(photo(3_000, 9)).save("wide.png")
    assert "reference at size=24 is 24 x 1 pixels" in refused(enhance, "reference=wide.png")
    assert works(enhance, "reference=wide.png", "size=null")["width"] == 3_000


def test_a_file_name_that_is_not_utf8_is_refused(enhance: Command) -> None:
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
        (b"%PDF-1.4", "export the page as PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is SVG; render it"),
    ],
    ids=["dot", "strip", "empty", "truncated", "half", "text", "zeros", "bomb", "pdf", "svg"],
)
def test_a_file_that_is_no_picture_is_refused(enhance: Command, content: bytes, words: str) -> None:
    Path("x.png").write_bytes(content)
    sentence = refused(enhance, "reference=x.png", "size=null")
    assert words in sentence
    assert "x.png" in sentence or "reference" in sentence


@pytest.mark.parametrize(
    ("content", "words"),
    [(png(1, 1), "1 x 1 pixels"), (b"", "empty"), (png()[:200], "damaged or cut short")],
    ids=["dot", "empty", "truncated"],
)
def test_an_initial_image_that_is_no_picture_is_refused(enhance: Command, content: bytes, words: str) -> None:
    Path("x.png").write_bytes(content)
    sentence = refused(enhance, "reference=astronaut", "initial=x.png", "size=null")
    assert words in sentence
    assert "x.png" in sentence or "initial" in sentence


@pytest.mark.parametrize(
    ("role", "name"),
    [
        *(("reference", name) for name in ("folder.png", ".", "no/such/file.png", "link.png", "fifo.png", "")),
        *((role, name) for role in ("reference", "initial") for name in ("missing.png", "astronat")),
        ("initial", ""),
    ],
)
def test_a_path_that_is_no_file_is_refused(enhance: Command, role: str, name: str) -> None:
    Path("folder.png").mkdir()
    Path("link.png").symlink_to("nowhere.png")
    os.mkfifo("fifo.png")
    assert (name or "''") in refused(enhance, f"{role}={name}")


def test_an_initial_image_of_another_size_is_refused(enhance: Command) -> None:
    Image.fromarray(photo(40, 32)).save("a.png")
    Image.fromarray(photo(41, 32)).save("b.png")
    sentence = refused(enhance, "reference=a.png", "initial=b.png", "size=null")
    assert "41 x 32" in sentence
    assert "40 x 32" in sentence


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("stepz=5", "no setting 'stepz'; did you mean 'steps'"),
        ("imag=photo.png", "no setting 'imag'; did you mean 'image'"),
        ("task=denois", "no task 'denois'; did you mean 'denoise'"),
        ("task=null", "no task 'null'"),
        ("task.name=denois", "did you mean 'denoise'"),
        ("metric=deepwds", "did you mean 'deepwsd'"),
        ("metric.name=deepwds", "did you mean 'deepwsd'"),
        ("backbone=vgg91", "did you mean 'vgg19'"),
        ("backbone.weigths=untrained", "did you mean 'backbone.weights'"),
        ("optimizer.lr=0.1", "optimizer.learning_rate"),
        ("degradation.sigmaa=3", "did you mean 'degradation.sigma'"),
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
        ("recipes=white", "no recipe 'white'"),
        ("resum=run", "did you mean 'resume'"),
        ("steps=0", "at least 1"),
        ("steps=-1", "at least 1"),
        ("steps=2.5", "steps=2.5"),
        ("steps=many", "steps=many"),
        ("steps=10000000000", "at most"),
        ("steps=1e12", "steps=1e12"),
        ("steps=99999999999999999999999999", "at most"),
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
        ("optimizer.learning_rate=nan", "finite"),
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
        ("schedule.warmup=300", "less than steps"),
        ("schedule.every=0", "at least 1"),
        ("autocast=int8", "null or bfloat16 or float16"),
        ("compile=-1", "compile=-1 must be true or false"),
        ("optimizer.log_loss=2", "optimizer.log_loss=2 must be true or false"),
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
        ("backbone.seed=99999999999999999999999", "at most"),
        ("backbone.model=resnet18", "torchvision"),
        ("+foo=1", "no setting 'foo'"),
        ("+degradation.foo=1", "foo"),
        ("~steps", "remove"),
        ("hydra.foo=3", "no setting 'hydra.foo'"),
        ("hydra.verbose=3", "hydra.verbose=3 must be"),
        ("words", "write it as key=value"),
        ("photo.png", "write it as key=value"),
        ("jpeg", "did you mean task=jpeg?"),
        ("score", "did you mean task=score?"),
        ("coffee", "did you mean reference=coffee?"),
        ("=5", "="),
        ("reference=[a", "Cannot read the argument"),
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
def test_an_unknown_name_or_a_value_out_of_range_is_refused(enhance: Command, argument: str, words: str) -> None:
    degraded = ("task=denoise",) if "degradation." in argument else ()
    assert words in refused(enhance, *degraded, argument)


@pytest.mark.parametrize(
    ("argument", "words"), [("metric=deepwsd,deepjsb", "did you mean 'deepjsd'"), ("steps=3,0", "at least 1")]
)
def test_every_value_of_a_sweep_is_checked_before_its_first_job(enhance: Command, argument: str, words: str) -> None:
    assert words in refused(enhance, "-m", argument)


@pytest.mark.parametrize("value", ["-1", "nan", "1e30", "many"])
def test_a_degradation_out_of_range_is_refused(enhance: Command, value: str) -> None:
    degraded = ("degradation=gaussian_noise", "initial=degraded")
    assert "sigma" in refused(enhance, *degraded, f"degradation.sigma={value}")


def test_a_device_that_is_not_there_is_refused(enhance: Command) -> None:
    absent = f"cuda:{torch.cuda.device_count()}" if torch.cuda.is_available() else "cuda"
    assert f"device={absent} is not available here" in refused(enhance, f"device={absent}")


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
def test_want_of_memory_and_a_failing_compiler_are_explained(
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
def test_a_file_that_holds_no_weights_runs_no_code(
    kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    weights(name, kind)
    with pytest.raises(WeightsError, match=name) as error:
        load("squeezenet", name)
    assert "\n" not in str(error.value)
    assert not Path("executed").exists()


@pytest.mark.parametrize("kind", ["code", "another network"])
def test_a_file_that_holds_no_weights_is_refused(enhance: Command, kind: str) -> None:
    weights("w.pth", kind)
    assert "w.pth" in refused(enhance, "backbone.weights=w.pth")


def test_weights_of_the_right_network_work_but_not_where_they_are_no_numbers(enhance: Command) -> None:
    state = torchvision.models.squeezenet1_0(weights=None).state_dict()
    torch.save(state, "own.pth")
    assert works(enhance, "backbone.weights=own.pth")["backbone"]["from"] == "own.pth"
    state["features.3.squeeze.weight"][0] = torch.nan
    torch.save(state, "nan.pth")
    assert "not finite" in refused(enhance, "backbone.weights=nan.pth")


@pytest.mark.parametrize("kind", ["sparse", "meta", "int8", "complex64"])
def test_sparse_meta_integer_and_complex_weights_are_refused(enhance: Command, kind: str) -> None:
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


def test_an_objective_that_sees_no_direction_is_refused(enhance: Command) -> None:
    ended = enhance(*QUICK, "metric=gmsd", "initial=black", "hydra.run.dir=run")
    assert (ended.code, Path("run").exists()) == (2, False)
    assert "gradient is zero at the initial image" in ended.err
    assert enhance(*QUICK, "metric=gmsd", "initial=black", "terms.mse=0.1", "hydra.run.dir=run").code == 0


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
def test_an_unusable_output_table_seed_or_long_name_is_refused_briefly(
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


def test_a_file_in_the_place_of_the_outputs_folder_is_refused(enhance: Command) -> None:
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


def test_a_disk_that_may_not_be_written_is_refused(enhance: Command, disk: Callable[[str], Path]) -> None:
    folder = disk("ro")
    assert str(folder) in refused(enhance, f"hydra.run.dir={folder}/run")


FULL = (*QUICK, "steps=20", "frames.count=20")


def pages(folder: Path) -> int:
    """How many pages of a disk in memory its files take."""
    return sum(-(-file.stat().st_size // 4096) for file in folder.rglob("*") if file.is_file())


# logging.shutdown() does not close a file that cannot be flushed; a process of its own would end here
@pytest.mark.filterwarnings("ignore:Exception ignored in.*run.log:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("share", "begun"),
    [
        *((0.0, False), (0.5, True), (1.0, True)),
        pytest.param(0.8, True, marks=pytest.mark.slow),
        *(pytest.param(tenth / 20, None, marks=pytest.mark.slow) for tenth in range(1, 21)),
    ],
)
def test_a_run_on_a_full_disk_goes_on_once_there_is_room(
    enhance: Command, disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, share: float, begun: bool | None
) -> None:
    """`share` of what the run takes when its last step is made; it takes more while the figures are drawn."""
    monkeypatch.setattr(Checkpoints, "due", lambda self: True)  # that depends on the time otherwise
    needed: list[int] = []
    conclude = Progress.conclude

    def measure(self: Progress) -> None:
        needed.append(pages(Path("whole")))
        conclude(self)

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "conclude", measure)
        assert enhance(*FULL, "hydra.run.dir=whole").code == 0
    folder = disk(f"size={4 * max(1, int(share * needed[0]))}k")
    run = folder / "run"
    ended = enhance(*FULL, f"hydra.run.dir={run}")
    assert ended.code == 2, ended
    sentence = ended.err.strip().splitlines()[-1]
    assert "No space left on device" in sentence
    assert "Traceback" not in ended.out + ended.err
    assert not list(folder.rglob("*.partial"))
    assert read_metrics(run).get("status") != "finished"
    assert begun is None or ("goes on" in sentence) == begun
    if "goes on" in sentence:
        subprocess.run(["mount", "-o", "remount,size=50m", str(folder)], check=True)
        assert enhance(f"resume={run}").code == 0
        assert read_metrics(run)["status"] == "finished"
        assert (run / REPORT).is_file()
    else:
        assert "hydra.run.dir=FOLDER" in sentence
        assert not [file for file in run.rglob("*") if file.is_file()]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--reference", "a.png"), "settings are written without dashes, reference=a.png"),
        (("--steps=3",), "settings are written without dashes, steps=3"),
        (("--lr", "0.1"), "optimizer.learning_rate=0.1"),
        (("--lr",), "optimizer.learning_rate=..."),
        (("lr=0.1",), "There is no setting 'lr'; it is optimizer.learning_rate=0.1"),
        (("hydra.job.chdir=true",), "leave it out"),
        (("hydra.callbacks={x:{_target_:a.B}}",), "which is written +hydra.callbacks={x:{_target_:a.B}}"),
        (("hydra.job.env_set.A=1",), "which is written +hydra.job.env_set.A=1"),
        (("hydra.run.dri=x",), "did you mean 'hydra.run.dir'"),
    ],
)
def test_the_habits_of_other_programs_are_answered_with_ours(
    arguments: tuple[str, ...], sentence: str, enhance: Command
) -> None:
    assert sentence in refused(enhance, *arguments)


def test_a_file_to_start_from_needs_a_reference(enhance: Command) -> None:
    save_image(torch.rand(1, 3, 256, 256), "mine.png")
    assert "name what it is compared with too: reference=FILE" in refused(enhance, "initial=mine.png")
