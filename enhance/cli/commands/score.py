"""`task=score`: how far images are from their references, one pair, two folders or a list of pairs."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from enhance.config.checks import check_scored, check_weights, unused_backbone
from enhance.config.schema import BackboneConfig, Config, MetricConfig, SettingsError, limited

if TYPE_CHECKING:
    from torch import Tensor

    from enhance.images.reading import Picture
    from enhance.scoring import Pair, Scorer
    from enhance.scoring.meaning import Meaning

_NO_FILE = ("true", "false")


class Measured(Protocol):
    """What the settings of a command say of its metrics."""

    metric: MetricConfig
    backbone: BackboneConfig
    metrics: Any
    backbones: Any
    device: str
    threads: int | None


@dataclass
class Settings:
    """The settings of `task=score`.

    Attributes:
        reference: a file, a folder, or a sample.
        image: a file or a folder.
        pairs: a CSV or Parquet file, or its URL, with the columns reference and image, in place of both; or the folder
            of a sweep: the result of each finished run and its reference.
        mask: a grey file of the images' size: where they are compared.
        metric: the one metric, where `metrics` names none.
        metrics: several: names, or NAME@BACKBONE: [deepwsd,deepjsd@vgg16,psnr,ssim]; null: metric.
        backbones: of the deep measures that name none, several: [vgg_compact,vgg19]; null: backbone.
        output: a .csv, a .json of the same name goes beside it; null: scores.csv for folders and lists, none for a
            pair.
        map: true, or a .png or .pdf: where the two differ by each deep measure, laid over the image.
        format: text, or json: one document on standard output and nothing else.
        batch: images scored at once.
        workers: processes that read images ahead of the network; 0: none; null: as many as help.
        engine: local, one process; ray; or slurm, an array job of `shard` parts.
        address: of engine=ray, a running cluster: auto, or ray://HOST:10001; null: one on this machine.
        cores: of engine=ray, of each actor; null: 4, or as many as there are.
        shard: a part of the list, 2/8, with a table of its own; of engine=slurm how many parts.
        merge: a folder of shards, or a list of tables, that become one table.
        slurm: of engine=slurm, parameters of submitit: slurm.timeout_min=60 slurm.slurm_partition=gpu.
        align: of two videos: time compares frames that are shown at the same time where rates or lengths differ, size
            resizes the image's frames to those of the reference, both does both; none refuses them.
        background: colour that transparent pixels are laid on.
        range: of floats, the value that is white; null: they must lie in [0, 1]. Whole numbers have their own white.
        device: auto, cpu, cuda, cuda:1, ...
        threads: of the CPU; null: all.
    """

    task: str = "score"
    reference: str | None = None
    image: str | None = None
    pairs: str | None = None
    mask: str | None = None
    metric: MetricConfig = field(default_factory=MetricConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    metrics: Any = None
    backbones: Any = None
    output: str | None = None
    map: str | None = None
    format: str = limited("text", accepted=("text", "json"))
    batch: int = limited(8, low=1)
    workers: int | None = limited(None, low=0)
    engine: str = limited("local", accepted=("local", "ray", "slurm"))
    address: str | None = None
    cores: int | None = limited(None, low=1)
    shard: str | None = None
    merge: Any = None
    slurm: dict[str, Any] = field(default_factory=dict)
    align: str = limited("none", accepted=("none", "time", "size", "both"))
    background: str = Config.background
    range: float | None = limited(None, positive=True)
    device: str = Config.device
    threads: int | None = limited(None, low=1)


def run(settings: Settings) -> int:
    """Score, and print what came of it.

    Returns:
        0, or 1 where some of several pairs could not be scored.

    Raises:
        ValueError: one sentence about what is wrong with the settings, the files or the weights.
    """
    _check(settings)
    if settings.merge:
        from enhance.cli.scores import merge_tables

        return merge_tables(settings)
    if _are_videos(settings):
        from enhance.video.command import run as score_videos

        return score_videos(settings, load_scorers, load_mask, _say)
    pairs = _pairs(settings)
    table = settings.pairs or settings.output or settings.shard or settings.engine != "local"
    if len(pairs) == 1 and not table and not Path(settings.image or "").is_dir():
        return _one(settings, pairs[0])
    if settings.map not in (None, "false"):
        raise SettingsError("map= draws one pair, without output=: name two files, reference=a.png image=b.png.")
    from enhance.cli.scores import score_many

    return score_many(settings, pairs)


def _check(settings: Settings) -> None:
    if settings.map and settings.map.lower() in _NO_FILE:  # map=true arrives as the text True
        settings.map = settings.map.lower()
    named = settings.pairs or settings.reference or settings.image
    if settings.merge and (named or settings.shard or settings.engine != "local"):
        raise SettingsError(
            "merge= joins tables that are there; leave pairs=, reference=, image=, shard= and engine= out."
        )
    if settings.pairs and (settings.reference or settings.image):
        raise SettingsError("Give pairs=FILE.csv, or reference= and image=, not both.")
    if not (settings.merge or settings.pairs or (settings.reference and settings.image)):
        raise SettingsError("task=score needs reference=... and image=..., files or folders, or pairs=FILE.csv.")
    if settings.map and settings.map not in _NO_FILE and not settings.map.lower().endswith((".png", ".pdf")):
        raise SettingsError(f"map={settings.map} must be true, or a file that ends in .png or .pdf.")
    if settings.output and "://" in settings.output:
        raise SettingsError(f"output={settings.output} must be a file of this machine, not a URL.")
    if settings.output is not None and not settings.output.lower().endswith(".csv"):
        raise SettingsError(f"output={settings.output} must end in .csv; the same as JSON goes beside it.")
    for key, engine in (("slurm", "slurm"), ("address", "ray"), ("cores", "ray")):
        if getattr(settings, key) and settings.engine != engine:
            raise SettingsError(f"{key}= goes with engine={engine}.")
    if settings.workers is not None and settings.engine == "ray":
        raise SettingsError("workers= goes with engine=local; an actor of Ray reads with as many threads as cores=.")
    _list(settings, "merge")
    check_metrics(settings)
    for key in ("reference", "image", "pairs", "mask"):
        given = getattr(settings, key)
        if given and not os.path.exists(given):
            setattr(settings, key, os.path.expanduser(given))


def _are_videos(settings: Settings) -> bool:
    """Whether two videos are compared."""
    from enhance.video import is_video

    files = {"reference": settings.reference or "", "image": settings.image or ""}
    videos = [key for key, name in files.items() if is_video(name)]
    if len(videos) == 1:
        (other,) = files.keys() - videos
        raise SettingsError(f"{videos[0]}={files[videos[0]]} is a video and {other}={files[other]} is not.")
    if videos and (settings.engine != "local" or settings.shard or settings.workers is not None):
        raise SettingsError("engine=, shard= and workers= are of lists of images; one process scores two videos.")
    if not videos and settings.align != "none":
        raise SettingsError(f"align={settings.align} is of two videos: reference=a.mp4 image=b.mp4.")
    return bool(videos)


def check_metrics(settings: Measured) -> None:
    """Make lists of `metrics` and `backbones`, and say which settings have no effect.

    Raises:
        SettingsError: one sentence about what is wrong with them.
    """
    for key in ("metrics", "backbones"):
        _list(settings, key)
    names = settings.metrics or [settings.metric.name]
    check_scored(settings.metric, names)
    for note in unused_backbone(settings.backbone.name, names):
        _say(f"note: {note}")


def _list(settings: object, key: str) -> None:
    given = getattr(settings, key)
    if given == []:
        raise SettingsError(f"{key}=[] names none.")
    setattr(settings, key, [str(name) for name in given] if isinstance(given, list) else given and [str(given)])


def _pairs(settings: Settings) -> list[Pair]:
    from enhance.images.samples import SAMPLES
    from enhance.scoring import find_pairs, left_out, read_pairs
    from enhance.scoring.pairs import unique
    from enhance.scoring.sources import is_url
    from enhance.utils.suggest import short

    if settings.pairs:
        listed = read_pairs(settings.pairs)
        found = unique(listed)
        if twice := len(listed) - len(found):
            _say(f"note: {twice} {'line of the list repeats' if twice == 1 else 'lines of the list repeat'} another")
        return found
    reference, image = settings.reference or "", settings.image or ""
    for key, name in (("reference", reference), ("image", image)):
        if name not in SAMPLES and not os.path.exists(name) and not is_url(name):
            raise SettingsError(f"{key}={short(name)}: there is no such file or folder.")
    pairs = find_pairs(reference, image)
    for folder in (reference, image):
        used = [file for pair in pairs for file in (pair.reference, pair.image)]
        for line in left_out(folder, used) if os.path.isdir(folder) else ():
            _say(f"note: {folder}: {line}")
    return pairs


def load_scorers(settings: Measured) -> list[Scorer]:
    """The columns; loading a network is the slow part."""
    import torch

    from enhance.build import Metrics, choose_device
    from enhance.scoring import scorers

    device = choose_device(settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    metrics = Metrics(settings.metric, settings.backbone, scoring=True)

    def build(name: str) -> Any:
        return metrics.named(name).to(device)

    names = settings.metrics or [settings.metric.name]
    check_weights(settings.metric, names)
    found = scorers(names, build, settings.backbones or [settings.backbone.name])
    for scorer in found:
        backbone = scorer.metric.describe().get("backbone")
        if backbone and not backbone["pretrained"]:
            _say(f"warning: {scorer.name} has random weights; its scores mean nothing but that the program runs.")
    return found


def _one(settings: Settings, pair: Pair) -> int:
    from enhance.backbones.encode import encode_once
    from enhance.scoring.scorers import lines
    from enhance.scoring.sources import open_source

    pictures = [open_source(name, settings.background, settings.range) for name in (pair.reference, pair.image)]
    notes = [
        f"{name}: {note}"
        for name, picture in zip(("reference", "image"), pictures, strict=True)
        for note in picture.notes
    ]
    if _same_file(pair):
        notes.append("reference and image are the same file")
    sizes = [_size(picture.image) for picture in pictures]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"image={pair.image} has {sizes[1]} pixels and reference={pair.reference} {sizes[0]}; crop or resize one."
        )
    mask = load_mask(settings)
    if mask is not None and mask.shape[-2:] != pictures[0].image.shape[-2:]:
        raise SettingsError(f"mask={settings.mask} has {_size(mask)} pixels and the images {sizes[0]}; resize it.")
    found = load_scorers(settings)
    details = []
    with encode_once():
        for scorer in found:
            reference, image = (picture.image.to(scorer.metric.device) for picture in pictures)
            details.append(scorer.details(image, reference, None if mask is None else mask.to(image)))
            if mask is None and (means := _meaning(scorer, details[-1]["score"])):
                details[-1]["meaning"] = means.as_dict()
        drawn = _draw(settings, pair, pictures, found, mask)
    if settings.format == "json":
        print(
            json.dumps(
                {
                    "reference": pair.reference,
                    "image": pair.image,
                    "scores": details,
                    "map": str(drawn) if drawn else None,
                    "notes": notes,
                },
                indent=2,
            )
        )
        return 0
    for note in notes:
        _say(f"note: {note}")
    for line in lines(details):
        print(line)
    if drawn:
        print(f"{'':9} map: {drawn}")
    return 0


def _meaning(scorer: Scorer, score: float | None) -> Meaning | None:
    """What a score means, where a table is of the metric; else how to get one."""
    from enhance.scoring.meaning import meaning_of

    if score is None:
        return None
    if (means := meaning_of(scorer, score)) is None:
        _say(f"note: no table says what a score of {scorer.name} means; task=meaning with the same metric measures one")
    return means


def _same_file(pair: Pair) -> bool:
    """Whether both names lead to one file, by a link or another spelling too."""
    names = pair.reference, pair.image
    return names[0] == names[1] or (
        all(map(os.path.exists, names)) and os.path.samefile(*names)
    )  # samples have no path


def load_mask(settings: Settings) -> Tensor | None:
    """Where images are compared, (1, 1, H, W) in [0, 1]."""
    if settings.mask is None:
        return None
    from enhance.images.pictures import open_picture

    mask = open_picture(settings.mask, "black").image.mean(1, keepdim=True)
    if not mask.any():
        raise SettingsError(f"mask={settings.mask} is black everywhere: no pixel would be compared; white is compared.")
    return mask


def _size(image: Tensor) -> str:
    return f"{image.shape[-1]} x {image.shape[-2]}"


def _draw(
    settings: Settings, pair: Pair, pictures: list[Picture], found: list[Scorer], mask: Tensor | None
) -> Path | None:
    """Lay the distance maps over the image where that is asked for."""
    asked = settings.map or "false"
    if asked == "false":
        return None
    from enhance.metrics.registry import METRICS, display_name
    from enhance.report.overlay import draw

    metrics: list[Any] = [scorer.metric for scorer in found if hasattr(scorer.metric, "map")]
    if not metrics:
        names = ", ".join(name for name, row in METRICS.items() if row.deep)
        raise SettingsError(f"map={settings.map} needs a metric that has a map: {names}.")
    reference, image = (picture.image for picture in pictures)
    maps = {}
    for metric in metrics:
        pair_there = (image.to(metric.device), reference.to(metric.device))
        backbone = metric.describe().get("backbone")
        title = display_name(metric.name) + (f" in {backbone['name']}" if backbone else "")
        maps[title] = metric.map(*pair_there, None if mask is None else mask.to(pair_there[0]))[0]
    path = Path(f"{Path(pair.image).stem}-map.png" if asked == "true" else asked).expanduser()
    draw(maps, image, path)
    return path


def _say(text: str) -> None:
    print(text, file=sys.stderr)
