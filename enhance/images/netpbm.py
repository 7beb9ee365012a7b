"""PPM and PGM of more than 8 bits and PFM, which Pillow reduces or takes for grey."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

from enhance.images.arrays import Array, ImageError
from enhance.images.floats import unit

_SPACE = rb"(?:\s|#[^\n]*\n)+"
_HEADER = re.compile(
    rb"(P[56fF])" + _SPACE + rb"(\d{1,9})" + _SPACE + rb"(\d{1,9})" + _SPACE + rb"([-+.\d]{1,20})(?:\s*#[^\n]*\n|\s)"
)
_CHANNELS = {b"P5": 1, b"P6": 3, b"Pf": 1, b"PF": 3}


def deep_netpbm(path: Path, head: bytes, white: float | None, notes: list[str]) -> Array | None:
    """Samples (H, W, 1 or 3) of a binary PGM or PPM of more than 8 bits, or a PFM; None of others.

    Returns:
        Floats in [0, 1].

    Args:
        path: the file.
        head: its first bytes.
        white: of a PFM, see `enhance.images.floats.unit`.
        notes: the conversions made are appended.

    Raises:
        ImageError: for a file that is cut short, or floats that `unit` refuses.
    """
    header = _HEADER.match(head)
    if header is None:
        return None
    kind, width, height, top = header[1], int(header[2]), int(header[3]), float(header[4])
    floats = kind.lower() == b"pf"
    if not width * height or not (floats or 255 < top < 65536):
        return None
    if Image.MAX_IMAGE_PIXELS and width * height > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError(f"{width * height} pixels")
    sort = np.dtype(("<" if top < 0 else ">") + ("f4" if floats else "u2"))
    count = width * height * _CHANNELS[kind]
    if path.stat().st_size - header.end() < count * sort.itemsize:
        raise ImageError(f"{path} cannot be read whole: the file is cut short.")
    values = np.fromfile(path, sort, count, offset=header.end()).reshape(height, width, _CHANNELS[kind])
    if not floats:
        return (values / np.float32(top)).clip(0, 1).astype(np.float32)
    return unit(values[::-1], str(path), white, notes)  # from the bottom row to the top one
