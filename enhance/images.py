"""Files <-> RGB tensors (1, 3, H, W) in [0, 1], and the sample photographs.

Whatever a file holds, what comes out is plain RGB; `Picture.notes` say what had to be done to it.
"""

from __future__ import annotations

import io
import os
import warnings
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import png
import tifffile
import torch
from PIL import Image, ImageCms, ImageColor, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional

from enhance.files import write_bytes
from enhance.samples import SAMPLES, sample_file
from enhance.suggest import unknown

Array = np.ndarray[Any, Any]

LEAST = 8  # pixels; what the measures take
_ORIENTATION = 0x0112
_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")


class ImageError(ValueError):
    """A picture that cannot be read, used or written; the message says how to mend it."""


@dataclass(frozen=True)
class Picture:
    """An image that was read.

    Attributes:
        image: (1, 3, H, W), float32 RGB in [0, 1].
        source: the file or the sample's name.
        notes: what was done to it, in sentences.
    """

    image: Tensor
    source: str
    notes: tuple[str, ...] = ()


def read(path: str | os.PathLike[str], background: str = "white") -> Picture:
    """Read a PNG, JPEG, WebP, TIFF, BMP or GIF file.

    Grey and palette images become RGB, transparent pixels are laid on `background`, 16 bits keep their precision, CMYK
    is converted with its colour profile, the EXIF orientation is honoured, and of several frames the first is taken.

    Args:
        path: the file.
        background: a colour, by name or as #rrggbb.

    Raises:
        ImageError: if there is no such file, or it is not an image that can be read whole.
    """
    path = Path(path)
    laid_on = _colour(background)
    _require_file(path)
    notes: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as opened:
                frames = getattr(opened, "n_frames", 1)
                if frames > 1:
                    notes.append(f"the first of {frames} frames of {path.name} is used")
                deep = _deep(path, opened)
                opened.load()
                pixels = _oriented(deep, opened, notes) if deep is not None else _eight_bits(opened, path, notes)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        limit = (Image.MAX_IMAGE_PIXELS or 0) / 1e6
        raise ImageError(
            f"{path} has more than {limit:.0f} million pixels, too many to open safely; reduce it first."
        ) from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path} is not an image; PNG, JPEG, WebP, TIFF, BMP and GIF can be read.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"{path} cannot be read whole: the file is damaged or cut short ({error}).") from error
    return Picture(from_array(_composited(pixels, laid_on, background, path, notes)), str(path), tuple(notes))


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise ImageError(f"{path} is a folder; name an image file in it.")
    if not path.exists():
        siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        near = get_close_matches(path.name, siblings, n=1, cutoff=0.6)
        raise ImageError(f"There is no file {path}" + (f"; did you mean {path.parent / near[0]}?" if near else "."))
    if not path.is_file():
        raise ImageError(f"{path} is not a regular file.")
    if not os.access(path, os.R_OK):
        raise ImageError(f"{path} may not be read; check its permissions.")
    if path.stat().st_size == 0:
        raise ImageError(f"{path} is empty.")


def _deep(path: Path, opened: Image.Image) -> Array | None:
    """Samples (H, W[, C]) in [0, 1] of a file with more than 8 bits a channel, which Pillow would cut; else None."""
    if opened.format == "PNG" and _png_depth(path) == 16:
        width, height, rows, facts = png.Reader(bytes=path.read_bytes()).read()
        values = np.vstack([np.frombuffer(row, dtype=np.uint16) for row in rows])
        return values.reshape(height, width, facts["planes"]).astype(np.float32) / 65535
    if opened.format == "TIFF":
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            if page.dtype is None or page.dtype.itemsize == 1:
                return None
            values = page.asarray()
            planar = getattr(page, "planarconfig", 1) == 2
        values = np.moveaxis(values, 0, -1) if planar and values.ndim == 3 else values
        top = np.iinfo(values.dtype).max if np.issubdtype(values.dtype, np.integer) else 1
        return np.clip(values.astype(np.float32) / top, 0, 1)
    return None


def _png_depth(path: Path) -> int:
    with path.open("rb") as stream:
        return stream.read(25)[24]


def _oriented(values: Array, opened: Image.Image, notes: list[str]) -> Array:
    notes.append("16 bits a channel were kept" if opened.format == "PNG" else "more than 8 bits a channel were kept")
    turns = {2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 1), 6: (False, 3), 7: (True, 3), 8: (False, 1)}
    orientation = opened.getexif().get(_ORIENTATION, 1)
    if orientation in turns:
        mirrored, quarters = turns[orientation]
        values = np.rot90(values[:, ::-1] if mirrored else values, quarters)
        notes.append("the EXIF orientation is honoured")
    return values


def _eight_bits(opened: Image.Image, path: Path, notes: list[str]) -> Array:
    """Samples (H, W, 3 or 4) in [0, 1] of everything that Pillow decodes."""
    picture = ImageOps.exif_transpose(opened)
    if opened.getexif().get(_ORIENTATION, 1) != 1:
        notes.append("the EXIF orientation is honoured")
    if picture.mode == "CMYK":
        notes.append(f"{path.name} is CMYK and was converted to RGB")
        picture = _from_cmyk(picture)
    elif picture.mode in ("I", "I;16", "F"):
        values = np.asarray(picture, dtype=np.float32)
        return np.clip(values / (65535 if picture.mode != "F" else 1), 0, 1)
    transparent = "A" in picture.getbands() or "transparency" in picture.info
    return np.asarray(picture.convert("RGBA" if transparent else "RGB"), dtype=np.float32) / 255


def _from_cmyk(picture: Image.Image) -> Image.Image:
    """Through the colour profile where the file carries one."""
    profile = picture.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            return converted or picture.convert("RGB")
        except ImageCms.PyCMSError:
            pass  # a damaged profile: fall back to the plain formula
    return picture.convert("RGB")


def _composited(values: Array, laid_on: tuple[float, ...], background: str, path: Path, notes: list[str]) -> Array:
    """Grey to RGB, and transparent pixels onto the background: (H, W), (H, W, 1..4) -> (H, W, 3)."""
    values = values[..., None] if values.ndim == 2 else values
    if values.ndim != 3 or values.shape[-1] > 4:
        raise ValueError(f"unexpected shape {values.shape}")
    alpha = values[..., -1:] if values.shape[-1] in (2, 4) else None
    colours = values[..., :3] if values.shape[-1] >= 3 else values[..., :1].repeat(3, axis=-1)
    if alpha is None or alpha.min() >= 1:
        return colours
    notes.append(f"the transparent pixels of {path.name} are laid on {background}")
    return colours * alpha + np.asarray(laid_on, dtype=np.float32) * (1 - alpha)


def _colour(background: str) -> tuple[float, ...]:
    try:
        return tuple(channel / 255 for channel in ImageColor.getcolor(background, "RGB"))  # type: ignore[union-attr]
    except ValueError as error:
        raise ImageError(
            f"background={background} is not a colour; name one (white, grey, ...) or write '#rrggbb'."
        ) from error


def open_picture(name: str | os.PathLike[str], background: str = "white") -> Picture:
    """Open a sample by its name, or a file.

    Raises:
        ImageError: if it is neither.
    """
    text = str(name)
    if text in SAMPLES:
        return sample(text)
    if not Path(text).exists() and not Path(text).suffix and Path(text).name == text:
        raise ImageError(unknown("file or sample", text, SAMPLES))
    return read(text, background)


def sample(name: str) -> Picture:
    """A photograph that comes with scikit-image.

    Raises:
        ImageError: for a name that is not in `SAMPLES`.
    """
    if name not in SAMPLES:
        raise ImageError(unknown("sample", name, SAMPLES))
    picture = read(sample_file(name))
    return Picture(picture.image, name)


def load_image(path: str | os.PathLike[str], background: str = "white") -> Tensor:
    """Read a file, or a sample by its name, as (1, 3, H, W), float32 RGB in [0, 1]; see `read`."""
    return open_picture(path, background).image


def save_image(image: Tensor, path: str | os.PathLike[str]) -> None:
    """Write an image with 8 bits a channel; the format follows from the name. The file appears whole or not at all.

    Args:
        image: (1, 3, H, W) or (3, H, W) in [0, 1].
        path: where to; missing folders are made.

    Raises:
        ImageError: for a wrong shape, NaN, an unknown suffix, or a folder that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise ImageError(f"Cannot tell the format of {path.name!r}; end the name in one of {', '.join(_SUFFIXES)}.")
    buffer = io.BytesIO()
    settings: dict[str, Any] = {"quality": 95, "subsampling": 0} if path.suffix.lower() in (".jpg", ".jpeg") else {}
    if path.suffix.lower() == ".webp":
        settings = {"lossless": True}
    Image.fromarray(to_array(image)).save(buffer, format=Image.registered_extensions()[path.suffix.lower()], **settings)
    try:
        write_bytes(path, buffer.getvalue())
    except OSError as error:
        raise ImageError(f"{path} cannot be written: {error.strerror or error}.") from error


def to_array(image: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """(1, 3, H, W) or (3, H, W) in [0, 1] -> bytes (H, W, 3), rounded to the nearest.

    Raises:
        ImageError: for another shape, or NaN.
    """
    single = image[0] if image.dim() == 4 and len(image) == 1 else image
    if single.dim() != 3 or single.shape[0] != 3:
        raise ImageError(f"An image to be written must be (1, 3, H, W) or (3, H, W), got {tuple(image.shape)}.")
    if torch.isnan(single).any():
        raise ImageError("An image to be written contains NaN.")
    return (single.detach().float().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def from_array(values: np.ndarray[Any, Any]) -> Tensor:
    """(H, W, 3) of bytes, 16-bit integers or floats in [0, 1] -> (1, 3, H, W), float32."""
    top = np.iinfo(values.dtype).max if np.issubdtype(values.dtype, np.integer) else 1
    scaled = values.astype(np.float32) / np.float32(top)
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(scaled, -1, 0)))[None]


def require_size(image: Tensor, name: str, least: int = LEAST) -> None:
    """Raise an ImageError if a side is shorter than `least` pixels."""
    height, width = image.shape[-2:]
    if min(height, width) < least:
        raise ImageError(f"{name} is {width} x {height} pixels; it must be at least {least} x {least}.")


def resize(image: Tensor, longer: int) -> Tensor:
    """Reduce an image so that its longer side is `longer` pixels, anti-aliased; smaller images stay as they are."""
    height, width = image.shape[-2:]
    if max(height, width) <= longer:
        return image
    size = [max(1, round(side * longer / max(height, width))) for side in (height, width)]
    return functional.interpolate(image, size=size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
