"""Image files and Pillow's images as RGB tensors: of any colour space, depth, orientation and transparency."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageFile
from torch import Tensor

from enhance.images.arrays import Array, ImageError, from_array
from enhance.images.colour import own_srgb, to_srgb
from enhance.images.decoding import Samples, decode, of_pillow
from enhance.images.floats import check_range, without_effect
from enhance.images.wide import Wide, wide_space
from enhance.utils.defaults import BACKGROUND
from enhance.utils.suggest import short


@dataclass(frozen=True)
class Picture:
    """An image that was read.

    Attributes:
        image: (1, 3, H, W), float32 RGB in [0, 1].
        source: the file or the sample's name.
        notes: the conversions made, in sentences.
        bits: 16 where the file holds more than 8 bits a channel, else 8.
        path: the file that was read; None for an image in memory.
        profile: the ICC profile of the file where that is sRGB, so that no colour was converted; else empty.
        wide: the space of the image, where it was left in that of its file; None: sRGB.
    """

    image: Tensor
    source: str
    notes: tuple[str, ...] = ()
    bits: int = 8
    path: Path | None = None
    profile: bytes = b""
    wide: Wide | None = None


def read(
    path: str | os.PathLike[str], background: str = BACKGROUND, range: float | None = None, own: bool = False
) -> Picture:
    """The picture in a file: PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF, JPEG 2000, PPM, PGM, PFM, TGA or QOI.

    With optional libraries HEIC, JPEG XL, camera RAW, and linear light in OpenEXR and Radiance HDR.

    Colours are converted to sRGB as the file describes them (ICC profiles with littlecms, relative colorimetric with
    black point compensation; code points, gamma and primaries), grey and palette images become RGB, transparent pixels
    are composited over `background`, 16 bits keep their precision, the EXIF orientation is applied, and the first of
    several frames is taken.

    Args:
        path: the file; a leading ~ is the home folder.
        background: a colour, by name or as #rrggbb.
        range: of floats, the value that is white; what lies outside [0, range] is clipped, which a note says. None:
            floats must lie in [0, 1]. Whole numbers have their own white.
        own: leave the image in the RGB values of its file where `wide_space` finds that it can keep its profile.

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
    check_range(range)
    path = _existing(Path(path))
    picture = _picture(lambda notes: decode(path, notes, range), str(path), laid_on, background, range, own)
    return replace(picture, path=path)


def from_pillow(
    picture: Image.Image,
    background: str = BACKGROUND,
    name: str = "image",
    range: float | None = None,
    own: bool = False,
) -> Picture:
    """An image of Pillow, read as a file is: orientation, colour profile, transparency and depth count alike.

    An image that Pillow has opened but not decoded is read from its file, with all of its bits; not so a frame beside
    the first, or a reduced `draft`.

    Args:
        picture: the image.
        background: a colour, by name or as #rrggbb.
        name: what messages call it.
        range: of the 32-bit modes I and F, the value that is white; see `read`.
        own: leave the image in its own RGB values, see `read`.

    Raises:
        ImageError: for those modes without `range`, and for a file that cannot be read.

    Example:
        >>> from_pillow(Image.new("L", (6, 4), 255)).image.shape
        torch.Size([1, 3, 4, 6])
    """
    file = getattr(picture, "filename", "")
    waits = isinstance(picture, ImageFile.ImageFile) and picture.tile and not picture.tell()
    if waits and file and os.path.isfile(file):
        found = read(file, background, range, own)
        if sorted(found.image.shape[-2:]) == sorted(picture.size):
            return found
    laid_on = _colour(background)
    check_range(range)
    return _picture(lambda notes: of_pillow(picture, name, notes, range), name, laid_on, background, range, own)


def from_values(values: Array, background: str = BACKGROUND, name: str = "image") -> Picture:
    """An array of sRGB, read as a file is: transparent pixels are laid on the background.

    Args:
        values: (H, W), or (H, W, 1 to 4), the last of 2 or 4 channels alpha: bytes, unsigned 16-bit integers, or floats
            in [0, 1].
        background: a colour, by name or as #rrggbb.
        name: what messages call it.

    Raises:
        ImageError: for another shape or type, NaN, or floats that do not lie in [0, 1].

    Example:
        >>> picture = from_values(np.zeros((6, 4, 4), np.uint8), "white", "drawing")
        >>> picture.image.mean().item(), picture.notes
        (1.0, ('the transparent pixels of drawing are laid on white',))
    """
    bits, notes = 8 if values.dtype == np.uint8 else 16, list[str]()
    if values.ndim != 3 or values.shape[-1] not in (2, 4):
        return Picture(from_array(values), name, bits=bits)
    for part in (values[..., :-1], values[..., -1:]):  # both are of a type and range that can be
        from_array(part)
    laid_on = _composited(values, _colour(background), background, name, notes)
    return Picture(from_array(laid_on), name, tuple(notes), bits)


def _picture(
    decoded: Callable[[list[str]], Samples],
    source: str,
    laid_on: tuple[float, ...],
    background: str,
    white: float | None,
    own: bool,
) -> Picture:
    """What was decoded, in sRGB or the file's own space, over the background."""
    notes: list[str] = []
    name = Path(source).name
    with _sentences(source):
        samples = decoded(notes)
        if white is not None and not samples.floats:
            notes.append(without_effect(white, name))
        bits = 8 if samples.values.dtype == np.uint8 else 16
        wide = wide_space(samples.values, samples.colours) if own else None
        values = samples.values if wide else to_srgb(samples.values, samples.colours, name, notes)
        image = from_array(_composited(values, laid_on, background, name, notes))
        return Picture(image, source, tuple(notes), bits, profile=own_srgb(samples.colours), wide=wide)


@contextmanager
def _sentences(source: str) -> Iterator[None]:
    """Whatever decoders raise becomes an ImageError of one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except ImageError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        pixels = re.search(r"\d+", str(error))
        raise ImageError(
            f"{source} has {int(pixels[0]) / 1e6 if pixels else 0:.4g} million pixels; at most "
            f"{(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.4g} million are opened, so that no file exhausts the memory: "
            "reduce it first, e.g. with `magick BIG.png -resize 4000x4000 SMALL.png`."
        ) from error
    except MemoryError as error:
        raise ImageError(f"{source} needs more memory than there is; reduce it first.") from error
    except Exception as error:  # decoders raise all kinds of errors on damaged files
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ImageError(f"{source} cannot be read whole: the file is damaged or cut short ({reason}).") from error


def _existing(path: Path) -> Path:
    """The path of a file with something in it, or an ImageError."""
    if not os.path.lexists(path):
        home = Path(os.path.expanduser(path))
        if home == path or not os.path.lexists(home):
            close = get_close_matches(path.name, _names(path.parent), n=1, cutoff=0.6)
            raise ImageError(
                f"There is no file {short(path)}" + (f"; did you mean {path.parent / close[0]}?" if close else ".")
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


def _composited(values: Array, laid_on: tuple[float, ...], background: str, name: str, notes: list[str]) -> Array:
    """Transparent pixels onto the background: (H, W), (H, W, 1 to 4) -> (H, W), (H, W, 1 or 3)."""
    if values.ndim == 2 or values.shape[-1] in (1, 3):
        return values
    top = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
    colours, alpha = values[..., :-1], values[..., -1:]
    if alpha.min() >= top:
        return colours
    notes.append(f"the transparent pixels of {name} are laid on {background}")
    share = alpha.astype(np.float32) / np.float32(top)
    return colours.astype(np.float32) / np.float32(top) * share + np.asarray(laid_on, dtype=np.float32) * (1 - share)


def _colour(background: str) -> tuple[float, ...]:
    try:
        return tuple(channel / 255 for channel in ImageColor.getrgb(background)[:3])
    except (ValueError, TypeError, AttributeError) as error:  # the last two if it is no string
        raise ImageError(
            f"background={background} is not a colour; name one (white, grey, ...) or write '#rrggbb'."
        ) from error
