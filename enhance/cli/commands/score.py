"""`task=score`: how far images are from their references, one pair, two folders or a list of pairs."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhance.config.schema import BackboneConfig, MetricConfig, SettingsError

if TYPE_CHECKING:
    from enhance.images.reading import Picture
    from enhance.scoring import Pair, Scorer

_NO_FILE = ("true", "false")
_MOST_NOTED = 5  # images of whose conversion is spoken


@dataclass
class Settings:
    """See conf/score.yaml."""

    task: str = "score"
    reference: str | None = None
    image: str | None = None
    pairs: str | None = None
    metric: MetricConfig = field(default_factory=MetricConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    metrics: Any = None
    backbones: Any = None
    output: str | None = None
    map: str | None = None
    format: str = "text"
    batch: int = 8
    background: str = "white"
    device: str = "auto"
    threads: int | None = None


def run(settings: Settings) -> int:
    """Score and say so.

    Returns:
        0, or 1 where some of several pairs could not be scored.

    Raises:
        ValueError: one sentence about what is wrong with the settings, the files or the weights.
    """
    _check(settings)
    pairs = _pairs(settings)
    if len(pairs) == 1 and not (settings.pairs or settings.output) and not Path(settings.image or "").is_dir():
        return _one(settings, pairs[0])
    if settings.map and settings.map.lower() != "false":
        raise SettingsError("map= draws one pair, without output=: name two files, reference=a.png image=b.png.")
    return _many(settings, pairs)


def _check(settings: Settings) -> None:
    if settings.format not in ("text", "json"):
        raise SettingsError(f"format={settings.format} must be text or json.")
    if settings.pairs and (settings.reference or settings.image):
        raise SettingsError("Give pairs=FILE.csv, or reference= and image=, not both.")
    if not settings.pairs and not (settings.reference and settings.image):
        raise SettingsError("task=score needs reference=... and image=..., files or folders, or pairs=FILE.csv.")
    for key in ("batch", "threads"):
        value = getattr(settings, key)
        if value is not None and value < 1:
            raise SettingsError(f"{key}={value} is too small; it must be at least 1.")
    if settings.map and settings.map.lower() not in _NO_FILE and not settings.map.lower().endswith((".png", ".pdf")):
        raise SettingsError(f"map={settings.map} must be true, or a file that ends in .png or .pdf.")
    if settings.output is not None and not settings.output.lower().endswith(".csv"):
        raise SettingsError(f"output={settings.output} must end in .csv; the same as JSON goes beside it.")
    for key in ("metrics", "backbones"):
        given = getattr(settings, key)
        if given == []:
            raise SettingsError(f"{key}=[] names none.")
        setattr(settings, key, [str(name) for name in given] if isinstance(given, list) else given and [str(given)])
    for key in ("reference", "image", "pairs"):
        given = getattr(settings, key)
        if given and not os.path.exists(given):
            setattr(settings, key, os.path.expanduser(given))


def _pairs(settings: Settings) -> list[Pair]:
    from enhance.images.samples import SAMPLES
    from enhance.scoring import find_pairs, read_pairs
    from enhance.utils.suggest import short

    if settings.pairs:
        return read_pairs(settings.pairs)
    reference, image = settings.reference or "", settings.image or ""
    for key, name in (("reference", reference), ("image", image)):
        if name not in SAMPLES and not os.path.exists(name):
            raise SettingsError(f"{key}={short(name)}: there is no such file or folder.")
    return find_pairs(reference, image)


def _scorers(settings: Settings) -> list[Scorer]:
    """The columns; loading a network is the slow part."""
    import torch

    from enhance.run import build_metric, choose_device
    from enhance.scoring import scorers

    device = choose_device(settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)

    def build(metric: str, backbone: str) -> Any:
        chosen = settings.backbone if backbone == settings.backbone.name else _backbone(backbone)
        if settings.backbone.weights == "untrained":  # of one as of all; a file fits one alone
            chosen = replace(chosen, weights="untrained", seed=settings.backbone.seed)
        return build_metric(replace(settings.metric, name=metric), chosen, scoring=True).to(device)

    found = scorers(settings.metrics or [settings.metric.name], build, settings.backbones or [settings.backbone.name])
    for scorer in found:
        if scorer.metric is not None and not scorer.metric.backbone.origin.pretrained:
            _say(f"warning: {scorer.name} has random weights; its scores mean nothing but that the program runs.")
    return found


def _backbone(name: str) -> BackboneConfig:
    """The settings of another backbone, as its YAML has them."""
    from omegaconf import OmegaConf

    from enhance.config.paths import choices, home
    from enhance.utils.suggest import unknown

    if name not in choices()["backbone"]:
        raise SettingsError(unknown("backbone", name, choices()["backbone"]))
    file = home() / "conf" / "backbone" / f"{name}.yaml"
    settings = OmegaConf.merge(OmegaConf.structured(BackboneConfig), OmegaConf.load(file))
    found = OmegaConf.to_object(settings)
    if not isinstance(found, BackboneConfig):
        raise TypeError(f"{file} is no backbone.")
    return found


def _one(settings: Settings, pair: Pair) -> int:
    from enhance.images.pictures import open_picture
    from enhance.scoring.scorers import lines

    pictures = [open_picture(name, settings.background) for name in (pair.reference, pair.image)]
    notes = [
        f"{name}: {note}"
        for name, picture in zip(("reference", "image"), pictures, strict=True)
        for note in picture.notes
    ]
    sizes = [f"{picture.image.shape[-1]} x {picture.image.shape[-2]}" for picture in pictures]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"image={pair.image} has {sizes[1]} pixels and reference={pair.reference} {sizes[0]}; crop or resize one."
        )
    found = _scorers(settings)
    details = []
    for scorer in found:
        reference, image = (picture.image.to(scorer.metric.device if scorer.metric else "cpu") for picture in pictures)
        details.append(scorer.details(image, reference))
    drawn = _draw(settings, pair, pictures, found)
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


def _draw(settings: Settings, pair: Pair, pictures: list[Picture], found: list[Scorer]) -> Path | None:
    """Lay the distance maps over the image where that is asked for."""
    asked = settings.map or "false"
    if asked.lower() == "false":
        return None
    from enhance.report.overlay import draw
    from enhance.report.style import WRITTEN

    metrics = {scorer.name: scorer.metric for scorer in found if scorer.metric is not None}
    if not metrics:
        raise SettingsError("map=true needs one of deepwsd, deepjsd and deepskld.")
    reference, image = (picture.image for picture in pictures)
    maps = {
        f"{WRITTEN[metric.measure]} in {metric.backbone.name}": metric.map(
            image.to(metric.device), reference.to(metric.device)
        )[0]
        for metric in metrics.values()
    }
    path = Path(f"{Path(pair.image).stem}-map.png" if asked.lower() == "true" else asked).expanduser()
    draw(maps, image, path)
    return path


def _many(settings: Settings, pairs: list[Pair]) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from enhance.run import choose_device
    from enhance.scoring import Outcome, score_pairs
    from enhance.scoring.document import Document

    found = _scorers(settings)
    output = Path(settings.output or "scores.csv").expanduser()
    document = Document(output, found, pairs)
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("scoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(pairs))

        def done(count: int, outcome: Outcome) -> None:
            bar.advance(task, count)
            document.tell(outcome)

        def say(line: str) -> None:
            console.print(line, markup=False, soft_wrap=True)

        noted: list[str] = []

        def note(picture: Picture) -> None:
            noted.append(picture.source)
            if len(noted) <= _MOST_NOTED:
                say(f"note: {picture.source}: {'; '.join(picture.notes)}")

        try:
            outcome = score_pairs(
                pairs,
                found,
                output,
                batch=settings.batch,
                device=choose_device(settings.device),
                background=settings.background,
                done=done,
                failed=lambda pair, why: say(f"skipped {pair.image}: {why}"),
                noted=note,
            )
            if len(noted) > _MOST_NOTED:
                say(f"note: and {len(noted) - _MOST_NOTED} more images such as these")
        finally:  # Ctrl-C too
            document.write()
    if settings.format == "json":
        print(json.dumps(document.values(), indent=2))
    else:
        there = len(document.asked()) - outcome.scored
        print(
            f"{outcome.scored} {'pair' if outcome.scored == 1 else 'pairs'} scored"
            + (f", {there} were there already" if there else "")
            + (f", {len(outcome.failed)} skipped" if outcome.failed else "")
            + f": {output}"
        )
        for line in document.lines():
            print(line)
    if outcome.failed and not outcome.rows:
        raise ValueError("None of the pairs could be scored.")
    return 1 if outcome.failed else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr)
