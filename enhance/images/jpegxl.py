"""JPEG XL of more than 8 bits or several frames: Pillow's plugin cuts colour to 8 bits and takes the last frame."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from enhance.images.arrays import Array, ImageError
from enhance.images.floats import unit
from enhance.images.suffixes import JPEG_XL, RADIANCE

_ORIENTATION = 274
_SIZES = ((1, 9), (1, 13), (1, 18), (1, 30))
_Choices = tuple[tuple[int, int], ...]


class Header(NamedTuple):
    """What a JPEG XL says of its samples, by the names of ISO/IEC 18181-1.

    Attributes:
        bits: a sample.
        floats: whether they are floats.
        orientation: 1 to 8 as in EXIF; decoders apply it.
        animated: whether there may be several frames.
    """

    bits: int = 8
    floats: bool = False
    orientation: int = 1
    animated: bool = False


def settle_orientation(opened: Image.Image, found: Header, name: str, notes: list[str]) -> None:
    """Leave the orientation to the decoder, which applied that of JPEG XL; EXIF's would turn the picture twice."""
    if opened.getexif().get(_ORIENTATION, 1) not in (1, found.orientation):
        notes.append(f"the EXIF orientation of {name} contradicts that of JPEG XL, which counts")
    elif found.orientation > 1:
        notes.append("the orientation is honoured")
    opened.getexif().pop(_ORIENTATION, None)


def whole_jpeg_xl(path: Path, found: Header, white: float | None, notes: list[str]) -> Array:
    """Samples (H, W, 1 to 4) of the first frame in [0, 1], float32, or as bytes if that is what they are.

    Args:
        path: of a file of more than 8 bits a sample, or of several frames.
        found: its header.
        white: of floats, see `enhance.images.floats.unit`.
        notes: the conversions made are appended.

    Raises:
        ImageError: without the library that decodes it, or for floats that `unit` refuses.
    """
    if not RADIANCE.installed:
        what = "several frames" if found.animated else f"{found.bits} bits a channel"
        raise ImageError(
            f"{path} is JPEG XL of {what}, read after pip install 'enhance[{JPEG_XL.extra}]'; or save it as PNG."
        )
    codecs: Any = import_module(RADIANCE.module)
    values = np.asarray(codecs.jpegxl_decode(path.read_bytes(), index=0))
    values = values[..., None] if values.ndim == 2 else values
    if found.animated:
        notes.append(f"the first frame of {path.name} is used")
    if found.bits > 8:
        notes.append(f"{found.bits} bits a channel were kept")
    if values.dtype == np.uint8 and found.bits == 8:
        return values
    if not found.floats:
        return (values / np.float64(2**found.bits - 1)).clip(0, 1).astype(np.float32)
    count = values.shape[-1] - (values.shape[-1] in (2, 4))
    parts = [unit(values[..., :count], str(path), white, notes)]
    if count < values.shape[-1]:
        parts.append(unit(values[..., count:], f"the alpha of {path}", None, []))
    return np.concatenate(parts, axis=-1)


def header(head: bytes) -> Header:
    """What the first bytes of a JPEG XL say.

    Example:
        >>> header(bytes.fromhex("ff0a41f00350b40808040100a002"))
        Header(bits=16, floats=False, orientation=1, animated=False)
    """
    bits = _Bits(_codestream(head))
    bits.size()
    if bits.read(1):  # all is as usual
        return Header()
    orientation, animated = 1, False
    if bits.read(1):
        orientation = 1 + bits.read(3)
        if bits.read(1):
            bits.size()
        if bits.read(1):
            bits.preview()
        animated = bool(bits.read(1))
        if animated:
            bits.animation()
    floats = bool(bits.read(1))
    depths = ((32, 0), (16, 0), (24, 0), (1, 6)) if floats else ((8, 0), (10, 0), (12, 0), (1, 6))
    return Header(bits.choose(depths), floats, orientation, animated)


def _codestream(head: bytes) -> bytes:
    """What follows the mark of the codestream, alone or in a box."""
    places = (0, head.find(b"jxlc") + 4, head.find(b"jxlp") + 8)
    return next((head[place + 2 : place + 202] for place in places if head[place : place + 2] == b"\xff\x0a"), b"\xff")


class _Bits:
    """The fields of a header, from the lowest bit of each byte on; zeros follow the last."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def read(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value

    def choose(self, choices: _Choices) -> int:
        """A number that is coded in one way or one of four: an offset and so many bits."""
        offset, count = choices[self.read(2) if len(choices) > 1 else 0]
        return offset + self.read(count)

    def size(self) -> None:
        self._sides(((1, 5),), _SIZES)

    def preview(self) -> None:
        self._sides(((16, 0), (32, 0), (1, 5), (33, 9)), ((1, 6), (65, 8), (321, 10), (1345, 12)))

    def animation(self) -> None:
        self.choose(((100, 0), (1000, 0), (1, 10), (1, 30)))
        self.choose(((1, 0), (1001, 0), (1, 8), (1, 10)))
        self.choose(((0, 0), (0, 3), (0, 16), (0, 32)))
        self.read(1)

    def _sides(self, eighths: _Choices, plain: _Choices) -> None:
        """Height, ratio, and width where the ratio is not given."""
        choices = eighths if self.read(1) else plain
        self.choose(choices)
        if not self.read(3):
            self.choose(choices)
