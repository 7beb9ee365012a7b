"""What a file holds: size, rate, number of frames, and what it says of its samples."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from enhance.images.arrays import MIN_SIDE
from enhance.utils.suggest import short
from enhance.video import VideoError
from enhance.video.ffmpeg import run

_HEADER = re.compile(r"Stream #0:\d+.*?: Video: (?P<codec>\w+)(?P<rest>.*)")
_RATE = re.compile(r"(?P<rate>[\d.]+)(?P<k>k?) (?:fps|tbr)\b")
_FRAME = re.compile(r"\bn: *0 pts:.*? fmt:(?P<format>\S+).*? s:(?P<width>\d+)x(?P<height>\d+) i:(?P<scan>\S)")
_COLOURS = re.compile(
    r"color_range:(?P<range>\S+) color_space:(?P<matrix>\S+) color_primaries:(?P<primaries>\S+) "
    r"color_trc:(?P<transfer>\S+)"
)
_RANGES = {"tv": "limited", "pc": "full", "limited": "limited", "full": "full", "mpeg": "limited", "jpeg": "full"}
_UNTAGGED = ("unknown", "unspecified", "reserved")


@dataclass(frozen=True)
class Stream:
    """The video of a file.

    Attributes:
        path: of the file.
        codec: ffmpeg's name of it.
        width, height: of its frames as they are shown, a rotation applied.
        rate: frames a second, on average.
        frames: how many there are.
        pixel_format: ffmpeg's name of it.
        range: `limited` or `full`; empty where the file does not say.
        matrix, primaries, transfer: ffmpeg's names; empty where the file does not say.
        interlaced: whether a frame is two fields of different times.
    """

    path: Path
    codec: str
    width: int
    height: int
    rate: float
    frames: int
    pixel_format: str
    range: str = ""
    matrix: str = ""
    primaries: str = ""
    transfer: str = ""
    interlaced: bool = False

    @property
    def size(self) -> str:
        """The size of a frame, for people."""
        return f"{self.width} x {self.height}"


def read_stream(name: str) -> Stream:
    """The video of a file: its first frame is decoded, and its frames are counted without decoding them.

    Raises:
        VideoError: if there is no such file, or ffmpeg cannot read it, or its frames are too large or too small.
    """
    path = Path(name).expanduser()
    if not path.is_file():
        raise VideoError(f"There is no file {short(name)}.")
    _, said = run(path, "-frames:v", "1", "-vf", "showinfo=checksum=0", "-f", "null", "-")
    stream = _parsed(path, said, _count(path))
    if min(stream.width, stream.height) < MIN_SIDE:
        raise VideoError(f"{path} has frames of {stream.size} pixels; they must be at least {MIN_SIDE} x {MIN_SIDE}.")
    if stream.width * stream.height > (most := Image.MAX_IMAGE_PIXELS or stream.width * stream.height):
        raise VideoError(f"{path} has frames of {stream.size} pixels; at most {most / 1e6:.4g} million are decoded.")
    return stream


def _count(path: Path) -> int:
    written, _ = run(path, "-c", "copy", "-f", "null", "-progress", "pipe:1", "-")
    return int((re.findall(r"frame=\s*(\d+)", written) or ["0"])[-1])


def _parsed(path: Path, said: str, frames: int) -> Stream:
    header, frame, colours = (pattern.search(said) for pattern in (_HEADER, _FRAME, _COLOURS))
    if header is None or frame is None:
        raise VideoError(f"{path} holds no frame that can be decoded.")
    tags = {key: "" if tag in _UNTAGGED else tag for key, tag in (colours.groupdict() if colours else {}).items()}
    tags["range"] = _RANGES.get(tags.get("range", ""), "")
    rate = _RATE.search(header["rest"])
    if rate is None:
        raise VideoError(f"{path} does not say how many frames a second it has; put it into a container, such as .mkv.")
    return Stream(
        path,
        header["codec"],
        int(frame["width"]),
        int(frame["height"]),
        float(rate["rate"]) * (1000 if rate["k"] else 1),
        frames,
        frame["format"],
        **tags,
        interlaced=frame["scan"] in "TB",
    )
