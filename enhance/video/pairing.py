"""Which frame of one video is compared with which of the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from enhance.video import VideoError
from enhance.video.frames import Frame, Frames
from enhance.video.stream import Stream

_SAME_RATE = 2e-4  # 23.976 and 24 differ by a thousandth; ffmpeg gives two decimals


@dataclass(frozen=True)
class Match:
    """Two frames that are compared.

    Attributes:
        time: at which both are shown, in seconds.
        reference, image: the frames.
    """

    time: float
    reference: Frame
    image: Frame


def check(reference: Stream, image: Stream, time: bool, size: bool) -> None:
    """Refuse two videos that differ in what is not aligned.

    Args:
        reference, image: the videos.
        time: whether frames are matched by their times.
        size: whether frames are resized.

    Raises:
        VideoError: one sentence names the difference and the remedy.
    """
    one, other = image.path, reference.path
    if not size and image.size != reference.size:
        raise VideoError(
            f"image={one} has {image.size} pixels and reference={other} {reference.size}; align=size resizes the "
            "image's frames to those of the reference."
        )
    if time:
        return
    remedy = "align=time compares frames that are shown at the same time."
    if not _same_rate(reference, image):
        raise VideoError(
            f"image={one} has {image.rate:g} frames a second and reference={other} {reference.rate:g}; {remedy}"
        )
    if image.frames != reference.frames:
        raise VideoError(f"image={one} has {image.frames} frames and reference={other} {reference.frames}; {remedy}")


def matches(reference: Frames, image: Frames, time: bool) -> Iterator[Match]:
    """The frames that are compared, in the order of their times.

    Args:
        reference, image: the videos.
        time: False: frame by frame. True: each frame of the video with fewer frames a second with the frame of the
            other that is shown at its time, for as long as both last.

    Raises:
        VideoError: if frames that belong together by number are shown at different times, or one video ends early.
    """
    if not time:
        return _by_number(reference, image)
    if image_is_slower(reference.stream, image.stream):
        return (Match(frame.time, shown, frame) for frame, shown in _shown_with(image, reference))
    return (Match(frame.time, frame, shown) for frame, shown in _shown_with(reference, image))


def image_is_slower(reference: Stream, image: Stream) -> bool:
    """Whether the image has fewer frames a second, so that each of its frames is compared where times are aligned."""
    return image.rate < reference.rate and not _same_rate(reference, image)


def left_over(reference: Stream, image: Stream, last: float) -> tuple[Stream, float] | None:
    """The video that goes on after the one with fewer frames a second has ended, and for how many seconds.

    Args:
        reference, image: the videos.
        last: the time of the last frame that was compared, in seconds.

    Returns:
        None where both end together, but for the length of a frame and what ffmpeg rounds of a rate.
    """
    slower, other = (image, reference) if image_is_slower(reference, image) else (reference, image)
    lasts = other.frames / other.rate
    rest = lasts - last - 1 / slower.rate
    return (other, rest) if rest > 0.75 / other.rate + _SAME_RATE * lasts else None


def _same_rate(one: Stream, other: Stream) -> bool:
    return abs(one.rate - other.rate) <= _SAME_RATE * max(one.rate, other.rate)


def _by_number(reference: Frames, image: Frames) -> Iterator[Match]:
    remedy = "align=time compares frames that are shown at the same time."
    most = 0.5 / reference.stream.rate
    for number, (expected, given) in enumerate(zip_longest(reference, image)):
        if expected is None or given is None:
            shorter, longer = (reference, image) if expected is None else (image, reference)
            raise VideoError(
                f"{shorter.stream.path} ends after {number} frames and {longer.stream.path} goes on; {remedy}"
            )
        if abs(expected.time - given.time) > most:
            raise VideoError(
                f"Frame {number} is shown at {given.time:.3f} s in image={image.stream.path} and at "
                f"{expected.time:.3f} s in reference={reference.stream.path}; {remedy}"
            )
        yield Match(expected.time, expected, given)


def _shown_with(base: Frames, other: Frames) -> Iterator[tuple[Frame, Frame]]:
    """Each frame of `base` and the one of `other` that is shown at its time; times are rounded in some containers."""
    interval = 1 / other.stream.rate
    rest = iter(other)
    shown = following = next(rest, None)
    for frame in base:
        while following is not None and following.time <= frame.time + interval / 4:
            shown, following = following, next(rest, None)
        if shown is None or (following is None and frame.time > shown.time + 0.75 * interval):
            return
        yield frame, shown
