"""Tensors to files."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from enhance.images.arrays import ImageError, to_array
from enhance.images.suffixes import FORMATS
from enhance.utils.files import sentence, write_bytes

_SETTINGS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "BMP": {},
}


def save_image(image: Tensor, path: str | os.PathLike[str]) -> None:
    """Write an image with 8 bits a channel, whole or not at all; the format follows from the suffix of the name.

    Args:
        image: (1, 3, H, W) or (3, H, W) in [0, 1].
        path: where to; missing folders are made. PNG, WebP, TIFF and BMP are lossless, JPEG is of quality 95.

    Raises:
        ImageError: for a wrong shape, NaN, an unknown suffix, or a folder that cannot be written.

    Example:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_image(torch.rand(1, 3, 16, 16), Path(folder) / "photo.png")
        ...     os.listdir(folder)
        ['photo.png']
    """
    path = Path(path)
    kind = FORMATS.get(path.suffix.lower(), "")
    if kind not in _SETTINGS:
        accepted = ", ".join(suffix for suffix, name in FORMATS.items() if name in _SETTINGS)
        raise ImageError(f"Cannot tell the format of {path.name!r}; end the name in one of {accepted}.")
    pixels = to_array(image)
    buffer = io.BytesIO()
    try:
        Image.fromarray(pixels).save(buffer, format=kind, **_SETTINGS[kind])
    except (OSError, ValueError) as error:
        raise ImageError(
            f"{kind} cannot hold an image of {pixels.shape[1]} x {pixels.shape[0]} pixels ({error}); write a PNG."
        ) from error
    try:
        write_bytes(path, buffer.getvalue())
    except OSError as error:
        raise ImageError(sentence(error)) from error
