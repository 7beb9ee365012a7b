"""JPEG 2000 of more than 8 bits a sample: Pillow reduces colour to 8 bits, and its rounding makes white black."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
from PIL import Image

from enhance.images.arrays import Array, ImageError
from enhance.images.suffixes import RADIANCE

_SRGB, _GREY = 16, 17  # enumerated colour spaces of ISO/IEC 15444-1


def deep_jpeg2000(path: Path, opened: Image.Image, head: bytes, bits: int) -> Array:
    """Samples (H, W, 1 to 4) in [0, 1], float32, of a file of more than 8 `bits`; `head` are its first bytes.

    Raises:
        ImageError: in colour, without the library that decodes it, or of a colour space other than RGB.
    """
    if opened.mode.startswith("I"):  # whose 16 bits Pillow keeps, shifted up to the top
        return (np.asarray(opened)[..., None] / np.float64((2**bits - 1) << (16 - bits))).clip(0, 1).astype(np.float32)
    if not RADIANCE.installed:
        raise ImageError(
            f"{path} is JPEG 2000 of {bits} bits a channel, read after pip install 'enhance[{RADIANCE.extra}]'; "
            "or save it as PNG of 16 bits."
        )
    space = _space(head)
    values = np.atleast_3d(import_module(RADIANCE.module).jpeg2k_decode(path.read_bytes()))
    if space not in (None, _SRGB, _GREY) or values.dtype.kind != "u" or values.shape[2] > 4:
        raise ImageError(f"{path} is JPEG 2000 of {bits} bits a channel, not in RGB; save it as PNG of 16 bits.")
    return (values / np.float64(2**bits - 1)).clip(0, 1).astype(np.float32)


def _space(head: bytes) -> int | None:
    """The enumerated colour space; None if there is none."""
    place = head.find(b"colr")
    box = head[place + 4 : place + 11]
    return int.from_bytes(box[3:7]) if place > 0 and box[:1] == b"\x01" else None
