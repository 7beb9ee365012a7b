"""Bytes of strangers through every door: small valid files are changed at random, and each must come to a value or to
one of our sentences.

    python tests/strange_bytes.py DOOR SECONDS SEED FOLDER

tries one door and prints, as JSON, how many inputs came to what. What is tried lies in FOLDER while it is, and what
fails stays there, also where a decoder has ended the process.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
import random
import signal
import struct
import sys
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from PIL import Image

MOST_SECONDS = 20  # that an input may take
MOST_MEMORY = 6 << 30  # bytes of address space; torch alone takes half of it

Seeds = dict[str, bytes]  # by the name that the file is given
Door = tuple[Callable[[Path], Seeds], Callable[[Path, Path], object]]  # valid files; what reads one, in a folder


class TooLong(BaseException):
    """An input that takes more than `MOST_SECONDS`; no code may catch it as an error of a file."""


def changed(data: bytes, other: bytes, draw: random.Random) -> bytes:
    """A few random changes."""
    made = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        place, length = draw.randrange(len(made) + 1), draw.choice((1, 1, 2, 4, 8, 40, 400))
        kind = draw.randrange(9)
        if kind == 0:
            made[place : place + 1] = bytes([draw.randrange(256)])
        elif kind == 1 and place < len(made):
            made[place] ^= 1 << draw.randrange(8)
        elif kind == 2:  # numbers at the ends of their ranges
            number = draw.choice((0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))
            made[place : place + 4] = struct.pack(draw.choice("<>") + "I", number)
        elif kind == 3:
            del made[place : place + length]
        elif kind == 4:
            made[place:place] = made[place : place + length]
        elif kind == 5:
            made[place : place + length] = draw.randbytes(length)
        elif kind == 6:
            start = draw.randrange(len(other) + 1)
            made[place : place + length] = other[start : start + length]
        elif kind == 7 and draw.random() < 0.3:
            del made[place:]
        else:
            made[place : place + length] = draw.choice(_WORDS)
    return bytes(made)


_WORDS = (
    *(
        b"nan",
        b"inf",
        b"-inf",
        b"1e999",
        b"-1",
        b"0",
        b"1e-400",
        b"9" * 20,
        b"null",
        b"true",
        b"[]",
        b"{}",
        b'""',
        b"'",
    ),
    *(b",", b", ", b";", b": ", b"\t", b"\n", b"\r\n", b"\0", b"\xff\xfe", b"\xef\xbb\xbf"),
    *(b"../..", b"${a}", b"!!python/object", b"&a", b"*a", b"<script>"),
)


def with_checksums(data: bytes) -> bytes:
    """A PNG with the right checksums, so that what was changed is read."""
    made, place = bytearray(data), 8
    while place + 12 <= len(made):
        end = place + 8 + int.from_bytes(made[place : place + 4])
        if end + 4 > len(made):
            break
        made[end : end + 4] = struct.pack(">I", zlib.crc32(made[place + 4 : end]))
        place = end + 4
    return bytes(made)


def images(folder: Path) -> Seeds:
    """A small image of each kind."""
    rgb = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    picture, deep = Image.fromarray(rgb), rgb.astype(np.uint16) * 257
    found: Seeds = {}

    def save(name: str, image: Image.Image = picture, **settings: Any) -> None:
        stream = io.BytesIO()
        with contextlib.suppress(KeyError, OSError):  # this Pillow does not write the kind
            image.save(stream, settings.pop("format", None) or Path(name).suffix[1:].upper(), **settings)
            found[name] = stream.getvalue()

    def tiff(name: str, values: np.ndarray, **settings: Any) -> None:
        stream = io.BytesIO()
        tifffile.imwrite(stream, values, **settings)
        found[name] = stream.getvalue()

    from profiles import P3, power, profile, table

    icc, tables = profile(P3, power(2.2)), profile(P3, table(2.4))
    exif = Image.Exif()
    exif[274] = 6
    save("x.png", icc_profile=icc)
    save("palette.png", picture.quantize(16), transparency=3)
    save("grey.png", Image.fromarray(deep[..., 0]), icc_profile=tables)
    save("bits.png", picture.convert("1"))
    save("alpha.png", picture.convert("RGBA"))
    save("x.jpeg", icc_profile=tables, exif=exif, progressive=True)
    save("cmyk.jpeg", picture.convert("CMYK"))
    save("x.webp", icc_profile=icc, exif=exif)
    save("lossless.webp", picture.convert("RGBA"), lossless=True)
    for name in ("x.bmp", "x.dib", "x.gif", "x.avif", "x.ppm", "x.tga", "x.qoi", "x.mpo"):
        save(name)
    save("x.jp2", format="JPEG2000")
    save("deep.j2k", Image.fromarray(deep[..., 0]), format="JPEG2000", no_jp2=True)
    for compression in ("raw", "tiff_lzw", "jpeg", "packbits"):
        save(f"{compression}.tiff", compression=compression, icc_profile=icc)
    save("lab.tiff", picture.convert("LAB"))
    tiff("deep.tif", deep, photometric="rgb", iccprofile=icc)
    tiff("half.tif", (rgb / 255).astype(np.float16), photometric="rgb", tile=(16, 16), compression="zlib")
    tiff("alpha.tif", np.dstack([deep, deep[..., 0]]), photometric="rgb", extrasamples=[1])
    tiff("white.tif", (rgb[..., 0] / 255).astype(np.float32), photometric="miniswhite", predictor=True, compression=8)
    found["x.pfm"] = b"PF\n24 20\n-1.0\n" + (rgb / 255).astype("<f4").tobytes()
    found["deep.pgm"] = b"P5\n24 20 65535\n" + deep[..., 0].astype(">u2").tobytes()
    found["x.hdr"] = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\nEXPOSURE=2\n\n-Y 20 +X 24\n" + bytes([64, 90, 9, 128]) * 480
    with contextlib.suppress(ImportError):
        library: Any = import_module("OpenEXR")
        with library.File({"compression": library.ZIP_COMPRESSION}, {"RGB": (rgb / 255).astype(np.float16)}) as file:
            file.write(str(folder / "seed.exr"))
        found["x.exr"] = (folder / "seed.exr").read_bytes()
    with contextlib.suppress(ImportError):
        import_module("pillow_heif").register_heif_opener()
        save("x.heic", format="HEIF")
    with contextlib.suppress(ImportError):
        import_module("pillow_jxl")
        save("x.jxl", format="JXL")
    return found


def read_image(file: Path, _: Path) -> None:
    from enhance.images.reading import read

    found = read(file, range=random.choice((None, None, 2.0)))
    image = found.image
    assert image.shape[:2] == (1, 3), image.shape
    assert image.dtype == torch.float32
    assert 0 <= image.min() <= image.max() <= 1, (image.min(), image.max())


def read_pillow(file: Path, _: Path) -> None:
    from enhance.images.reading import from_pillow

    try:
        opened = Image.open(io.BytesIO(file.read_bytes()))
    except Exception:  # Pillow's own refusals are the caller's
        return
    if opened.mode in ("I", "F"):  # refused, since their white is not known
        return
    image = from_pillow(opened).image
    assert 0 <= image.min() <= image.max() <= 1, (image.min(), image.max())


def pairs(folder: Path) -> Seeds:
    """Lists of pairs, and tables of scores with and without subjective ones."""
    for name in ("a.png", "b.png"):
        Image.new("RGB", (12, 12), "red").save(folder / name)
    return {
        "pairs.csv": b"reference,image,mos\na.png,b.png,3.5\nb.png,a.png,4\n",
        "pairs.tsv": b"reference;image;mos\n\"a.png\";b.png;3,5\n'b.png';a.png;4,25\n",
    }


def read_list(file: Path, folder: Path) -> None:
    from enhance.scoring import read_pairs

    for pair in read_pairs(str(file)):
        assert pair.reference
        assert pair.image


def scores(folder: Path) -> Seeds:
    """A table of scores as `task=score` leaves it, and its JSON."""
    pairs(folder)
    with contextlib.redirect_stdout(io.StringIO()):
        _score(folder / "scores.csv", folder)
    return {name: (folder / name).read_bytes() for name in ("scores.csv", "scores.json")}


def _score(table: Path, folder: Path) -> None:
    from enhance.cli.commands.score import run

    settings = copy.deepcopy(_score_settings())
    settings.reference, settings.image, settings.output = f"{folder}/a.png", f"{folder}/b.png", str(table)
    run(settings)


@cache
def _score_settings() -> Any:
    from enhance.cli.overrides import tool_settings

    return tool_settings("score", ["metric=psnr", "threads=1"])


def go_on(file: Path, folder: Path) -> None:
    """A table that somebody has changed is refused or gone on with."""
    if file.suffix == ".json":
        file.with_suffix(".csv").write_bytes((folder / "scores.csv").read_bytes())
    _score(file.with_suffix(".csv"), folder)


def subjective(_: Path) -> Seeds:
    rows = [f"img{number}.png,{20 + number},{number % 7 / 7},{1 + number / 5},noise" for number in range(12)]
    return {"scores.csv": ("image,psnr,ssim,mos,type\n" + "\n".join(rows) + "\n").encode()}


def correlate(file: Path, _: Path) -> None:
    from enhance.evaluation import subjective_scores as tables
    from enhance.evaluation.correlations import evaluate, summary

    rows = tables.read(file)
    column, kind = tables.chosen(rows, "", "")
    data = tables.complete(rows, tables.numeric(rows, [column, kind]))
    json.dumps(summary(evaluate(data, 10, 0)), allow_nan=False)


def run_folders(folder: Path) -> Seeds:
    """The files of a finished run."""
    from helpers import settings

    from enhance.experiment.run import run

    made = folder / "run"
    made.mkdir(exist_ok=True)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        quick = ("metric=mse", "size=16", "steps=3", "frames.count=3", "threads=1", "judges=[psnr]", "figures=false")
        run(settings(*quick), made, "python -m enhance metric=mse")
    files = [made / name for name in ("metrics.json", "history.csv", "result.png")]
    return {file.name: file.read_bytes() for file in files}


def show(file: Path, folder: Path) -> None:
    """The report of a run and the summary of a sweep in which one file was changed."""
    from enhance.report import html
    from enhance.report.run_data import RunData
    from enhance.report.sweep.summary import summarise

    sweep = file.parent / "sweep"
    job = sweep / "0-recover"
    (job / "hydra").mkdir(parents=True, exist_ok=True)
    (job / "hydra" / "overrides.yaml").write_text("- metric=mse\n")
    for name in ("metrics.json", "history.csv", "result.png"):
        (job / name).write_bytes((folder / "run" / name).read_bytes())
    if file.suffix == ".yaml":
        (job / "hydra" / "overrides.yaml").write_bytes(file.read_bytes())
    else:
        (job / file.name).write_bytes(file.read_bytes())
    html.report(RunData.read(job))
    summarise(sweep)


def overrides(folder: Path) -> Seeds:
    run_folders(folder)
    return {"overrides.yaml": b"- metric=mse\n- 'reference=a b.png'\n- +terms.mae=0.5\n"}


def configurations(_: Path) -> Seeds:
    from helpers import settings
    from omegaconf import OmegaConf

    hydra = "hydra:\n  runtime: {output_dir: ., cwd: /}\n  overrides:\n    task: [metric=mse]\n  job_logging: {}\n"
    config = OmegaConf.to_yaml(OmegaConf.structured(settings("metric=mse")))
    return {"config.yaml": config.encode(), "hydra.yaml": hydra.encode()}


def resume(file: Path, folder: Path) -> None:
    """A run's settings that were changed are refused or taken."""
    import enhance.experiment.run
    from enhance.cli.resume import resume_run
    from enhance.config.limits import check_ranges

    made = file.parent / "run"
    (made / "hydra").mkdir(parents=True, exist_ok=True)
    for name, content in configurations(folder).items():
        (made / "hydra" / name).write_bytes(content)
    (made / "hydra" / file.name).write_bytes(file.read_bytes())
    enhance.experiment.run.run = lambda config, *_, **__: check_ranges(config)  # type: ignore[assignment]
    resume_run(made)


def checkpoints(folder: Path) -> Seeds:
    from enhance.runs.checkpoint import Checkpoints

    Checkpoints(folder, 0, {"metric": "mse"}).save({"step": 3, "image": torch.rand(1, 3, 4, 4), "text": "words"})
    return {"checkpoint.pt": (folder / "checkpoint.pt").read_bytes()}


def load_checkpoint(file: Path, _: Path) -> None:
    from enhance.runs.checkpoint import Checkpoints

    data = file.read_bytes()[32:]
    (file.parent / "checkpoint.pt").write_bytes(hashlib.sha256(data).digest() + data)
    state = Checkpoints(file.parent, 0, {"metric": "mse"}).load()
    assert state is None or isinstance(state, dict)


def weights(folder: Path) -> Seeds:
    from safetensors.torch import save

    state = _network().state_dict()
    torch.save(state, folder / "seed.pth")
    return {"x.pth": (folder / "seed.pth").read_bytes(), "x.safetensors": save(dict(state))}


def _network() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))


def load_weights(file: Path, _: Path) -> None:
    from enhance.backbones.weights import fill

    network = _network().to("meta")
    fill(network, "a network", "", str(file), 0)
    assert all(value.isfinite().all() for value in network.state_dict().values())


def words(_: Path) -> Seeds:
    lines = (
        "metric=deepjsd backbone=vgg16 steps=10 optimizer.learning_rate=0.1 reference=a.png",
        "-m metric=deepjsd,ssim task=denoise degradation.sigma=range(10,50,20) hydra.sweep.dir=x",
        "task=score reference=a.png image=b.png metrics=[psnr,ssim] background='#ff0000' range=4",
        "terms.lpips=0.5 +optimizer.arguments={eps:1e-8} frames.count=5 --cfg job",
    )
    return {f"{number}.txt": line.encode() for number, line in enumerate(lines)}


def understand(file: Path, _: Path) -> None:
    from enhance.cli.flags import parse
    from enhance.cli.overrides import checked, chosen_tool, tool_settings
    from enhance.cli.quoting import quoted

    arguments = quoted(file.read_bytes().decode("utf-8", "surrogateescape").replace("\0", "").split())
    flags = parse(arguments)
    if tool := chosen_tool(flags.overrides):
        tool_settings(tool, flags.overrides)
    else:
        checked(flags.overrides, sweep=arguments != flags.overrides, config_dir=None)


DOORS: dict[str, Door] = {
    "image": (images, read_image),
    "pillow": (images, read_pillow),
    "pairs": (pairs, read_list),
    "scores": (scores, go_on),
    "subjective": (subjective, correlate),
    "run": (run_folders, show),
    "overrides": (overrides, show),
    "resume": (configurations, resume),
    "checkpoint": (checkpoints, load_checkpoint),
    "weights": (weights, load_weights),
    "words": (words, understand),
}
"""Where bytes of strangers come in."""


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooLong(f"more than {MOST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(MOST_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _fault(error: BaseException) -> str:
    """What is wrong with an outcome; empty if it is one of our sentences."""
    text = str(error)
    if isinstance(error, SystemExit):
        return "" if error.code in (0, 2) else f"exit {error.code}"
    if not isinstance(error, ValueError | OSError) or isinstance(error, UnicodeError | json.JSONDecodeError):
        return f"{type(error).__name__}: {text[:200]}"
    own = any("enhance/" in frame.filename for frame in traceback.extract_tb(error.__traceback__)[-1:])
    if isinstance(error, ValueError) and not own:
        return f"{type(error).__name__} of another package: {text[:200]}"
    if "\n" in text.strip() or len(text) > 1000 or not text.endswith((".", ")", "?")):
        return f"no sentence: {text[:200]!r}"
    return ""


def tried(door: str, seconds: float, seed: int, folder: Path, log: Any = sys.stderr) -> dict[str, Any]:
    """Try inputs for so long; returns how many there were and what is wrong with some, by the place that raised it."""
    make, use = DOORS[door]
    folder.mkdir(parents=True, exist_ok=True)
    seeds = make(folder)
    for name, data in seeds.items():  # what is valid is read
        _once(use, folder, name, data)
    draw, counts, faults = random.Random(seed), Counter[str](), dict[str, str]()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        name, other = draw.choice(list(seeds)), draw.choice(list(seeds.values()))
        data = changed(seeds[name], other, draw)
        data = with_checksums(data) if name.endswith("png") and draw.random() < 0.8 else data
        try:
            _once(use, folder, name, data)
            counts["values"] += 1
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            if not (fault := _fault(error)):
                counts["sentences"] += 1
                continue
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__} {frame.filename.rpartition('site-packages/')[2]}:{frame.lineno}"
            if place not in faults:
                (folder / f"fault-{len(faults)}-{name}").write_bytes(data)
                (folder / f"fault-{len(faults)}.txt").write_text(traceback.format_exc())
            faults.setdefault(place, fault)
            counts["faults"] += 1
    return {"door": door, "inputs": sum(counts.values()), **counts, "found": faults}


def _once(use: Callable[[Path, Path], object], folder: Path, name: str, data: bytes) -> None:
    there = folder / "tried"
    there.mkdir(exist_ok=True)
    file = there / name
    file.write_bytes(data)
    random.seed(len(data))
    said = io.StringIO()
    with _limited(), contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        use(file, folder)


if __name__ == "__main__":
    import resource
    import warnings

    from enhance.cli.resolvers import register_resolvers
    from enhance.config import nodes

    register_resolvers()
    nodes.register()
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    name, spent, start, where = sys.argv[1:]
    print(json.dumps(tried(name, float(spent), int(start), Path(where)), indent=1))
