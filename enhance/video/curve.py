"""Scores against time: every frame's in a few bytes, the mean of each second, and the frames of the worst seconds."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from enhance.video.pairing import Match


class Curve:
    """The scores of all frames, 8 bytes each.

    Args:
        names: of the columns.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.times = array("d")
        self.columns = {name: array("d") for name in names}

    def __len__(self) -> int:
        return len(self.times)

    def add(self, time: float, scores: Sequence[float]) -> None:
        """Add a frame."""
        self.times.append(time)
        for column, score in zip(self.columns.values(), scores, strict=True):
            column.append(score)

    def mean(self, name: str) -> float:
        """The mean over the frames; those of infinite score are left out unless all are."""
        return mean(self.columns[name])

    def infinite(self, name: str) -> int:
        """How many frames have an infinite score: PSNR of equal images."""
        return sum(map(math.isinf, self.columns[name]))

    def worst(self, name: str, higher_is_better: bool) -> int:
        """The place of the worst frame."""
        column = self.columns[name]
        known = [place for place, score in enumerate(column) if not math.isnan(score)] or [0]
        return (min if higher_is_better else max)(known, key=column.__getitem__)

    def seconds(self, name: str) -> dict[int, float]:
        """The mean of each second that has a frame."""
        grouped: dict[int, array[float]] = {}
        for time, score in zip(self.times, self.columns[name], strict=True):
            grouped.setdefault(second_of(time), array("d")).append(score)
        return {second: mean(scores) for second, scores in grouped.items()}


def second_of(time: float) -> int:
    """The second in which a frame is shown; times are rounded in some containers.

    Example:
        >>> second_of(0.9995), second_of(0.96)
        (1, 0)
    """
    return math.floor(time + 1e-3)


def mean(scores: Sequence[float]) -> float:
    """The mean of what is finite; infinite where all is, NaN where some is.

    Example:
        >>> mean([30.0, math.inf, 40.0]), mean([math.inf])
        (35.0, inf)
    """
    if any(map(math.isnan, scores)):
        return math.nan
    finite = [score for score in scores if math.isfinite(score)]
    return math.fsum(finite) / len(finite) if finite else math.inf


@dataclass(frozen=True)
class Second:
    """A second and its worst frame.

    Attributes:
        number: of the second.
        mean: of its scores.
        score: of its worst frame.
        worst: that frame and its reference.
    """

    number: int
    mean: float
    score: float
    worst: Match


class WorstSeconds:
    """The seconds with the worst mean score, each with its worst frame: no more frames are kept than that.

    Args:
        count: how many.
        higher_is_better: of the scores.
    """

    def __init__(self, count: int, higher_is_better: bool) -> None:
        self._count, self._sign = count, 1 if higher_is_better else -1
        self._worst: list[Second] = []
        self._number = -1
        self._scores: list[float] = []
        self._frame: tuple[float, Match] | None = None

    def add(self, match: Match, score: float) -> None:
        """Take the next frame."""
        if second_of(match.time) != self._number:
            self._close()
            self._number = second_of(match.time)
        self._scores.append(score)
        if not math.isnan(score) and (self._frame is None or self._sign * score < self._sign * self._frame[0]):
            self._frame = score, match

    def all(self) -> list[Second]:
        """The worst seconds so far, the worst first."""
        self._close()
        return list(self._worst)

    def _close(self) -> None:
        if self._frame is not None:
            self._worst.append(Second(self._number, mean(self._scores), *self._frame))
            self._worst.sort(key=lambda second: self._sign * second.mean)
            del self._worst[self._count :]
        self._scores, self._frame = [], None
