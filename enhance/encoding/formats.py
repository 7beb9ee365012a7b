"""The formats that an image can be encoded in, by name: one row each. Importing the table imports no library."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from enhance.utils.suggest import unknown

if TYPE_CHECKING:
    from PIL.Image import Image

_FULL_COLOUR = 90
_Save = Callable[["Image", int], tuple["Image", dict[str, Any]]]


@dataclass(frozen=True)
class Format:
    """A format with its one knob.

    Attributes:
        name: of the format, as users write it.
        title: as people write it.
        suffix: of its files.
        kind: Pillow's name.
        qualities: the values of the knob, from the smallest files to the largest.
        knob: what the values are called.
        curve: lowest and highest quality of the curve that is drawn of a format.
        prepare: the image to be saved at a quality, and Pillow's settings.
        feature: of Pillow, without which the format cannot be written.
    """

    name: str
    title: str
    suffix: str
    kind: str
    qualities: range
    knob: str
    curve: tuple[int, int]
    prepare: _Save
    feature: str = ""

    def encode(self, image: Image, quality: int, profile: bytes | None = None) -> bytes:
        """The file's bytes.

        Args:
            image: 8-bit RGB.
            quality: of `qualities`.
            profile: the ICC profile of the image's colours, if it has one.

        Raises:
            ValueError: if the format cannot hold the image.
        """
        prepared, settings = self.prepare(image, quality)
        stream = io.BytesIO()
        try:
            prepared.save(stream, self.kind, icc_profile=profile, **settings)
        except (OSError, ValueError) as error:
            width, height = image.size
            raise ValueError(f"{self.title} cannot hold an image of {width} x {height} pixels ({error}).") from error
        return stream.getvalue()


def _jpeg(image: Image, quality: int) -> tuple[Image, dict[str, Any]]:
    return image, {"quality": quality, "optimize": True, "progressive": True, "subsampling": _subsampling(quality)}


def _webp(image: Image, quality: int) -> tuple[Image, dict[str, Any]]:
    return image, {"quality": quality, "method": 4}


def _avif(image: Image, quality: int) -> tuple[Image, dict[str, Any]]:
    return image, {"quality": quality, "speed": 6, "subsampling": _subsampling(quality)}


def _subsampling(quality: int) -> str:
    """Full colour resolution at high qualities, as encoders usually have it: else no quality would be good enough."""
    return "4:4:4" if quality >= _FULL_COLOUR else "4:2:0"


def _png8(image: Image, colours: int) -> tuple[Image, dict[str, Any]]:
    """Median cut, and the error of each pixel diffused to its neighbours (Floyd and Steinberg)."""
    return image.quantize(palette=image.quantize(colours)), {"optimize": True}


FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format("jpeg", "JPEG", ".jpg", "JPEG", range(1, 101), "quality", (10, 95), _jpeg),
        Format("webp", "WebP", ".webp", "WEBP", range(101), "quality", (10, 98), _webp, "webp"),
        Format("avif", "AVIF", ".avif", "AVIF", range(100), "quality", (15, 95), _avif, "avif"),
        Format("png8", "PNG-8", ".png", "PNG", range(2, 257), "colours", (8, 256), _png8),
    )
}


def format_named(name: str) -> Format:
    """A format by its name.

    Raises:
        ValueError: for an unknown name, or a format that this Pillow cannot write.

    Example:
        >>> format_named("jpg")
        Traceback (most recent call last):
        ValueError: There is no format 'jpg'; did you mean 'jpeg'? (jpeg, webp, avif, png8)
    """
    if name not in FORMATS:
        raise ValueError(unknown("format", name, FORMATS))
    found = FORMATS[name]
    if found.feature:
        from PIL import features

        if not features.check(found.feature):
            raise ValueError(f"format={name}: this Pillow cannot write {found.title}; pip install -U pillow.")
    return found
