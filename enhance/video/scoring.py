"""Every frame of a video scored against its reference's, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import torch
from torch import Tensor

from enhance.images.arrays import resized
from enhance.scoring.scorers import Scorer, score
from enhance.video import VideoError
from enhance.video.curve import Curve, Second, WorstSeconds
from enhance.video.frames import Frames
from enhance.video.pairing import Match, check, image_is_slower, left_over, matches
from enhance.video.signal import signals
from enhance.video.stream import Stream
from enhance.video.table import Rows

_PIXELS = 4_000_000  # of a batch, as of other tables
WORST = 4  # seconds whose frames are kept


@dataclass(frozen=True)
class Videos:
    """Two videos that can be compared.

    Attributes:
        reference, image: their frames.
        time: whether frames are matched by their times.
        notes: what was assumed, converted or aligned, in sentences.
    """

    reference: Frames
    image: Frames
    time: bool
    notes: list[str]

    @classmethod
    def opened(cls, reference: Stream, image: Stream, align: str) -> Videos:
        """The videos.

        Args:
            reference, image: the videos.
            align: none, time, size or both.

        Raises:
            VideoError: if they differ in what is not aligned, or cannot be decoded as RGB.
        """
        time, size = align in ("time", "both"), align in ("size", "both")
        check(reference, image, time, size)
        one, other = signals(reference, image)
        notes = [*one.notes, *other.notes]
        if image.size != reference.size:
            notes.append(f"frames of {image.path.name} are resized from {image.size} to {reference.size} pixels")
        if time and image.rate != reference.rate:
            notes.append(
                f"{reference.path.name} has {reference.rate:g} frames a second and {image.path.name} {image.rate:g}: "
                "each frame of the slower is compared with the one shown at its time"
            )
        return cls(Frames(reference, one), Frames(image, other), time, notes)

    @property
    def most(self) -> int:
        """How many frames are compared at most."""
        frames = self.reference.stream.frames, self.image.stream.frames
        return frames[image_is_slower(self.reference.stream, self.image.stream)] if self.time else min(frames)

    def images(self, match: Match) -> tuple[Tensor, Tensor]:
        """Reference and image of a match, both (1, 3, H, W), the image in the reference's size."""
        reference = self.reference.signal.image(match.reference.planes)
        image = self.image.signal.image(match.image.planes)
        return reference, resized(image, (reference.shape[-2], reference.shape[-1]))

    def all_notes(self, compared: int, last: float) -> list[str]:
        """`notes`, and what is known in the end.

        Args:
            compared: how many frames.
            last: the time of the last of them, in seconds.
        """
        found = list(self.notes)
        for frames in (self.reference, self.image):
            if frames.errors:
                found.append(
                    f"{frames.stream.path.name} is damaged: {_counted(frames.errors, 'error')} of the decoder, the "
                    f"first: {frames.first_error.rstrip('.')}; frames are compared as they were concealed"
                )
        if compared < self.most:
            why = "for which the shorter video has none" if self.time else "which could not be decoded"
            left = self.most - compared
            found.append(f"{_counted(left, 'frame')} {'is' if left == 1 else 'are'} left out, {why}")
        elif self.time and (rest := left_over(self.reference.stream, self.image.stream, last)):
            longer, seconds = rest
            found.append(
                f"the last {seconds:.2f} s of {longer.path.name} are left out, for which the other has no frame"
            )
        return found


@dataclass(frozen=True)
class Scored:
    """What came of it.

    Attributes:
        curve: the scores of all frames.
        worst: the worst seconds by the first column, the worst first.
        there: how many frames the table had already.
    """

    curve: Curve
    worst: list[Second] = field(default_factory=list)
    there: int = 0


def score_frames(
    videos: Videos,
    scorers: Sequence[Scorer],
    rows: Rows,
    *,
    batch: int = 8,
    device: str | torch.device = "cpu",
    mask: Tensor | None = None,
    done: Callable[[int], object] = lambda count: None,
) -> Scored:
    """Score every frame and append a row for each to the table; frames that it has already are decoded, not scored.

    Args:
        videos: the two.
        scorers: the columns; the first one says which seconds are the worst.
        rows: the table.
        batch: frames scored at once; fewer where they are large.
        device: where.
        mask: (1, 1, H, W) in [0, 1], of the reference's size.
        done: called with how many more frames are done.

    Raises:
        VideoError: if the videos turn out not to match, or end too early; what was scored stays in the table.
        ValueError: if the frames cannot be compared.
        OSError: if the table cannot be written.
    """
    known = rows.read()
    curve, worst = Curve(rows.names), WorstSeconds(WORST, scorers[0].metric.higher_is_better)
    stream = videos.reference.stream
    at_once = min(batch, max(1, _PIXELS // (stream.width * stream.height)))
    for group in _groups(matches(videos.reference, videos.image, videos.time), at_once, len(known)):
        start = len(curve)
        if start < len(known):
            scores = known[start : start + len(group)]
        else:
            texts = _scores(group, videos, scorers, device, mask)
            rows.append(list(zip(group, texts, strict=True)))
            scores = [[float(text) for text in each] for each in texts]
        for match, values in zip(group, scores, strict=True):
            curve.add(match.time, values)
            worst.add(match, values[0])
        done(len(group))
    if len(curve) < max(1, len(known)):
        raise VideoError(f"{stream.path} and {videos.image.stream.path} have {len(curve)} frames to compare.")
    return Scored(curve, worst.all(), len(known))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _groups(found: Iterator[Match], at_once: int, known: int) -> Iterator[list[Match]]:
    """Frames that are scored together, the same ones however many are known already."""
    numbered = enumerate(found)
    for _, group in groupby(numbered, key=lambda item: (item[0] // at_once, item[0] < known)):
        yield [match for _, match in group]


def _scores(
    group: Sequence[Match], videos: Videos, scorers: Sequence[Scorer], device: str | torch.device, mask: Tensor | None
) -> list[list[str]]:
    """The scores of each frame as the table has them."""
    pairs = [videos.images(match) for match in group]
    references, images = (torch.cat(side).to(device) for side in zip(*pairs, strict=True))
    table = score(scorers, images, [references] * len(scorers), None if mask is None else mask.to(images))
    return [[f"{value:.9g}" for value in column] for column in table.T.tolist()]
