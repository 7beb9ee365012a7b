"""What scores a pair: the deep measures in any backbone, and PSNR, SSIM and MS-SSIM beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from enhance.metrics import METRICS, DeepDistance, Prepared
from enhance.metrics.deep.published import PUBLISHED_PAIRS, network_for
from enhance.metrics.psnr_ssim import CLASSIC
from enhance.utils.numbers import finite
from enhance.utils.suggest import unknown

NAMES = (*METRICS, *CLASSIC)
_PUBLISHED = {(measure, network_for(measure, backbone)) for measure, backbone in PUBLISHED_PAIRS}


@dataclass(frozen=True)
class Scorer:
    """One column of a table of scores.

    Attributes:
        name: `deepwsd-vgg19`: a number belongs to its backbone; or `psnr`, `ssim`, `ms_ssim`.
        higher_is_better: true of the latter.
        metric: the deep measure, None for the latter.
    """

    name: str
    higher_is_better: bool
    metric: DeepDistance | None = None

    def prepare(self, reference: Tensor) -> Tensor | Prepared:
        """The reference's side (1, 3, H, W), computed once for many images."""
        return reference if self.metric is None else self.metric.prepare(reference)

    @torch.no_grad()
    def __call__(self, images: Tensor, references: Tensor | Prepared) -> Tensor:
        """Scores (B,) of a batch (B, 3, H, W) against as many references, or one for all.

        Raises:
            ValueError: if the images cannot be compared; one sentence says why.
        """
        if self.metric is not None:
            return self.metric.scores(images, references)
        if isinstance(references, Prepared):
            raise TypeError(f"{self.name} takes the reference as it is.")
        return CLASSIC[self.name](images, references.expand_as(images) if len(references) == 1 else references)

    def details(self, image: Tensor, reference: Tensor) -> dict[str, Any]:
        """All there is to say of one pair, for JSON."""
        if self.metric is None:
            return {**described(self), "score": finite(self(image, reference).item())}
        with torch.no_grad():
            levels = self.metric.layers(image, reference)[0]
        loss = levels.mean()
        score = torch.log1p(loss.clamp_min(0)) ** 0.25
        return {
            **described(self),
            "score": finite(score.item()),
            "loss": finite(loss.item()),
            "levels": [finite(level) for level in levels.tolist()],
        }


def lines(details: Sequence[dict[str, Any]]) -> list[str]:
    """The `details` of scorers in words."""
    said = []
    for values in details:
        levels = values.get("levels")
        if levels is None:
            score = "infinite: the images are equal" if values["score"] is None else f"{values['score']:.6g}"
            said.append(f"{values['metric']:9} {score}   (higher is better)")
            continue
        said.append(
            f"{values['metric']:9} score {_figure(values['score'])}   loss {_figure(values['loss'])}   "
            f"(lower is better) in {values['backbone']} (weights: {values['weights']})"
        )
        named = zip(["image", *range(1, len(levels))], levels, strict=True)
        said.append(f"{'':9} levels: " + "  ".join(f"{name} {_figure(level, 4)}" for name, level in named))
    return said + [f"{'':9} {remark}" for remark in remarks(details)]


def remarks(about: Iterable[dict[str, Any]]) -> list[str]:
    """Where some of the `described` scores are of a pair of measure and network that was not published, say so."""
    pairs = {(each["metric"], each["backbone"]) for each in about if "backbone" in each}
    return [] if pairs <= _PUBLISHED else ["(scores as in published tables need backbone=vgg19)"]


def _figure(value: float | None, digits: int = 6) -> str:
    return "not a number" if value is None else f"{value:.{digits}g}"


def described(scorer: Scorer) -> dict[str, Any]:
    """The measure, its settings, its backbone and its weights, for JSON."""
    if scorer.metric is None:
        return {"metric": scorer.name, "higher_is_better": True}
    origin = scorer.metric.backbone.origin
    return {
        "metric": scorer.metric.measure,
        "higher_is_better": False,
        "layout": scorer.metric.layout,
        "prefilter": scorer.metric.prefilter,
        "rounding": scorer.metric.rounding,
        "backbone": scorer.metric.backbone.name,
        "weights": origin.name,
        "sha256": origin.sha256,
        "pretrained": origin.pretrained,
    }


def scorers(names: Sequence[str], build: Callable[[str, str], DeepDistance], backbones: Iterable[str]) -> list[Scorer]:
    """A scorer for each measure in each backbone, and one for each classic metric.

    Args:
        names: of `NAMES`.
        build: makes a deep measure from its name and its backbone's.
        backbones: names of backbones.

    Raises:
        ValueError: for an unknown or repeated name.
    """
    for name in names:
        if name not in NAMES:
            raise ValueError(unknown("metric", name, NAMES))
    backbones = list(backbones)
    for given in (names, backbones):
        if len(set(given)) < len(given):
            raise ValueError(f"{', '.join(given)}: each name once.")
    found = []
    for name in names:
        if name in CLASSIC:
            found.append(Scorer(name, True))
            continue
        for backbone in backbones:
            metric = build(name, backbone)
            found.append(Scorer(f"{name}-{metric.backbone.name}", False, metric))
    return found
