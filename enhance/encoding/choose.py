"""The file that is chosen for an image: the smallest at a distance, or the best within a number of bytes."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from enhance.encoding.candidates import Candidates, Measure, Original
from enhance.encoding.formats import Format
from enhance.encoding.search import cheapest
from enhance.metrics.metric import Metric


@dataclass(frozen=True)
class Wanted:
    """What a file must be.

    Attributes:
        score: of the file, at least as good; None: as good as can be.
        max_bytes: of the file; None: any size.
        like: a format and its quality, whose score on each image is the one wanted, in place of `score`.
    """

    score: float | None = None
    max_bytes: int | None = None
    like: tuple[Format, int] | None = None


@dataclass(frozen=True)
class Choice:
    """The file chosen in one format.

    Attributes:
        format: of the file.
        quality: of the encoder.
        data: the file.
        score: of the metric; NaN where it is undefined.
        psnr: in decibels.
        wanted: the score that was to be reached; None where only the size was bounded.
        reached: whether the file is as it was wanted; else it is as close as the format allows.
        trials: number of files whose score was computed.
        seconds: of the search.
    """

    format: Format
    quality: int
    data: bytes
    score: float
    psnr: float
    wanted: float | None
    reached: bool
    trials: int
    seconds: float

    @property
    def bytes(self) -> int:
        return len(self.data)


@dataclass
class Encoded:
    """An image with its choices.

    Attributes:
        original: the image.
        choices: one for each format.
        curves: for each format, quality, bytes and score of every file that was measured.
        higher_is_better: of the scores.
    """

    original: Original
    choices: list[Choice]
    curves: dict[str, list[tuple[int, int, float]]] = field(default_factory=dict)
    higher_is_better: bool = False

    @property
    def best(self) -> Choice:
        """The smallest file of those that are as wanted; where only the size is bounded the one of the best score."""
        sign = -1 if self.higher_is_better else 1

        def order(choice: Choice) -> tuple[bool, float, float]:
            first, second = (choice.bytes, sign * choice.score)
            if choice.wanted is None or not choice.reached:
                first, second = second, first
            return (not choice.reached, first, second)

        return min(self.choices, key=order)


def encode_image(
    original: Original, metric: Metric, formats: Sequence[Format], wanted: Wanted, points: int = 0
) -> Encoded:
    """The file chosen in each format.

    Args:
        original: the image.
        metric: any; its scores are compared with `wanted`.
        formats: one or several.
        wanted: what a file must be.
        points: qualities that are measured for the curve of each format beside those of the search.

    Raises:
        ValueError: if the image cannot be measured or encoded; one sentence says why.
    """
    measure = Measure(metric, original)
    candidates = {each.name: Candidates(original, each, measure) for each in formats}
    score = wanted.score
    if wanted.like:
        form, quality = wanted.like
        model = candidates.get(form.name) or Candidates(original, form, measure)
        score = model.score(quality)
    choices = [choose(each, score, wanted.max_bytes) for each in candidates.values()]
    curves = {}
    for name, each in candidates.items():
        for quality in spread(each.format, points):
            each.score(quality)
        curves[name] = [(quality, each.bytes(quality), each.score(quality)) for quality in each.measured]
    return Encoded(original, choices, curves, metric.higher_is_better)


def choose(candidates: Candidates, score: float | None, max_bytes: int | None) -> Choice:
    """The smallest file whose score is at least as good as `score`; the best of at most `max_bytes` where that is
    larger or there is no `score`; the best or the smallest of all where there is none.
    """
    began = time.perf_counter()
    measure, sizes = candidates.measure, candidates.bytes
    ascending = candidates.format.qualities
    found = None

    def distance(quality: int) -> float:
        value = measure.sign * candidates.score(quality)
        return math.inf if math.isnan(value) else value

    if score is not None:
        limit = score
        found = cheapest(ascending[::-1], lambda each: measure.reaches(candidates.score(each), limit), sizes)
    reached = score is None or found is not None
    if max_bytes is not None and (found is None or sizes(found) > max_bytes):
        most, reached = max_bytes, score is None
        found = cheapest(ascending, lambda each: sizes(each) <= most, distance)
        if found is None:
            found, reached = min(ascending[:3], key=sizes), False
    if found is None:
        found = min(ascending[-4:], key=distance)
    return Choice(
        format=candidates.format,
        quality=found,
        data=candidates.data(found),
        score=candidates.score(found),
        psnr=measure.psnr(candidates.image(found)),
        wanted=score,
        reached=reached,
        trials=len(candidates.measured),
        seconds=time.perf_counter() - began,
    )


def spread(form: Format, count: int) -> list[int]:
    """Qualities of a format for a curve, from the lowest useful one to the highest; colours in equal ratios.

    Example:
        >>> from enhance.encoding.formats import FORMATS
        >>> spread(FORMATS["jpeg"], 5), spread(FORMATS["png8"], 4)
        ([10, 31, 52, 74, 95], [8, 25, 81, 256])
    """
    low, high = form.curve
    shares = [place / max(1, count - 1) for place in range(count)]
    ratios = form.knob == "colours"
    return [round(low * (high / low) ** share if ratios else low + (high - low) * share) for share in shares]
