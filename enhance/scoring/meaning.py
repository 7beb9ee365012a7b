"""What a score means: which degradation of sample photographs has it, on average."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from enhance.images.samples import SAMPLE_SIZE
from enhance.metrics.loading import load_metric
from enhance.metrics.metric import Metric
from enhance.scoring import meaning_tables
from enhance.scoring.meaning_tables import Table
from enhance.scoring.scorers import Scorer
from enhance.utils.files import sentence

KINDS = {"jpeg": "JPEG quality", "noise": "Gaussian noise of sigma", "blur": "Gaussian blur of sigma"}
_UNITS = {"jpeg": "", "noise": " of 255", "blur": " pixels"}


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
        strength = f"{KINDS[self.kind]} {short(self.kind, self.value)}{_UNITS[self.kind]}"
        if self.beyond:
            return f"{'nearer' if self.beyond == 'weaker' else 'farther'} than {strength}"
        ends = sorted((short(self.kind, self.low), short(self.kind, self.high)), key=float)
        shown = "" if ends[0] == ends[1] else f" ({ends[0]} to {ends[1]})"
        return f"about as far as {strength}{shown}"


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
        return "as of equal images" if self.equal else f"{self.jpeg}, of photographs of {SAMPLE_SIZE} pixels"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the sentence as `text`, and each strength."""
        return {"text": str(self)} | {kind: asdict(getattr(self, kind)) for kind in KINDS}


def meaning(score: float, metric: str | Metric = "deepwsd") -> Meaning:
    """The degradations of sample photographs that have a score.

    A table holds mean scores of photographs of 256 x 256 pixels in JPEG of qualities 95 to 5 (chroma halved), with
    Gaussian noise of sigma 2 to 100 and with Gaussian blur of sigma 0.3 to 6; between its levels the strength is
    interpolated, that of noise and blur on a logarithmic scale. A score says how far an image is, not in what way: one
    score is that of a JPEG quality and of a noise alike.

    The tables of the metrics that need no network but the embedded one come with the package. That of any other, and of
    other settings, is measured when it is first asked for, on 204 images, and kept beside the weights that torch keeps.

    Args:
        score: as `task=score` and `metric.score` give it, decibels for PSNR.
        metric: a name of `enhance.METRICS`, which stands for its default settings and backbone, or a metric.

    Raises:
        ValueError: for an unknown name, a score that is no number, or a metric that cannot compare the photographs.
        WeightsError: if the network of a named metric is not available.

    Example:
        >>> import enhance
        >>> found = enhance.meaning(28.0, "psnr")
        >>> found.jpeg.kind, found.jpeg.beyond, 5 < found.jpeg.value < 95
        ('jpeg', '', True)
    """
    if math.isnan(score):
        raise ValueError(f"score={score} has no meaning; give the number that the metric returned.")
    name = metric if isinstance(metric, str) else metric.name
    table = meaning_tables.shipped(metric) if isinstance(metric, str) else None
    if table is None:
        scorer = Scorer(name, load_metric(metric) if isinstance(metric, str) else metric)
        table = meaning_tables.table_of(scorer) or _measured(scorer)
    return _read(score, name, table)


def meaning_of(scorer: Scorer, score: float) -> Meaning | None:
    """The meaning of a score of a scorer's metric; None where no table is of that metric with those settings and
    weights.
    """
    table = meaning_tables.table_of(scorer)
    return table and _read(score, scorer.metric.name, table)


def _measured(scorer: Scorer) -> Table:
    table = meaning_tables.measure(scorer)
    try:
        meaning_tables.keep(scorer, table)
    except OSError as error:
        warnings.warn(f"The table of {scorer.name} is measured anew each time: {sentence(error)}", stacklevel=3)
    return table


def _read(score: float, name: str, table: Table) -> Meaning:
    sign = -1 if table.higher_is_better else 1
    strengths = {
        kind: _strength(kind, score, levels, table.mean[kind], table.spread[kind], sign)
        for kind, levels in table.levels.items()
    }
    return Meaning(name, score, **strengths, equal=score == table.best)


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


def short(kind: str, value: float) -> str:
    """A strength for people."""
    return f"{value:.0f}" if kind == "jpeg" or value >= 10 else f"{value:.2g}"
