"""Samples as files and Pillow's images hold them, upright, with what is said of their colours."""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from enhance.images import jpegxl, kinds
from enhance.images.arrays import Array, ImageError
from enhance.images.colour import Colours, from_cmyk, from_lab, said_by
from enhance.images.depth import deep_tiff, rawmode, sixteen_bits
from enhance.images.floats import unit
from enhance.images.jpeg2000 import deep_jpeg2000
from enhance.images.netpbm import deep_netpbm
from enhance.images.scenes import of_exr, of_radiance
from enhance.images.suffixes import EXR, FORMATS, HEIC, JPEG_XL, RADIANCE, RAW

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTATION = 274


@dataclass
class Samples:
    """What was decoded.

    Attributes:
        values: uint8, uint16 or floats in [0, 1], (H, W, 1 to 4), upright, the last of 2 or 4 channels alpha.
        colours: what the file says of them.
        floats: whether they were stored in floating point, so that their white is a matter of `range`.
    """

    values: Array
    colours: Colours
    floats: bool = False


def decode(path: Path, notes: list[str], white: float | None = None) -> Samples:
    """The samples of a file; the conversions made are appended to the notes.

    Args:
        path: the file.
        notes: appended to.
        white: of floats, see `enhance.images.floats.unit`.

    Raises:
        ImageError: for a file that is no image, or of a kind that is not read.
        Exception: of any kind, by decoders, for a damaged file.
    """
    with path.open("rb") as stream:
        head = stream.read(kinds.HEAD)
    if reason := kinds.refusal(path, head):
        raise ImageError(reason)
    extra = kinds.needed(path, head)
    if extra is RAW:
        return _developed(path, notes)
    if extra is EXR:
        return Samples(*of_exr(path, white, notes), floats=True)
    if extra is RADIANCE:
        return Samples(*of_radiance(path, head, white, notes), floats=True)
    if (deep := deep_netpbm(path, head, white, notes)) is not None:
        notes.append("more than 8 bits a channel were kept")
        return Samples(deep, Colours(), floats=head[1:2] in b"fF")
    tiff = head[:4] in _TIFF_MAGIC
    if tiff and (found := deep_tiff(path, notes, white=white)) is not None:
        return Samples(found.values, Colours(found.profile), found.floats)
    try:
        opened = Image.open(path, formats=_formats(path, extra))
    except UnidentifiedImageError as error:
        rare = deep_tiff(path, notes, min_bytes=1) if tiff else None
        if rare is not None:
            return Samples(rare.values, Colours(rare.profile))
        raise ImageError(
            f"{path} is a TIFF that cannot be read: of a rare kind, or damaged; save it as PNG, or as grey or RGB."
            if tiff
            else kinds.unknown(path, head)
        ) from error
    with opened:
        if opened.format == "JXL" and not getattr(opened, "jpeg", False):  # else a JPEG in a new coat
            found = jpegxl.header(head)
            jpegxl.settle_orientation(opened, found, path.name, notes)
            if found.bits > 8 or found.animated:
                values = jpegxl.whole_jpeg_xl(path, found, white, notes)
                return Samples(values, said_by(opened), found.floats)
        return _of_opened(opened, path, head, notes)


def of_pillow(picture: Image.Image, name: str, notes: list[str], white: float | None = None) -> Samples:
    """The samples of an image that Pillow holds in memory, as those of a file.

    Raises:
        ImageError: for the 32-bit modes I and F, whose white is not known unless it is given.
    """
    if picture.mode in ("I", "F"):
        if white is None:
            raise ImageError(
                f"{name} is an image of Pillow's mode {picture.mode}, without a known range; name the value that is "
                "white, e.g. range=1, or convert it to RGB."
            )
        values = np.asarray(ImageOps.exif_transpose(picture))[..., None].astype(np.float64)
        return Samples(unit(values, name, white, notes), said_by(picture), floats=True)
    colours, raw = said_by(picture), rawmode(picture)
    _note_orientation(picture, notes)
    upright = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I;16"):
        return Samples(np.asarray(upright).astype(np.uint16)[..., None], colours)
    return Samples(_eight_bits(upright, name, raw, notes), _rgb_only(colours, picture))


def _of_opened(opened: Image.Image, path: Path, head: bytes, notes: list[str]) -> Samples:
    frames = getattr(opened, "n_frames", 1)
    if frames > 1:
        notes.append(f"the first of {frames} frames of {path.name} is used")
    raw, colours = rawmode(opened), said_by(opened, head)
    bits = _bits(opened.format or "", head) or int(opened.info.get("bit_depth", 0))  # the second of HEIC
    if opened.format == "JPEG2000" and bits > 8:
        notes.append(f"{bits} bits a channel were kept")
        return Samples(deep_jpeg2000(path, opened, head, bits), colours)
    _note_orientation(opened, notes)
    try:
        opened.load()
    except OSError as error:
        if opened.format not in ("JPEG", "MPO") or "truncated" not in str(error):
            raise
        opened = _without_end(path, error)
        notes.append(f"the end marker of {path.name} is missing; all of its pixels are there")
    deep = sixteen_bits(path, opened, raw)
    if deep is not None:
        notes.append("16 bits a channel were kept")
        return Samples(deep, colours)
    if opened.mode in ("I", "F"):
        raise ImageError(
            f"{path} holds signed, 32-bit or float samples in a compression that cannot be decoded; save it plain."
        )
    if bits > 8 or ";16" in raw:
        notes.append(f"the {max(bits, 10) if bits else 16} bits a channel of {path.name} were reduced to 8")
    values = _eight_bits(ImageOps.exif_transpose(opened), path.name, "", notes)
    return Samples(values, _rgb_only(colours, opened))


def _eight_bits(picture: Image.Image, name: str, raw: str, notes: list[str]) -> Array:
    """uint8 samples (H, W, 1 to 4)."""
    if ";16" in raw:
        notes.append(f"the 16 bits a channel of {name} were reduced to 8")
    if picture.mode == "CMYK":
        picture = from_cmyk(picture, name, notes)
    elif picture.mode == "LAB":
        picture = from_lab(picture, name, notes)
    transparent = picture.has_transparency_data
    if picture.mode in ("1", "L", "LA") and not (transparent and picture.mode != "LA"):
        picture = picture.convert("L") if picture.mode == "1" else picture
    else:
        picture = picture.convert("RGBA" if transparent else "RGB")
    values = np.asarray(picture)
    return values[..., None] if values.ndim == 2 else values


def _rgb_only(colours: Colours, picture: Image.Image) -> Colours:
    """Nothing of the colours of a mode whose conversion has used them already."""
    return Colours() if picture.mode in ("CMYK", "LAB") else colours


def _note_orientation(picture: Image.Image, notes: list[str]) -> None:
    if picture.getexif().get(_ORIENTATION, 1) in range(2, 9):
        notes.append("the EXIF orientation is honoured")


def _without_end(path: Path, error: OSError) -> Image.Image:
    """A JPEG whose end marker is missing, and nothing but that.

    Where pixels are missing, what the decoder makes of them depends on the bytes that follow; else it does not.
    """
    data = path.read_bytes().removesuffix(b"\xff")
    found = []
    for filler in (b"", b"\x55" * 64, b"\xaa" * 64):
        image = Image.open(io.BytesIO(data + filler + b"\xff\xd9"), formats=("JPEG", "MPO"))
        image.load()
        found.append(image)
    if any(np.any(np.asarray(found[0]) != np.asarray(other)) for other in found[1:]):
        raise error
    return found[0]


def _formats(path: Path, extra: Any) -> tuple[str, ...]:
    """Pillow's formats that a file may have."""
    if extra is HEIC:
        import_module(HEIC.module).register_heif_opener()
        return ("HEIF",)
    if extra is JPEG_XL:
        import_module(JPEG_XL.module)
        return ("JXL",)
    named = FORMATS.get(path.suffix.lower())
    wanted = {kind for kind in FORMATS.values() if kind != "TGA" or named == "TGA"}  # TGA has no mark to know it by
    if not wanted <= set(Image.OPEN):
        Image.init()
    return tuple(sorted(wanted & set(Image.OPEN), key=lambda kind: kind == "TGA"))


def _bits(kind: str, head: bytes) -> int:
    """Bits a sample of JPEG 2000 and AVIF, of which Pillow keeps 8; 0 of others."""
    if kind == "JPEG2000":
        place = head.find(b"\xff\x51")  # SIZ: 38 bytes before the first component's precision
        return (head[place + 40] & 0x7F) + 1 if 0 <= place < len(head) - 40 else 0
    if kind == "AVIF":
        place = head.find(b"av1C")
        flags = head[place + 6] if 0 <= place < len(head) - 6 else 0
        return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
    return 0


def _developed(path: Path, notes: list[str]) -> Samples:
    """A camera's RAW as LibRaw develops it with the camera's white balance, in sRGB."""
    rawpy = import_module(RAW.module)
    with rawpy.imread(str(path)) as raw:
        values = raw.postprocess(use_camera_wb=True, output_bps=16)
    notes.append(f"{path.name} is camera RAW and was developed with the camera's white balance")
    return Samples(values, Colours())
