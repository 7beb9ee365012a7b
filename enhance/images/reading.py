"""Image files as RGB tensors: grey, palette, CMYK, transparent, 16-bit, rotated and multi-frame files included."""

from __future__ import annotations

import io
import os
import re
import warnings
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageColor, ImageOps, UnidentifiedImageError
from torch import Tensor

from enhance.images.arrays import Array, ImageError, from_array
from enhance.images.depth import deep_tiff, rawmode, sixteen_bits
from enhance.images.suffixes import FORMATS
from enhance.utils.suggest import short

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTATION = 274


@dataclass(frozen=True)
class Picture:
    """An image that was read.

    Attributes:
        image: (1, 3, H, W), float32 RGB in [0, 1].
        source: the file or the sample's name.
        notes: the conversions made, in sentences.
    """

    image: Tensor
    source: str
    notes: tuple[str, ...] = ()


def read(path: str | os.PathLike[str], background: str = "white") -> Picture:
    """The picture in a PNG, JPEG, WebP, TIFF, BMP or GIF file.

    Grey and palette images become RGB, transparent pixels are composited over `background`, 16 bits keep their
    precision, CMYK is converted with its colour profile, the EXIF orientation is applied, and the first of several
    frames is taken.

    Args:
        path: the file; a leading ~ is the home folder.
        background: a colour, by name or as #rrggbb.

    Raises:
        ImageError: if there is no such file, or it is not an image that can be read whole.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "grey.png"
        ...     Image.new("L", (6, 4), 128).save(file)
        ...     read(file).image.shape
        torch.Size([1, 3, 4, 6])
    """
    laid_on = _colour(background)
    path = _existing(Path(path))
    notes: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            values = _decoded(path, notes)
        image = from_array(_composited(values, laid_on, background, path, notes))
    except ImageError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        pixels = re.search(r"\d+", str(error))
        raise ImageError(
            f"{path} has {int(pixels[0]) / 1e6 if pixels else 0:.4g} million pixels; at most "
            f"{(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.4g} million are opened, lest a file exhaust the memory: reduce it "
            "first, e.g. with `magick BIG.png -resize 4000x4000 SMALL.png`."
        ) from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path} is not an image; PNG, JPEG, WebP, TIFF, BMP and GIF can be read.") from error
    except MemoryError as error:
        raise ImageError(f"{path} needs more memory than there is; reduce it first.") from error
    except Exception as error:  # decoders raise all kinds of errors on damaged files
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ImageError(f"{path} cannot be read whole: the file is damaged or cut short ({reason}).") from error
    return Picture(image, str(path), tuple(notes))


def _existing(path: Path) -> Path:
    """The path of a file with something in it, or an ImageError."""
    if not os.path.lexists(path):
        home = Path(os.path.expanduser(path))
        if home == path or not os.path.lexists(home):
            near = get_close_matches(path.name, _names(path.parent), n=1, cutoff=0.6)
            raise ImageError(
                f"There is no file {short(path)}" + (f"; did you mean {path.parent / near[0]}?" if near else ".")
            )
        path = home
    if os.path.isdir(path):
        raise ImageError(f"{path} is a folder; name an image file in it.")
    if not os.path.isfile(path):
        dangling = path.is_symlink() and not os.path.exists(path)
        raise ImageError(f"{path} is " + ("a link to nothing." if dangling else "not a regular file."))
    if not os.access(path, os.R_OK):
        raise ImageError(f"{path} may not be read; check its permissions.")
    if path.stat().st_size == 0:
        raise ImageError(f"{path} is empty.")
    return path


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (OSError, ValueError):
        return []


def _decoded(path: Path, notes: list[str]) -> Array:
    """Samples of a file, upright: uint8, uint16 or floats in [0, 1], (H, W) or (H, W, 1 to 4)."""
    with path.open("rb") as stream:
        tiff = stream.read(4) in _TIFF_MAGIC
    deep = deep_tiff(path, notes) if tiff else None
    if deep is not None:
        return deep
    try:
        opened = Image.open(path, formats=tuple(set(FORMATS.values())))
    except UnidentifiedImageError as error:
        rare = deep_tiff(path, notes, min_bytes=1) if tiff else None
        if tiff and rare is None:
            raise ImageError(
                f"{path} is a TIFF that cannot be read: of a rare kind, or damaged; save it as PNG, or as grey or RGB."
            ) from error
        if rare is None:
            raise
        return rare
    with opened:
        frames = getattr(opened, "n_frames", 1)
        if frames > 1:
            notes.append(f"the first of {frames} frames of {path.name} is used")
        raw = rawmode(opened)
        if opened.getexif().get(_ORIENTATION, 1) in range(2, 9):
            notes.append("the EXIF orientation is honoured")
        opened.load()
        deep = sixteen_bits(path, opened, raw)
        if deep is not None:
            notes.append("16 bits a channel were kept")
            return deep
        return _eight_bits(ImageOps.exif_transpose(opened), path, raw, notes)


def _eight_bits(picture: Image.Image, path: Path, raw: str, notes: list[str]) -> Array:
    """uint8 samples (H, W, 3 or 4)."""
    if picture.mode in ("I", "F"):
        raise ImageError(
            f"{path} holds signed, 32-bit or float samples in a compression that cannot be decoded; save it plain."
        )
    if ";16" in raw:
        notes.append(f"the 16 bits a channel of {path.name} were reduced to 8")
    if picture.mode == "CMYK":
        notes.append(f"{path.name} is CMYK and was converted to RGB")
        picture = _from_cmyk(picture)
    transparent = "A" in picture.getbands() or "a" in picture.getbands() or "transparency" in picture.info
    return np.asarray(picture.convert("RGBA" if transparent else "RGB"))


def _from_cmyk(picture: Image.Image) -> Image.Image:
    """A CMYK image in RGB, converted with the colour profile that the file embeds, if any."""
    profile = picture.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            return converted or picture.convert("RGB")
        except (ImageCms.PyCMSError, OSError):
            pass  # a damaged profile: fall back to the plain formula
    return picture.convert("RGB")


def _composited(values: Array, laid_on: tuple[float, ...], background: str, path: Path, notes: list[str]) -> Array:
    """Transparent pixels onto the background: (H, W), (H, W, 1 to 4) -> (H, W), (H, W, 1 or 3)."""
    if values.ndim == 2 or values.shape[-1] in (1, 3):
        return values
    top = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
    colours, alpha = values[..., :-1], values[..., -1:]
    if alpha.min() >= top:
        return colours
    notes.append(f"the transparent pixels of {path.name} are laid on {background}")
    share = alpha.astype(np.float32) / np.float32(top)
    return colours.astype(np.float32) / np.float32(top) * share + np.asarray(laid_on, dtype=np.float32) * (1 - share)


def _colour(background: str) -> tuple[float, ...]:
    try:
        return tuple(channel / 255 for channel in ImageColor.getrgb(background)[:3])
    except (ValueError, TypeError, AttributeError) as error:  # the last two if it is no string
        raise ImageError(
            f"background={background} is not a colour; name one (white, grey, ...) or write '#rrggbb'."
        ) from error
