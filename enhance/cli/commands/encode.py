"""`task=encode`: the smallest file of an image at a distance, or the best within a number of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhance.cli.saying import say, say_untrained, say_unused_backbone
from enhance.config.schema import BackboneConfig, Config, MetricConfig, limited
from enhance.experiment.metric_checks import check_scored, check_weights
from enhance.utils.errors import SettingsError

if TYPE_CHECKING:
    from enhance.encoding.choose import Encoded, Wanted
    from enhance.encoding.formats import Format
    from enhance.metrics.metric import Metric


@dataclass
class Settings:
    """The settings of `task=encode`.

    Attributes:
        image: a file, a folder, or a sample.
        score: the largest distance to the original, or the least similarity, by the metric.
        max_bytes: the largest size of a file; without `score` the best file of that size is chosen.
        like: a format and its quality, jpeg:80, in place of `score`: as good as this is on each image.
        format: jpeg, webp, avif, png8, or several: [jpeg,webp].
        metric: the metric.
        points: qualities of each format that are measured for the curve beside those of the search; 0: no curve.
        output: a folder; null: encoded/NAME.
        background: colour that transparent pixels are laid on.
        range: of floats, the value that is white; null: they must lie in [0, 1]. Whole numbers have their own white.
        device: auto, cpu, cuda, cuda:1, ...
        threads: of the CPU; null: all.
    """

    task: str = "encode"
    image: str | None = None
    score: float | None = None
    max_bytes: int | None = limited(None, low=1)
    like: str | None = None
    format: Any = "jpeg"
    metric: MetricConfig = field(default_factory=MetricConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    points: int = limited(8, low=0, high=100)
    output: str | None = None
    background: str = Config.background
    range: float | None = limited(None, positive=True)
    device: str = Config.device
    threads: int | None = limited(None, low=1)


def run(settings: Settings) -> int:
    """Choose a file for each image in each format; write the files, tables, the curves and a page.

    Returns:
        0, or 1 where an image could not be encoded or a file is not as it was wanted.

    Raises:
        ValueError: one sentence about what is wrong with the settings, the images or the weights.
    """
    formats, wanted = _check(settings)
    names = _names(settings.image or "")
    folder = Path(settings.output or f"encoded/{Path(settings.image or '').resolve().stem}").expanduser()
    _check_output(settings, folder)
    metric = _metric(settings)

    from enhance.encoding.tables import show, write
    from enhance.metrics.registry import display_name

    images: list[Encoded] = []
    files: dict[tuple[str, str], str] = {}
    failed = 0
    for name in _progress(names):
        try:
            encoded = _encode(name, settings, metric, formats, wanted)
        except (ValueError, OSError) as error:
            if len(names) == 1:
                raise
            failed += 1
            say(f"skipped {name}: {error}")
            continue
        images.append(encoded)
        files |= _save(encoded, names, folder)
        write(images, files, _about(settings, metric), folder)
    if not images:
        raise ValueError("None of the images could be encoded.")
    title = display_name(metric.name)
    _draw(settings, images, files, title, folder)
    show(images, title)
    say(f"files, tables and a page in {folder}")
    return int(failed > 0 or not all(choice.reached for each in images for choice in each.choices))


def _check(settings: Settings) -> tuple[list[Format], Wanted]:
    from enhance.encoding.choose import Wanted
    from enhance.encoding.formats import format_named

    if not settings.image:
        raise SettingsError("task=encode needs image=..., a file, a folder or a sample.")
    if settings.score is not None and settings.like:
        raise SettingsError("Give score= or like=, not both: like=jpeg:80 is the score of that file.")
    if settings.score is None and not settings.like and settings.max_bytes is None:
        raise SettingsError("task=encode needs score=X, like=jpeg:80 or max_bytes=N.")
    given = settings.format if isinstance(settings.format, list) else [settings.format]
    if not given or len(set(map(str, given))) < len(given):
        raise SettingsError(f"format={settings.format} must name one format or several, each once.")
    formats = [format_named(str(name)) for name in given]
    check_scored(settings.metric, [settings.metric.name])
    check_weights(settings.metric, [settings.metric.name])
    say_unused_backbone(settings.backbone.name, [settings.metric.name])
    return formats, Wanted(settings.score, settings.max_bytes, _like(settings.like))


def _like(given: str | None) -> tuple[Format, int] | None:
    """The format and quality of like=FORMAT:QUALITY."""
    from enhance.encoding.formats import format_named

    if not given:
        return None
    name, _, quality = str(given).partition(":")
    form = format_named(name)
    low, high = form.qualities[0], form.qualities[-1]
    if not quality.isdecimal() or not low <= int(quality) <= high:
        raise SettingsError(f"like={given} must be {name}:N, with {form.knob} N from {low} to {high}.")
    return form, int(quality)


def _names(image: str) -> list[str]:
    """The images, by their files or the name of a sample."""
    from enhance.images.samples import SAMPLES
    from enhance.scoring.folders import images_in

    folder = Path(image).expanduser()
    if image in SAMPLES or not folder.is_dir():
        return [image]
    return [str(file) for file in images_in(folder)]


def _check_output(settings: Settings, folder: Path) -> None:
    source = Path(settings.image or "").expanduser()
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"output={folder} is a file; name a folder.")
    if folder.resolve() in (source.resolve(), source.resolve().parent if source.is_file() else None):
        raise SettingsError(f"output={folder} is where the originals lie; name another folder.")


def _metric(settings: Settings) -> Metric:
    """The metric, on its device; loading a network is the slow part."""
    import torch

    from enhance.experiment.devices import choose_device
    from enhance.experiment.metrics import Metrics

    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = choose_device(settings.device)
    metric = Metrics(settings.metric, settings.backbone, scoring=True).main().to(device)
    say_untrained(metric.name, metric)
    return metric


def _encode(name: str, settings: Settings, metric: Metric, formats: list[Format], wanted: Wanted) -> Encoded:
    from enhance.encoding.candidates import read_original
    from enhance.encoding.choose import encode_image

    original = read_original(name, settings.background, settings.range)
    for note in original.notes:
        say(f"note: {name}: {note}")
    return encode_image(original, metric, formats, wanted, settings.points)


def _save(encoded: Encoded, names: Sequence[str], folder: Path) -> dict[tuple[str, str], str]:
    """Write the files that are as wanted, and say which lie there from an earlier call; their names by image and
    format.
    """
    from enhance.utils.files import write_bytes

    name = encoded.original.name
    stem = Path(name).stem
    if sum(Path(other).stem == stem for other in names) > 1:  # a.png and a.jpg, or a.png in two folders
        shared = Path(names[0]).parent if len(names) == 1 else _shared(names)
        stem = Path(name).relative_to(shared).as_posix().replace("/", "-")
    files = {}
    for choice in encoded.choices:
        file = f"{stem}{choice.format.suffix}"
        if choice.reached:
            files[name, choice.format.name] = file
            write_bytes(folder / file, choice.data)
        elif (folder / file).exists():
            say(f"note: {folder / file} was there before this call, which wrote no {choice.format.title}")
    return files


def _shared(names: Sequence[str]) -> Path:
    import os

    return Path(os.path.commonpath([str(Path(name).parent) for name in names]))


def _draw(
    settings: Settings, images: Sequence[Encoded], files: dict[tuple[str, str], str], title: str, folder: Path
) -> None:
    from enhance.encoding.curve import CURVE, curve
    from enhance.encoding.page import PAGE, page
    from enhance.utils.files import write_text

    drawn = None
    if settings.points:
        curve(images, title, folder / CURVE)
        drawn = (folder / f"{CURVE}.png").read_bytes()
    write_text(folder / PAGE, page(images, files, Path(settings.image or "").name, title, drawn))


def _about(settings: Settings, metric: Metric) -> dict[str, Any]:
    return {
        "image": settings.image,
        "score": settings.score,
        "like": settings.like,
        "max_bytes": settings.max_bytes,
        "metric": metric.describe(),
    }


def _progress(names: Sequence[str]) -> Any:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True, highlight=False)
    return track(names, "encoding", console=console, disable=len(names) == 1 or not console.is_terminal)
