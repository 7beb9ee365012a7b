"""What a score means: which degradation of sample photographs has it, on average."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from enhance.metrics.registry import METRICS
from enhance.utils.suggest import unknown

TABLE = Path(__file__).with_name("meaning.json")
"""Written by `python -m benchmarks.meaning`."""
_SAME = ("metric", "backbone", "sha256", "layout", "prefilter", "padding", "autocast")  # what a score depends on
_KINDS = {"jpeg": "JPEG quality", "noise": "Gaussian noise of sigma", "blur": "Gaussian blur of sigma"}


@dataclass(frozen=True)
class Strength:
    """How strong a degradation is that has a score.

    Attributes:
        kind: `jpeg` (quality), `noise` (sigma, of 255) or `blur` (sigma, pixels).
        value: the strength at which the mean over the photographs is the score; the end of the table beyond it.
        low, high: from the weaker to the stronger, at one standard deviation over the photographs about the mean; for
            JPEG the former is the higher quality.
        beyond: `weaker` or `stronger`, where the score lies outside the table; else empty.
    """

    kind: str
    value: float
    low: float
    high: float
    beyond: str = ""

    def __str__(self) -> str:
        name = _KINDS[self.kind]
        if self.beyond:
            return f"{'nearer' if self.beyond == 'weaker' else 'farther'} than {name} {_short(self.kind, self.value)}"
        ends = sorted((_short(self.kind, self.low), _short(self.kind, self.high)), key=float)
        shown = "" if ends[0] == ends[1] else f" ({ends[0]} to {ends[1]})"
        return f"about as far as {name} {_short(self.kind, self.value)}{shown}"


@dataclass(frozen=True)
class Meaning:
    """What a score means: the strength of each degradation that has it.

    Attributes:
        metric: of the score.
        score: given.
        jpeg, noise, blur: the strengths.
        equal: whether it is the score of equal images.
    """

    metric: str
    score: float
    jpeg: Strength
    noise: Strength
    blur: Strength
    equal: bool = False

    def __str__(self) -> str:
        return "as of equal images" if self.equal else f"{self.jpeg}, of photographs of {_table()['pixels']} pixels"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the sentence as `text`, and each strength."""
        return {"text": str(self)} | {kind: asdict(getattr(self, kind)) for kind in _KINDS}


def meaning(score: float, metric: str = "deepwsd") -> Meaning:
    """The degradations of sample photographs that have a score.

    The table holds mean scores of photographs of 256 x 256 pixels in JPEG of qualities 95 to 5 (chroma halved), with
    Gaussian noise of sigma 2 to 100 and with Gaussian blur of sigma 0.3 to 6; between its levels the strength is
    interpolated, that of noise and blur on a logarithmic scale. A score says how far an image is, not in what way: one
    score is that of a JPEG quality and of a noise alike.

    Args:
        score: as `task=score` and `metric.score` give it with the default backbone, decibels for PSNR.
        metric: a name of the table, which has every metric but those of other networks, LPIPS and DISTS.

    Raises:
        ValueError: for a metric that the table does not have, or a score that is no number.

    Example:
        >>> import enhance
        >>> found = enhance.meaning(28.0, "psnr")
        >>> found.jpeg.kind, found.jpeg.beyond, 5 < found.jpeg.value < 95
        ('jpeg', '', True)
    """
    table = _table()
    if metric not in table["metrics"]:
        raise ValueError(unknown("metric of the table of meanings", metric, table["metrics"]))
    if math.isnan(score):
        raise ValueError(f"score={score} has no meaning; give the number that the metric returned.")
    row, better = table["metrics"][metric], METRICS[metric].higher_is_better
    strengths = {
        kind: _strength(kind, score, levels, row["mean"][kind], row["spread"][kind], -1 if better else 1)
        for kind, levels in table["levels"].items()
    }
    return Meaning(metric, score, **strengths, equal=score == METRICS[metric].best)


def meaning_of(details: Mapping[str, Any]) -> Meaning | None:
    """The meaning of a score in the details of `Scorer.details`; None where the table is not of that metric with those
    settings and weights, or where the score is not finite.
    """
    row = _table()["metrics"].get(details["metric"])
    if row is None or details.get("score") is None:
        return None
    if any(details.get(key) != row["metric"].get(key) for key in _SAME):
        return None
    return meaning(details["score"], details["metric"])


def _strength(
    kind: str, score: float, levels: Sequence[float], mean: Sequence[float], spread: Sequence[float], sign: int
) -> Strength:
    scale = [level if kind == "jpeg" else math.log(level) for level in levels]

    def found(shift: float) -> tuple[float, str]:
        curve = [sign * (value + sign * shift * each) for value, each in zip(mean, spread, strict=True)]
        at, beyond = _crossing(sign * score, curve, scale)
        return (at if kind == "jpeg" else math.exp(at)), beyond

    value, beyond = found(0)
    return Strength(kind, value, found(1)[0], found(-1)[0], beyond)


def _crossing(score: float, curve: Sequence[float], scale: Sequence[float]) -> tuple[float, str]:
    """Where a curve that rises with the strength reaches a score; where it falls, it is taken as level."""
    risen = np.maximum.accumulate(curve)
    beyond = "weaker" if score < risen[0] else "stronger" if score > risen[-1] else ""
    return float(np.interp(score, risen, scale)), beyond


def _short(kind: str, value: float) -> str:
    return f"{value:.0f}" if kind == "jpeg" or value >= 10 else f"{value:.2g}"


@cache
def _table() -> dict[str, Any]:
    return json.loads(TABLE.read_text(encoding="utf-8"))
