"""Pictures inside a page: bounded in size, as data URIs."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from PIL import Image

from enhance.report.animation import evenly
from enhance.report.crops import Array, crop, square
from enhance.report.numbers import write
from enhance.report.run_data import Picture, RunData, reduced
from enhance.report.style import COLOUR_MAP

MOST = 1024  # pixels of a picture's longer side inside a page
_FRAMES, _FRAME, _THUMB = 48, 512, 160  # number of frames, and pixels of their longer side
_MAX_FRAME_BYTES = 5_000_000  # of all frames
_THUMBS = 8
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Frame:
    """One frame of the animation.

    Attributes:
        step: its step.
        uri: the picture.
        text: its PSNR; empty where it is not known.
    """

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


def whole(picture: Picture) -> str:
    """The picture, lossless; byte for byte the file where it is not larger than `MOST` pixels."""
    if max(picture.pixels.size) <= MOST and (data := picture.path.read_bytes()).startswith(_PNG):
        return data_uri(data, "png")
    return _png(reduced(picture.pixels, MOST))


def webp(image: Image.Image, longer: int, quality: int) -> str:
    """The image, its longer side reduced to `longer` pixels, with loss."""
    buffer = BytesIO()
    reduced(image, longer).save(buffer, "WEBP", quality=quality, method=4)
    return data_uri(buffer.getvalue(), "webp")


def lossless(image: Image.Image, longer: int = MOST) -> str:
    """The image, its longer side reduced to `longer` pixels, without loss."""
    buffer = BytesIO()
    reduced(image, longer).save(buffer, "WEBP", lossless=True, quality=50, method=2)
    return data_uri(buffer.getvalue(), "webp")


def details(data: RunData) -> dict[str, str]:
    """The square in which the images differ most, at full resolution: of initial image, result and reference, by name.
    Empty where it would be most of the image.
    """
    if not (data.initial and data.result and data.reference):
        return {}
    initial, reference = (np.asarray(reduced(each.pixels, MOST)) for each in (data.initial, data.reference))
    left, top, side = square(initial, reference, data.reference.pixels.width)
    if side >= 0.8 * max(reference.shape[:2]):
        return {}
    share = side / reference.shape[1]
    return {name: _png(crop(picture.pixels, left, top, share)) for name, picture in data.images.items()}


def frames(data: RunData) -> list[Frame]:
    """Frames of the animation, evenly spaced in PSNR; together they stay below some megabytes."""
    rows = data.rows_by_step
    steps = evenly(list(data.frames), rows, _FRAMES)
    for longer, quality in ((_FRAME, 88), (_FRAME, 75), (_FRAME * 3 // 4, 70), (_FRAME // 2, 60)):
        encoded = [webp(data.frames[step], longer, quality) for step in steps]
        if sum(map(len, encoded)) <= _MAX_FRAME_BYTES:
            break
    texts = (write("psnr", rows[step].psnr) if step in rows else "" for step in steps)
    return [Frame(step, uri, text) for step, uri, text in zip(steps, encoded, texts, strict=True)]


def thumbnails(data: RunData, frames: list[Frame]) -> list[tuple[int, Frame]]:
    """Some frames of the animation, small, and their places in it."""
    count = min(_THUMBS, len(frames))
    places = sorted({round(place * (len(frames) - 1) / max(1, count - 1)) for place in range(count)})
    return [
        (place, Frame(frames[place].step, webp(data.frames[frames[place].step], _THUMB, 80), frames[place].text))
        for place in places
    ]


def error_maps(data: RunData) -> list[ErrorMap]:
    """The absolute difference to the reference, mean over the channels: of the initial image, of the result in the same
    scale, and of the result in a scale of its own. White is the 99.5th percentile.
    """
    if not (data.initial and data.result and data.reference):
        return []
    if not data.initial.pixels.size == data.result.pixels.size == data.reference.pixels.size:
        return []
    before, after = (_error(picture.pixels, data.reference.pixels) for picture in (data.initial, data.result))
    shared, own = (max(1.0, float(np.percentile(error, 99.5))) for error in (before, after))
    maps = [_map("initial", before, shared), _map("result, same scale", after, shared)]
    return maps if own > shared / 2 else [*maps, _map(f"result, {shared / own:.0f} times brighter", after, own)]


def gradient() -> str:
    """The colours of the error maps, for a style sheet."""
    return f"linear-gradient(to right, {', '.join(map(to_hex, colormaps[COLOUR_MAP](np.linspace(0, 1, 9))))})"


def coloured(shares: Array) -> Image.Image:
    """Values (H, W) in the colours of error maps, 1 and above the lightest; a picture with a palette, its longer side
    at most `MOST` pixels.
    """
    image = Image.fromarray(np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8))
    if max(image.size) > MOST:
        image = image.reduce(-(-max(image.size) // MOST))  # a mean: thinning out would lose the noise
    drawn = Image.fromarray(np.asarray(image))
    drawn.putpalette((colormaps[COLOUR_MAP](np.arange(256))[:, :3] * 255).round().astype(np.uint8).tobytes())
    return drawn


def _map(name: str, error: Array, most: float) -> ErrorMap:
    return ErrorMap(name, _png(coloured(error / most)), most, float(error.mean()))


def _error(image: Image.Image, reference: Image.Image) -> Array:
    pixels, expected = (np.asarray(each, dtype=np.int16) for each in (image, reference))
    return np.abs(pixels - expected).mean(-1, dtype=np.float32)


def _png(image: Image.Image) -> str:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return data_uri(buffer.getvalue(), "png")


def data_uri(data: bytes, kind: str) -> str:
    """The bytes of a picture as an address inside a page.

    Args:
        data: of the file.
        kind: its format, as MIME types call it: png, webp.

    Example:
        >>> data_uri(b"GIF89a", "gif")
        'data:image/gif;base64,R0lGODlh'
    """
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
