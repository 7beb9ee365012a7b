"""What files say of their colours, and their samples in sRGB."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from enhance.images import spaces
from enhance.images.arrays import Array, ImageError
from enhance.images.spaces import Space
from enhance.utils.profiles import HDR, description, hdr_of, in_srgb, is_srgb

_PRIMARIES = {1: spaces.BT709, 9: spaces.BT2020, 12: spaces.DISPLAY_P3}
_CURVES = {8: spaces.gamma(1.0), 4: spaces.gamma(2.2), 13: spaces.srgb}
_USUAL = (1, 2, 6, 13, 14, 15)  # transfer functions whose pictures are shown as sRGB
_INTEROPERABILITY = 0xA005


@dataclass(frozen=True)
class Colours:
    """What a file says of its colours.

    Attributes:
        profile: an ICC profile, if any.
        space: what other tags describe, if they differ from sRGB.
        name: of the space, for notes.
        hdr: PQ or HLG of a picture in high dynamic range, else empty.
    """

    profile: bytes = b""
    space: Space | None = None
    name: str = ""
    hdr: str = ""


def said_by(opened: Image.Image, head: bytes = b"") -> Colours:
    """What a file that Pillow has opened says of its colours; `head` are its first bytes."""
    info = opened.info
    codes = _codes(opened.format or "", head) or _codes_of_heic(info)
    if codes and codes[1] in HDR:
        return Colours(hdr=HDR[codes[1]])
    profile = info.get("icc_profile") or b""
    if codes and codes[0] in _PRIMARIES and codes[1] in (*_CURVES, *_USUAL) and (codes[0] != 1 or codes[1] in (4, 8)):
        return Colours(
            space=spaces.of_chromaticities(_PRIMARIES[codes[0]], _CURVES.get(codes[1], spaces.srgb)),
            name=f"code points {codes[0]}/{codes[1]}",
        )
    if profile:
        return Colours(profile=profile, hdr=hdr_of(profile))
    if opened.format == "PNG" and "srgb" not in info and codes is None:
        return _of_png(info)
    if opened.format in ("JPEG", "MPO", "TIFF") and _is_adobe(opened):
        return Colours(space=spaces.of_chromaticities(spaces.ADOBE_RGB, spaces.gamma(2.19921875)), name="Adobe RGB")
    return Colours()


def to_srgb(values: Array, colours: Colours, name: str, notes: list[str]) -> Array:
    """Samples (H, W, 1 to 4) of a file in sRGB, the alpha as it was; a note says what was converted.

    Args:
        values: bytes, unsigned 16-bit integers or floats in [0, 1].
        colours: what the file says of them.
        name: of the file.
        notes: the conversions made are appended.

    Raises:
        ImageError: for a picture in high dynamic range.
    """
    if colours.hdr:
        raise ImageError(
            f"{name} is in high dynamic range ({colours.hdr}), for which [0, 1] has no meaning; tone-map it to sRGB "
            "first and save that."
        )
    if colours.space is not None:
        return _through(colours.space, values, colours.name, notes)
    return _through_profile(values, colours.profile, name, notes) if colours.profile else values


def own_srgb(colours: Colours) -> bytes:
    """The RGB profile that a file has of its own, where that is sRGB; else empty."""
    profile = colours.profile
    same = profile[16:20] == b"RGB " and not colours.hdr and colours.space is None
    return profile if same and is_srgb(profile) else b""


def from_cmyk(picture: Image.Image, name: str, notes: list[str]) -> Image.Image:
    """A CMYK image in RGB, converted with the colour profile that the file embeds, if any."""
    notes.append(f"{name} is CMYK and was converted to RGB")
    profile = picture.info.get("icc_profile") or b""
    if profile:
        if profile[16:20] == b"CMYK" and (made := in_srgb(picture, profile)) is not None:
            return made
        notes.append(f"the colour profile of {name} is damaged or not of CMYK; it was ignored")
    return picture.convert("RGB")


def from_lab(picture: Image.Image, name: str, notes: list[str]) -> Image.Image:
    """A CIELAB image in RGB."""
    notes.append(f"{name} is CIELAB and was converted to sRGB")
    srgb = ImageCms.createProfile("sRGB")
    made = ImageCms.profileToProfile(picture, ImageCms.createProfile("LAB"), srgb, outputMode="RGB")
    return made or picture.convert("RGB")


def _through_profile(values: Array, profile: bytes, name: str, notes: list[str]) -> Array:
    grey = values.shape[-1] < 3
    kind = profile[16:20]
    if kind not in (b"RGB ", b"GRAY") or (kind == b"GRAY" and not grey):
        notes.append(f"the colour profile of {name} does not fit its samples; it was ignored")
        return values
    if is_srgb(profile):
        return values
    space = spaces.of_profile(profile)
    if values.dtype != np.uint8 and space is not None:
        return _through(space, values, description(profile), notes)
    colours, alpha = _parted(values)
    if colours.dtype != np.uint8:
        notes.append(f"more than 8 bits of {name} were reduced to 8 for its colour profile, which holds tables")
        top = 1 if colours.dtype.kind == "f" else np.iinfo(colours.dtype).max
        colours = (colours.astype(np.float32) * np.float32(255 / top)).round().astype(np.uint8)
        alpha = (alpha.astype(np.float32) * np.float32(255 / top)).round().astype(np.uint8)
    if kind == b"RGB " and grey:
        colours = colours.repeat(3, -1)
    converted = in_srgb(Image.fromarray(colours.squeeze(-1) if colours.shape[-1] == 1 else colours), profile)
    if converted is None:
        notes.append(f"the colour profile of {name} is damaged; it was ignored")
        return values
    notes.append(_note(description(profile)))
    return np.concatenate([np.asarray(converted), alpha], axis=-1)


def _through(space: Space, values: Array, said: str, notes: list[str]) -> Array:
    colours, alpha = _parted(values)
    if len(space.curves) == 3 and colours.shape[-1] == 1:
        colours = colours.repeat(3, -1)
    top = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
    notes.append(_note(said))
    return np.concatenate([space.to_srgb(colours / top), (alpha / top).astype(np.float32)], axis=-1)


def _note(said: str) -> str:
    return f"its colours were converted to sRGB from their colour profile ({said})"


def _parted(values: Array) -> tuple[Array, Array]:
    """Colours and alpha, whose last axis is empty where there is none."""
    count = values.shape[-1] - (values.shape[-1] in (2, 4))
    return values[..., :count], values[..., count:]


def _codes(kind: str, head: bytes) -> tuple[int, int] | None:
    """Primaries and transfer function by the code points of ITU-T H.273 that a PNG or AVIF holds."""
    if kind == "PNG":
        place, end = head.find(b"\0\0\0\4cICP"), head.find(b"IDAT")
        found = head[place + 8 : place + 10] if place > 0 and (place < end or end < 0) else b""
        return (found[0], found[1]) if len(found) == 2 else None
    if kind == "AVIF":
        place = head.find(b"colrnclx")
        found = head[place + 8 : place + 12] if place > 0 else b""
        return struct.unpack(">HH", found) if len(found) == 4 else None  # type: ignore[return-value]
    return None


def _codes_of_heic(info: dict[Any, Any]) -> tuple[int, int] | None:
    """The same of a HEIC, as pillow-heif gives them."""
    found = info.get("nclx_profile")
    return (int(found["color_primaries"]), int(found["transfer_characteristics"])) if found else None


def _of_png(info: dict[Any, Any]) -> Colours:
    """The chunks gAMA and cHRM of a PNG."""
    exponent, primaries = info.get("gamma"), info.get("chromaticity")
    plain = exponent is None or abs(exponent - 1 / 2.2) < 0.02
    if not exponent and not primaries:
        return Colours()
    given = (
        list(zip(primaries[::2], primaries[1::2], strict=True)) if primaries and len(primaries) == 8 else spaces.BT709
    )
    usual = all(abs(x - u) + abs(y - v) < 0.004 for (x, y), (u, v) in zip(given, spaces.BT709, strict=True))
    if (plain and usual) or not all(y > 0 for _, y in given) or (exponent is not None and not 0.1 <= exponent <= 10):
        return Colours()
    curve = spaces.srgb if plain or not exponent else spaces.gamma(1 / exponent)
    try:
        return Colours(space=spaces.of_chromaticities(given, curve), name="gAMA and cHRM of the PNG")
    except np.linalg.LinAlgError:  # primaries on a line
        return Colours()


def _is_adobe(opened: Image.Image) -> bool:
    """Whether the EXIF data say Adobe RGB, as cameras do: interoperability index R03."""
    try:
        return opened.getexif().get_ifd(_INTEROPERABILITY).get(1, "") == "R03"
    except (OSError, ValueError, SyntaxError, KeyError, struct.error):
        return False
