"""Files and sample photographs as RGB tensors (1, 3, H, W) in [0, 1]; `Picture.notes` list the conversions made."""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from torch import Tensor

from enhance.images.arrays import MIN_SIDE, ImageError, from_array, require_size, resize, resized, to_array
from enhance.images.reading import Picture, from_pillow, read
from enhance.images.samples import SAMPLES, sample_file
from enhance.images.suffixes import readable
from enhance.images.writing import save_image
from enhance.utils.defaults import BACKGROUND
from enhance.utils.suggest import unknown

__all__ = [
    "MIN_SIDE",
    "SAMPLES",
    "ImageError",
    "Picture",
    "from_array",
    "from_pillow",
    "load_image",
    "open_picture",
    "picture_path",
    "read",
    "require_size",
    "resize",
    "resized",
    "sample",
    "save_image",
    "to_array",
]


def open_picture(
    name: str | os.PathLike[str],
    background: str = BACKGROUND,
    others: Iterable[str] = (),
    range: float | None = None,
    own: bool = False,
) -> Picture:
    """The picture in a file, or a sample by its name; a file that is named like a sample is opened as ./NAME.

    Args:
        name: of a sample or a file.
        background: the colour under transparent pixels, see `read`.
        others: further names that the caller accepts, for the suggestion in the message.
        range: of floats, the value that is white, see `read`.
        own: leave the image in the RGB values of its file, see `read`.

    Raises:
        ImageError: if there is no such sample or file, or the file cannot be read.

    Example:
        >>> open_picture("astronaut").image.shape
        torch.Size([1, 3, 512, 512])
    """
    if not isinstance(name, str | os.PathLike):
        raise ImageError(
            f"An image is named by its file or as a sample, got {type(name).__name__}; what is open or in memory is "
            "given to enhance.optimize as PIL.Image.open(...), an array or a tensor."
        )
    text = os.fspath(name)
    if text in SAMPLES:
        return sample(text, background)
    if "://" in text:
        raise ImageError(f"{text} is a URL, which only the lists and pairs of task=score may name; download it first.")
    if os.path.lexists(text) or os.path.lexists(os.path.expanduser(text)) or os.path.basename(text) != text:
        return read(text, background, range, own)
    if os.path.splitext(text)[1]:
        if close := get_close_matches(Path(text).stem.lower(), SAMPLES, n=1, cutoff=0.85):
            raise ImageError(f"There is no file {text}; did you mean the sample '{close[0]}'?")
        return read(text, background, range)
    raise ImageError(unknown("file or sample", text, [*others, *SAMPLES, *_images_here()]))


def picture_path(name: str | os.PathLike[str]) -> Path:
    """The file that `open_picture` reads for a name, whether it is there or not.

    Example:
        >>> picture_path("astronaut").name, picture_path("photos/a.jpg").name
        ('astronaut.png', 'a.jpg')
    """
    text = os.fspath(name)
    if text in SAMPLES:
        return Path(sample_file(text))
    return Path(text) if os.path.lexists(text) else Path(text).expanduser()


def sample(name: str, background: str = BACKGROUND) -> Picture:
    """A photograph that comes with scikit-image, by its name in `SAMPLES`.

    Raises:
        ImageError: for another name, or a background that is not a colour.

    Example:
        >>> sample("chelsea").image.shape
        torch.Size([1, 3, 300, 451])
    """
    if name not in SAMPLES:
        raise ImageError(unknown("sample", name, SAMPLES))
    picture = read(sample_file(name), background)
    return Picture(picture.image, name, path=picture.path)


def load_image(path: str | os.PathLike[str], background: str = BACKGROUND, range: float | None = None) -> Tensor:
    """The image in a file, or a sample by its name: (1, 3, H, W), float32 RGB in [0, 1]; see `read`.

    Example:
        >>> load_image("coffee").shape
        torch.Size([1, 3, 400, 600])
    """
    return open_picture(path, background, range=range).image


def _images_here() -> list[str]:
    try:
        return sorted(name for name in os.listdir() if name.lower().endswith(readable()))
    except OSError:
        return []
