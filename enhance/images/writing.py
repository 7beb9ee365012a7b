"""Tensors to files."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image
from torch import Tensor

from enhance.images import png
from enhance.images.arrays import Array, ImageError, to_array
from enhance.images.suffixes import FORMATS
from enhance.utils.files import sentence, write_bytes
from enhance.utils.profiles import srgb_profile

_SETTINGS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "BMP": {},
}
_SIXTEEN = ("PNG", "TIFF")
_PROFILED = ("PNG", "JPEG", "WEBP", "TIFF")


def save_image(image: Tensor, path: str | os.PathLike[str], bits: int = 8, profile: bytes = b"") -> None:
    """Write an image, whole or not at all; the format follows from the suffix of the name.

    The file says by a profile that its colours are sRGB, unless another is given; but for BMP, which has none.

    Args:
        image: (1, 3, H, W) or (3, H, W) in [0, 1].
        path: where to; missing folders are made. PNG, WebP, TIFF and BMP are lossless, JPEG is of quality 95.
        bits: of a channel: 8, or 16 in PNG and TIFF.
        profile: the ICC profile of the image's RGB values; empty: sRGB.

    Raises:
        ImageError: for a wrong shape, NaN, values outside [0, 1] by more than rounding, an unknown suffix, bits or a
            profile that the format does not have, or a folder that cannot be written.

    Example:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_image(torch.rand(1, 3, 16, 16), Path(folder) / "photo.png")
        ...     os.listdir(folder)
        ['photo.png']
    """
    if not isinstance(path, str | os.PathLike):
        raise ImageError(f"An image is written to a file ending in .png, got {type(path).__name__}; give its name.")
    path = Path(path)
    kind = FORMATS.get(path.suffix.lower(), "")
    if kind not in _SETTINGS:
        accepted = ", ".join(suffix for suffix, name in FORMATS.items() if name in _SETTINGS)
        raise ImageError(f"Cannot tell the format of {path.name!r}; end the name in one of {accepted}.")
    if bits != 8 and (bits != 16 or kind not in _SIXTEEN):
        raise ImageError(f"{kind} is not written with bits={bits}; PNG and TIFF take 8 or 16, others 8.")
    if profile and kind not in _PROFILED:
        raise ImageError(f"{kind} holds no colour profile; end the name in .png.")
    pixels = to_array(image, bits)
    try:
        data = _encoded(pixels, kind, profile)
    except (OSError, ValueError, struct.error) as error:
        raise ImageError(
            f"{kind} cannot hold an image of {pixels.shape[1]} x {pixels.shape[0]} pixels ({error}); write a PNG."
        ) from error
    try:
        write_bytes(path, data)
    except OSError as error:
        raise ImageError(sentence(error)) from error


def _encoded(pixels: Array, kind: str, given: bytes) -> bytes:
    profile = given or srgb_profile()
    buffer = io.BytesIO()
    if pixels.dtype == np.uint8:
        Image.fromarray(pixels).save(buffer, format=kind, **_SETTINGS[kind], icc_profile=profile)
    elif kind == "PNG":
        return png.encode(pixels, profile, *(["ICC profile"] if given else []))
    else:
        tifffile.imwrite(buffer, pixels, photometric="rgb", iccprofile=profile, metadata=None, software=False)
    return buffer.getvalue()
