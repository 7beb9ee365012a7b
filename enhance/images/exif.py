"""What a camera wrote into a picture's file, for a file that is made of it."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from PIL.ExifTags import IFD, Base

from enhance.images.png import with_exif
from enhance.utils.files import write_bytes

_ORIENTATION = Base.Orientation  # is honoured when a picture is read
_SIZES = (Base.ExifImageWidth, Base.ExifImageHeight)  # of the file it was taken from
_HEAD = b"Exif\0\0"


def exif_of(path: Path) -> bytes:
    """The EXIF data of a picture's file, without its orientation and size; empty where there is none.

    Example:
        >>> import io, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("RGB", (8, 8)).save(Path(folder) / "plain.png")
        ...     exif_of(Path(folder) / "plain.png")
        b''
    """
    try:
        with Image.open(path) as picture:
            found = picture.getexif()
    except OSError:  # a kind of file that Pillow does not read, such as RAW
        return b""
    found.pop(_ORIENTATION, None)
    for tag in _SIZES:
        found.get_ifd(IFD.Exif).pop(tag, None)
    return found.tobytes().removeprefix(_HEAD) if found else b""


def write_exif(path: Path, exif: bytes) -> None:
    """Put EXIF data into a PNG file.

    Raises:
        OSError: if it cannot be written.
    """
    write_bytes(path, with_exif(path.read_bytes(), exif))
