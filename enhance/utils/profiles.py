"""ICC profiles: what they call themselves, and pictures in sRGB through them, by littlecms."""

from __future__ import annotations

import hashlib
import io
import struct
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

HDR = {16: "PQ", 18: "HLG"}
"""Transfer functions of ITU-T H.273 for high dynamic range."""


def description(profile: bytes) -> str:
    """The description in an ICC profile.

    Example:
        >>> description(srgb_profile())
        'sRGB built-in'
    """
    try:
        found = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    except (ImageCms.PyCMSError, OSError, ValueError):
        return "unknown"
    return " ".join(found.split())[:60] or "unnamed"


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """The ICC profile of sRGB, the same bytes whenever it is made.

    Example:
        >>> srgb_profile()[16:20]
        b'RGB '
    """
    made = ImageCms.ImageCmsProfile(_srgb()).tobytes()
    return made[:24] + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + made[36:]


def is_srgb(profile: bytes) -> bool:
    """Whether a profile changes no colour by more than one of 255 levels.

    Example:
        >>> is_srgb(srgb_profile())
        True
    """
    return _same(hashlib.sha256(profile).digest(), profile)


def in_srgb(picture: Image.Image, profile: bytes) -> Image.Image | None:
    """The picture in sRGB, relative colorimetric with black point compensation; None if the profile is unusable.

    Example:
        >>> grey = Image.new("RGB", (1, 1), (90, 90, 90))
        >>> in_srgb(grey, srgb_profile()).getpixel((0, 0)), in_srgb(grey, b"no profile")
        ((90, 90, 90), None)
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(
            picture,
            source,
            _srgb(),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def rgb(picture: Image.Image) -> Image.Image:
    """The picture in RGB; in sRGB, where it has another profile of RGB.

    Example:
        >>> rgb(Image.new("L", (1, 1), 90)).getpixel((0, 0))
        (90, 90, 90)
    """
    profile, plain = picture.info.get("icc_profile") or b"", picture.convert("RGB")
    if profile[16:20] != b"RGB " or is_srgb(profile):
        return plain
    return in_srgb(plain, profile) or plain


def hdr_of(profile: bytes) -> str:
    """PQ or HLG, where an ICC profile says so by its tag `cicp` or by its name.

    Example:
        >>> hdr_of(srgb_profile())
        ''
    """
    place = profile.find(b"cicp", 132)
    if place > 0:
        (start,) = struct.unpack_from(">I", profile, place + 4) if place + 8 <= len(profile) else (0,)
        if profile[start : start + 4] == b"cicp" and len(profile) > start + 9 and profile[start + 9] in HDR:
            return HDR[profile[start + 9]]
    words = description(profile).upper().replace("-", " ").replace("_", " ").split()
    return next((name for name in HDR.values() if name in words), "")


@lru_cache(maxsize=64)
def _same(_digest: bytes, profile: bytes) -> bool:
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    grey = np.arange(256, dtype=np.uint8)
    if profile[16:20] == b"GRAY":
        asked, before = Image.fromarray(grey[None]), np.repeat(grey[None, :, None], 3, -1)
    else:
        before = np.concatenate([cube, np.repeat(grey[:, None], 3, -1)])[None]
        asked = Image.fromarray(before)
    after = in_srgb(asked, profile)
    return after is not None and int(np.abs(np.asarray(after).astype(int) - before).max()) <= 1


def _srgb() -> Any:
    return ImageCms.createProfile("sRGB")
