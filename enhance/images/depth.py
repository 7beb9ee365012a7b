"""Images of high bit depth, which Pillow alone cuts to 8 bits: 16-bit PNG, and TIFF of 16 bits, 32 bits or floats."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageOps

from enhance.images.arrays import Array, ImageError

# the byte order that makes Pillow keep the other byte, for each byte order of a raw mode
_OTHER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB = 0, 1, 2
_PHOTOMETRIC = 262
_ORIENTATION = 274
_PROFILE = 34675
_TURNS = {2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 1), 6: (False, 3), 7: (True, 3), 8: (False, 1)}


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


def deep_tiff(path: Path, notes: list[str], min_bytes: int = 2) -> tuple[Array, bytes] | None:
    """Samples (H, W, 1 to 4) in [0, 1] of a grey or RGB TIFF, upright, alpha not premultiplied.

    Args:
        path: a TIFF.
        notes: the conversions made are appended.
        min_bytes: files with fewer bytes a sample are left to Pillow.

    Returns:
        The samples and the ICC profile, if any, or None where Pillow should read the file.

    Raises:
        ImageError: for floats outside [0, 1], complex numbers, more than two dimensions, or too many pixels.
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
            if "imagecodecs" in str(error):  # a compression that Pillow may know
                return None
            raise
        if len(file.pages) > 1:
            notes.append(f"the first of {len(file.pages)} frames of {path.name} is used")
        orientation = int(getattr(page.tags.get(_ORIENTATION), "value", 1))
        profile = getattr(page.tags.get(_PROFILE), "value", b"")
    values = np.moveaxis(values, 0, -1) if page.axes == "SYX" else np.atleast_3d(values)
    values = _unit(path, values, int(page.bitspersample))
    values = 1 - values if page.photometric == _MIN_IS_WHITE else values
    if page.dtype.itemsize > 1:
        notes.append("more than 8 bits a channel were kept")
    if orientation in _TURNS:
        values = upright(values, orientation)
        notes.append("the EXIF orientation is honoured")
    extra = tuple(int(kind) for kind in page.extrasamples)
    return _channels(values, 3 if page.photometric == _RGB else 1, extra), bytes(profile)


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


def _unit(path: Path, values: Array, bits: int) -> Array:
    """Samples scaled to [0, 1], float32; integers have `bits` bits."""
    if values.dtype.kind in "ui":
        top = 2 ** (bits - (values.dtype.kind == "i")) - 1
        return (values.astype(np.float64) / top).clip(0, 1).astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if np.isnan(low):
        raise ImageError(f"{path} contains NaN; replace it by numbers.")
    if not (low >= -1e-3 and high <= 1.001):
        raise ImageError(
            f"{path} holds floats in [{low:.4g}, {high:.4g}]; floats must lie in [0, 1]: rescale or save integers."
        )
    return values.astype(np.float32).clip(0, 1)


def _channels(values: Array, colours: int, extra: tuple[int, ...]) -> Array:
    """The colours, and alpha if the first of the extra samples is alpha: kind 1 is premultiplied, 2 is not."""
    if not extra or extra[0] not in (1, 2):
        return values[..., :colours]
    values = values[..., : colours + 1]
    if extra[0] == 2:
        return values
    alpha = values[..., -1:]
    plain = np.divide(values[..., :-1], alpha, out=np.zeros_like(values[..., :-1]), where=alpha > 0).clip(0, 1)
    return np.concatenate([plain, alpha], axis=-1)


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
