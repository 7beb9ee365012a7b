"""Images of high bit depth, which Pillow alone cuts to 8 bits: 16-bit PNG, and TIFF of 16 bits, 32 bits or floats."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from PIL import Image, ImageOps

from enhance.images.arrays import Array, ImageError
from enhance.images.floats import unit

# the byte order that makes Pillow keep the other byte, for each byte order of a raw mode
_OTHER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB = 0, 1, 2
_PREMULTIPLIED, _STRAIGHT = 1, 2  # kinds of extra samples that are alpha
_PHOTOMETRIC = 262
_ORIENTATION = 274
_PROFILE = 34675
_TURNS = {2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 1), 6: (False, 3), 7: (True, 3), 8: (False, 1)}


class Deep(NamedTuple):
    """Samples of a TIFF.

    Attributes:
        values: (H, W, 1 to 4) in [0, 1], float32.
        profile: the ICC profile; empty if there is none.
        floats: whether the file holds floats.
    """

    values: Array
    profile: bytes
    floats: bool


def rawmode(opened: Image.Image) -> str:
    """Pillow's raw mode of a file that is opened but not loaded, e.g. `RGB;16B`; empty if there are none or several."""
    modes = {str(tile[3][0] if isinstance(tile[3], tuple) else tile[3]) for tile in getattr(opened, "tile", [])}
    return modes.pop() if len(modes) == 1 else ""


def sixteen_bits(path: Path, opened: Image.Image, raw: str) -> Array | None:
    """uint16 samples (H, W[, C]) of a file that Pillow opened, upright; None if it has 8 bits or is of another kind.

    Pillow keeps one byte of each 16-bit sample. Which one follows from the raw mode, so both are read, one at a time.
    """
    kind, _, order = raw.partition(";16")
    if raw == "LA;16B":  # as long as RGBA of 8 bits
        values = np.ascontiguousarray(_decoded(path, "RGBA")).view(">u2").astype(np.uint16)
    elif kind in ("RGB", "RGBA", "RGBX") and order in _OTHER:
        high = np.asarray(ImageOps.exif_transpose(opened)).astype(np.uint16)
        values = high << 8 | _decoded(path, f"{kind};16{_OTHER[order]}")
    elif opened.mode.startswith("I;16") or (opened.mode == "I" and opened.format in ("PNG", "PPM")):
        values = np.asarray(ImageOps.exif_transpose(opened)).astype(np.uint16)
        if getattr(opened, "tag_v2", {}).get(_PHOTOMETRIC) == _MIN_IS_WHITE:
            values = 65535 - values
    else:
        return None
    values = values[..., None] if values.ndim == 2 else values
    clear = opened.info.get("transparency")  # the one colour of a PNG that is transparent
    if clear is not None and values.shape[-1] in (1, 3):
        shown = (values != np.asarray(clear, dtype=np.uint16)).any(-1, keepdims=True)
        values = np.concatenate([values, shown.astype(np.uint16) * 65535], axis=-1)
    return values


def _decoded(path: Path, raw: str) -> Array:
    """Bytes (H, W, C) of a file decoded as if its samples lay as `raw` says, upright."""
    with Image.open(path) as opened:
        tiles: list[Any] = getattr(opened, "tile", [])
        for place, tile in enumerate(tiles):
            arguments = (raw, *tile[3][1:]) if isinstance(tile[3], tuple) else raw
            tiles[place] = tile._replace(args=arguments)
        opened.load()
        return np.asarray(ImageOps.exif_transpose(opened))


def deep_tiff(path: Path, notes: list[str], min_bytes: int = 2, white: float | None = None) -> Deep | None:
    """Samples (H, W, 1 to 4) in [0, 1] of a grey or RGB TIFF, upright, alpha not premultiplied.

    Args:
        path: a TIFF.
        notes: the conversions made are appended.
        min_bytes: files with fewer bytes a sample are left to Pillow.
        white: of floats, see `enhance.images.floats.unit`.

    Returns:
        None where Pillow should read the file.

    Raises:
        ImageError: for floats that `unit` refuses, complex numbers, more than two dimensions, or too many pixels.
    """
    with _quiet(), _opened(path) as file:
        if file is None:
            return None
        page: Any = file.pages[0]
        if not _is_deep(page, min_bytes):
            return None
        _require_flat(path, page)
        try:
            values = page.asarray()
        except ValueError as error:
            if "imagecodecs" in str(error):  # a compression that Pillow may have
                return None
            raise
        if len(file.pages) > 1:
            notes.append(f"the first of {len(file.pages)} frames of {path.name} is used")
        orientation = int(getattr(page.tags.get(_ORIENTATION), "value", 1))
        profile = getattr(page.tags.get(_PROFILE), "value", b"")
    values = np.moveaxis(values, 0, -1) if page.axes == "SYX" else np.atleast_3d(values)
    values = _unit(path, values, page, white, notes)
    if page.dtype.itemsize > 1:
        notes.append("more than 8 bits a channel were kept")
    if orientation in _TURNS:
        values = upright(values, orientation)
        notes.append("the EXIF orientation is honoured")
    return Deep(values, bytes(profile), page.dtype.kind == "f")


def upright(values: Array, orientation: int) -> Array:
    """Samples (H, W, C) turned and mirrored as an EXIF orientation of 1 to 8 says."""
    if orientation not in _TURNS:
        return values
    mirrored, quarters = _TURNS[orientation]
    return np.rot90(values[:, ::-1] if mirrored else values, quarters)


def _is_deep(page: Any, min_bytes: int) -> bool:
    """Whether a TIFF's page is grey or RGB of at least so many bytes a sample."""
    if page.dtype is None or page.dtype.kind == "b" or page.dtype.itemsize < min_bytes:
        return False
    return page.photometric in (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB)


def _require_flat(path: Path, page: Any) -> None:
    """Raise an error unless a page is two-dimensional, of real numbers, and of a size that may be decoded."""
    if page.axes not in ("YX", "YXS", "SYX") or page.dtype.kind not in "uif" or not page.size:
        raise ImageError(f"{path} is not a flat picture but holds {page.dtype} of shape {page.shape}; export one.")
    pixels = max(page.imagewidth * page.imagelength, page.size // 8)
    if Image.MAX_IMAGE_PIXELS and pixels > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError(f"{pixels} pixels")


def _unit(path: Path, values: Array, page: Any, white: float | None, notes: list[str]) -> Array:
    """Colours, and alpha if the first of the extra samples is that, in [0, 1], float32; `white` is that of floats.

    Colours multiplied by alpha, whose extra sample is of kind 1, are divided by it before they are clipped.
    """
    count = 3 if page.photometric == _RGB else 1
    kind = next(iter(page.extrasamples), 0)
    floats = values.dtype.kind == "f"
    if not floats:
        values = values / np.float64(2 ** (int(page.bitspersample) - (values.dtype.kind == "i")) - 1)
    colours, alpha = values[..., :count], values[..., count : count + 1]
    if kind == _PREMULTIPLIED:
        colours = np.divide(colours, alpha, out=np.zeros_like(colours), where=alpha > 0)
    parts = [unit(colours, str(path), white, notes) if floats else colours]
    if kind in (_PREMULTIPLIED, _STRAIGHT):
        parts.append(unit(alpha, f"the alpha of {path}", None, []) if floats else alpha)
    parts = [part.clip(0, 1).astype(np.float32) for part in parts]
    if page.photometric == _MIN_IS_WHITE:
        parts[0] = 1 - parts[0]
    return np.concatenate(parts, axis=-1)


@contextmanager
def _opened(path: Path) -> Iterator[tifffile.TiffFile | None]:
    """The file, or None if tifffile cannot make out its structure."""
    try:
        file = tifffile.TiffFile(path)
    except Exception:  # tifffile raises all kinds of errors on damaged files
        yield None
        return
    with file:
        yield file


@contextmanager
def _quiet() -> Iterator[None]:
    """A context without tifffile's log: the exception already says what is wrong with a damaged file."""
    log = logging.getLogger("tifffile")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(before)
