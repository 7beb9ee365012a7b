"""Pictures inside a page: bounded in size, as data URIs."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from PIL import Image

from enhance.report.animation import evenly
from enhance.report.crops import Array, crop, picture, square
from enhance.report.run_data import Story

MOST = 1024  # pixels of a picture's longer side inside a page
_FRAMES, _FRAME, _THUMB = 48, 512, 160  # number of frames, and pixels of their longer side
_FILM_BYTES = 5_000_000
_THUMBS = 8
_MAP = "inferno"  # light where errors are large; as even to people who do not tell red from green


@dataclass(frozen=True)
class Frame:
    """A moment of the animation."""

    step: int
    uri: str
    text: str


@dataclass(frozen=True)
class ErrorMap:
    """Absolute difference to the reference as a picture.

    Attributes:
        name: whose error it is, and in which scale.
        uri: the picture.
        most: error in grey levels of 255 that is drawn lightest.
        mean: over all pixels, in grey levels.
    """

    name: str
    uri: str
    most: float
    mean: float


def whole(path: Path) -> str:
    """The picture in a file, lossless; byte for byte where it is not larger than `MOST` pixels."""
    with Image.open(path) as opened:
        if max(opened.size) <= MOST and opened.format == "PNG":
            return _uri(path.read_bytes(), "png")
    return _png(Image.fromarray(picture(path, MOST)))


def details(story: Story) -> list[str]:
    """The square in which the images differ most, at full resolution: of initial image, result and reference. None
    where it would be most of the image.
    """
    if not (story.initial and story.result and story.reference):
        return []
    initial, reference = (picture(path, MOST) for path in (story.initial, story.reference))
    left, top, side = square(initial, reference, story.reference)
    if side >= 0.8 * max(reference.shape[:2]):
        return []
    share = side / reference.shape[1]
    return [
        _png(Image.fromarray(crop(path, left, top, share))) for path in (story.initial, story.result, story.reference)
    ]


def film(story: Story) -> list[Frame]:
    """Frames of the animation, evenly spaced in PSNR; together they stay below some megabytes."""
    rows = {row.step: row for row in story.rows}
    steps = evenly(list(story.frames), rows, _FRAMES)
    for longer, quality in ((_FRAME, 88), (_FRAME, 75), (_FRAME * 3 // 4, 70), (_FRAME // 2, 60)):
        frames = [_webp(story.frames[step], longer, quality) for step in steps]
        if sum(map(len, frames)) <= _FILM_BYTES:
            break
    texts = (f"{rows[step].psnr:.2f} dB" if step in rows else "" for step in steps)
    return [Frame(step, uri, text) for step, uri, text in zip(steps, frames, texts, strict=True)]


def thumbnails(story: Story, film: list[Frame]) -> list[tuple[int, Frame]]:
    """Some frames of the animation, small, and their places in it."""
    count = min(_THUMBS, len(film))
    places = sorted({round(place * (len(film) - 1) / max(1, count - 1)) for place in range(count)})
    return [
        (place, Frame(film[place].step, _webp(story.frames[film[place].step], _THUMB, 80), film[place].text))
        for place in places
    ]


def error_maps(story: Story) -> list[ErrorMap]:
    """The absolute difference to the reference, mean over the channels: of the initial image, of the result in the same
    scale, and of the result in a scale of its own. White is the 99.5th percentile.
    """
    if not (story.initial and story.result and story.reference):
        return []
    reference = _bytes(story.reference)
    errors = [_error(path, reference) for path in (story.initial, story.result)]
    if any(error is None for error in errors):
        return []
    before, after = (error for error in errors if error is not None)
    shared, own = (max(1.0, float(np.percentile(error, 99.5))) for error in (before, after))
    maps = [_map("initial", before, shared), _map("result, same scale", after, shared)]
    return maps if own > shared / 2 else [*maps, _map(f"result, {shared / own:.0f} times brighter", after, own)]


def gradient() -> str:
    """The colours of the error maps, for a style sheet."""
    return f"linear-gradient(to right, {', '.join(map(to_hex, colormaps[_MAP](np.linspace(0, 1, 9))))})"


def _map(name: str, error: Array, most: float) -> ErrorMap:
    levels = np.rint(np.clip(error / most, 0, 1) * 255).astype(np.uint8)
    image = Image.fromarray(levels)
    if max(image.size) > MOST:
        factor = -(-max(image.size) // MOST)
        image = image.reduce(factor)  # a mean: thinning out would lose the noise
    drawn = Image.fromarray(np.asarray(image))
    drawn.putpalette((colormaps[_MAP](np.arange(256))[:, :3] * 255).round().astype(np.uint8).tobytes())
    return ErrorMap(name, _png(drawn), most, float(error.mean()))


def _error(path: Path, reference: Array) -> Array | None:
    image = _bytes(path)
    return np.abs(image - reference).mean(-1, dtype=np.float32) if image.shape == reference.shape else None


def _bytes(path: Path) -> np.ndarray[Any, np.dtype[np.int16]]:
    with Image.open(path) as opened:
        return np.asarray(opened.convert("RGB"), dtype=np.int16)


def _webp(path: Path, longer: int, quality: int) -> str:
    buffer = BytesIO()
    Image.fromarray(picture(path, longer)).save(buffer, "WEBP", quality=quality, method=4)
    return _uri(buffer.getvalue(), "webp")


def _png(image: Image.Image) -> str:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return _uri(buffer.getvalue(), "png")


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
