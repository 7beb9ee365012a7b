"""The columns of a table of scores: metrics, deep ones in several backbones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from enhance.metrics.deep.published import PUBLISHED_PAIRS, network_for
from enhance.metrics.encode import encode_once
from enhance.metrics.metric import Metric
from enhance.metrics.registry import METRICS
from enhance.utils.numbers import finite
from enhance.utils.suggest import unknown

_PUBLISHED = {(measure, network_for(measure, backbone)) for measure, backbone in PUBLISHED_PAIRS}
_AVERAGED_FROM = 384  # pixels of the longer side, see `prefilter` of the deep measures
_AT_ONCE = 1  # images scored together on a CPU, where two are no faster and may round otherwise in the last digit


AVERAGED = f"(averaged to about 256 pixels first, as published; not comparable with images under {_AVERAGED_FROM})"


@dataclass(frozen=True)
class Scorer:
    """One column of a table of scores.

    Attributes:
        name: of the column, `ssim`, or `deepwsd-vgg19`: a deep score belongs to its backbone.
        metric: computes it.
    """

    name: str
    metric: Metric

    def averages(self, image: Tensor) -> bool:
        """Whether the metric averages an image of that size before it compares."""
        return max(image.shape[-2:]) >= _AVERAGED_FROM and bool(self.metric.describe().get("prefilter"))

    def details(self, image: Tensor, reference: Tensor, mask: Tensor | None = None) -> dict[str, Any]:
        """All that is known of one pair, for JSON."""
        layers = getattr(self.metric, "layers", None)
        if layers is None:
            with torch.no_grad():
                return {**described(self), "score": finite(self.metric.scores(image, reference, mask).item())}
        with torch.no_grad():
            levels = layers(image, reference, mask)[0]
        loss = levels.mean()
        return {
            **described(self),
            "score": finite(self.metric.as_score(loss).item()),
            "loss": finite(loss.item()),
            "levels": [finite(level) for level in levels.tolist()],
            "averaged": self.averages(image),
        }


def prepare(scorers: Sequence[Scorer], reference: Tensor) -> list[Any]:
    """The reference's side (1, 3, H, W) of each metric, computed once for many images."""
    with encode_once():
        return [scorer.metric.prepare(reference) for scorer in scorers]


@torch.no_grad()
def score(scorers: Sequence[Scorer], images: Tensor, references: Sequence[Any], mask: Tensor | None = None) -> Tensor:
    """Scores (columns, B) of a batch. Metrics that share a backbone share one pass through it.

    Args:
        scorers: the columns.
        images: (B, 3, H, W).
        references: for each column as many references (B, 3, H, W), or one for all, or what `prepare` returned.
        mask: (1, 1, H, W).

    Raises:
        ValueError: if the images cannot be compared; one sentence says why.
    """
    at_once = _AT_ONCE if images.device.type == "cpu" else len(images)
    parts = []
    for start in range(0, len(images), at_once):
        part = slice(start, start + at_once)
        cut = {  # each once: a pass is shared by metrics that are given the same tensor
            id(reference): reference[part]
            for reference in references
            if isinstance(reference, Tensor) and len(reference) == len(images)
        }
        targets = [cut.get(id(reference), reference) for reference in references]
        images_part = images[part]
        with encode_once() if len(scorers) > 1 else nullcontext():
            columns = [
                scorer.metric.scores(images_part, target, mask) for scorer, target in zip(scorers, targets, strict=True)
            ]
        parts.append(torch.stack([column.to("cpu", torch.float64) for column in columns]))
    return torch.cat(parts, 1)


def lines(details: Sequence[dict[str, Any]]) -> list[str]:
    """The `details` of scorers in words, a line or two each."""
    said = []
    for values in details:
        levels = values.get("levels")
        if levels is None:
            score = "infinite: the images are equal" if values["score"] is None else f"{values['score']:.6g}"
            better = "higher" if values["higher_is_better"] else "lower"
            said.append(f"{values['metric']:9} {score}   ({better} is better)")
            said += _meaning(values)
            continue
        said.append(
            f"{values['metric']:9} score {_figure(values['score'])}   loss {_figure(values['loss'])}   "
            f"(lower is better) in {values['backbone']} (weights: {values['weights']})"
        )
        said += _meaning(values)
        named = zip(["image", *range(1, len(levels))], levels, strict=True)
        said.append(f"{'':9} levels: " + "  ".join(f"{name} {_figure(level, 4)}" for name, level in named))
    notes = [AVERAGED] if any(values.get("averaged") for values in details) else []
    return said + [f"{'':9} {remark}" for remark in notes + remarks(details)]


def _meaning(values: dict[str, Any]) -> list[str]:
    """A line about what the score means, where that is known."""
    return [f"{'':9} {values['meaning']['text']}"] if "meaning" in values else []


def remarks(about: Iterable[dict[str, Any]]) -> list[str]:
    """Where some of the `described` scores are of a pair of measure and network that was not published, say so."""
    measures = {name for name, row in METRICS.items() if row.deep}
    pairs = {(each["metric"], each["backbone"]) for each in about if each["metric"] in measures}
    return [] if pairs <= _PUBLISHED else ["(scores as in published tables need backbone=vgg19)"]


def _figure(value: float | None, digits: int = 6) -> str:
    return "not a number" if value is None else f"{value:.{digits}g}"


def described(scorer: Scorer) -> dict[str, Any]:
    """The metric, its settings, its backbone and its weights, for JSON."""
    about = dict(scorer.metric.describe())
    backbone = about.pop("backbone", None)
    found = {"metric": about.pop("name"), **about}
    if backbone:
        found |= {"backbone": backbone["name"], **{key: backbone[key] for key in backbone if key != "name"}}
    return found


def scorers(names: Sequence[str], build: Callable[[str], Metric], backbones: Iterable[str]) -> list[Scorer]:
    """A scorer for each deep measure in each backbone, and one for each other metric.

    Args:
        names: of `enhance.METRICS`, or NAME@BACKBONE, or `module`.
        build: makes a metric of NAME or NAME@BACKBONE.
        backbones: of the deep measures that name none.

    Raises:
        ValueError: for an unknown or repeated name.
    """
    backbones = list(backbones)
    for given in (names, backbones):
        if len(set(given)) < len(given):
            raise ValueError(f"{', '.join(given)}: each name once.")
    found: list[Scorer] = []
    for name in names:
        base, _, backbone = name.partition("@")
        if base not in (*METRICS, "module"):
            raise ValueError(unknown("metric", base, METRICS))
        deep = base in METRICS and METRICS[base].deep and not backbone
        for metric in (build(f"{name}@{each}") for each in backbones) if deep else (build(name),):
            own = base in METRICS and METRICS[base].trunk  # a network that its name says already
            network = None if own else (metric.describe().get("backbone") or {}).get("name")
            found.append(Scorer(f"{metric.name}-{network}" if network else metric.name, metric))
    columns = [scorer.name for scorer in found]
    if repeated := [column for column in columns if columns.count(column) > 1]:
        raise ValueError(f"{', '.join(names)} give the column {repeated[0]} twice; leave one of them out.")
    return found
