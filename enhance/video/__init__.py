"""Two videos compared frame by frame: decoded by ffmpeg as a stream, in bounded memory, whatever their length."""

from __future__ import annotations

from pathlib import Path

from enhance.images.suffixes import VIDEO_SUFFIXES

__all__ = ["VideoError", "is_video"]


class VideoError(ValueError):
    """A video that cannot be read, or two that cannot be compared; the message names the remedy."""


def is_video(name: str) -> bool:
    """Whether a file is a video by the suffix of its name.

    Example:
        >>> is_video("a.MP4"), is_video("a.gif")
        (True, False)
    """
    return Path(name).suffix.lower() in VIDEO_SUFFIXES
