"""`task=score` of one pair of images: its scores, and where the two differ."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhance.cli.saying import say
from enhance.cli.score.loading import load_mask, load_scorers
from enhance.cli.score.settings import Settings
from enhance.cli.score.unused import unused
from enhance.utils.errors import SettingsError

if TYPE_CHECKING:
    from torch import Tensor

    from enhance.images.reading import Picture
    from enhance.scoring import Pair, Scorer
    from enhance.scoring.meaning import Meaning


def score_pair(settings: Settings, pair: Pair) -> int:
    """Print the scores of one pair, and draw its distance maps where they are asked for.

    Returns:
        0.

    Raises:
        ValueError: one sentence about the files, the sizes or the weights.
    """
    from enhance.metrics.encode import encode_once
    from enhance.scoring.scorers import lines
    from enhance.scoring.sources import open_source

    pictures = [open_source(name, settings.background, settings.range) for name in (pair.reference, pair.image)]
    notes = [
        f"{name}: {note}"
        for name, picture in zip(("reference", "image"), pictures, strict=True)
        for note in picture.notes
    ]
    notes += unused(settings, ("batch", "workers"), "there is one pair")
    if _same_file(pair):
        notes.append("reference and image are the same file")
    sizes = [_size(picture.image) for picture in pictures]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"image={pair.image} has {sizes[1]} pixels and reference={pair.reference} {sizes[0]}; crop or resize one."
        )
    mask = load_mask(settings, notes.append)
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
        say(f"note: {note}")
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
        say(f"note: no table says what a score of {scorer.name} means; task=meaning with the same metric measures one")
    return means


def _same_file(pair: Pair) -> bool:
    """Whether both names lead to one file, by a link or another spelling too."""
    names = pair.reference, pair.image
    return names[0] == names[1] or (
        all(map(os.path.exists, names)) and os.path.samefile(*names)
    )  # samples have no path


def _size(image: Tensor) -> str:
    return f"{image.shape[-1]} x {image.shape[-2]}"


def _draw(
    settings: Settings, pair: Pair, pictures: list[Picture], found: list[Scorer], mask: Tensor | None
) -> Path | None:
    """Lay the distance maps over the image where that is asked for."""
    asked = settings.map or "false"
    if asked == "false":
        return None
    from enhance.images.arrays import to_array
    from enhance.metrics.registry import METRICS, metric_title
    from enhance.report.overlay import draw

    metrics: list[Any] = [scorer.metric for scorer in found if hasattr(scorer.metric, "map")]
    if not metrics:
        names = ", ".join(name for name, row in METRICS.items() if row.deep)
        raise SettingsError(f"map={settings.map} needs a metric that has a map: {names}.")
    reference, image = (picture.image for picture in pictures)
    maps = {}
    for metric in metrics:
        pair_there = (image.to(metric.device), reference.to(metric.device))
        maps[metric_title(metric)] = metric.map(*pair_there, None if mask is None else mask.to(pair_there[0]))[0]
    path = Path(f"{Path(pair.image).stem}-map.png" if asked == "true" else asked).expanduser()
    draw(maps, to_array(image), path)
    return path
