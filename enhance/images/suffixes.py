"""Which image files there are, by the suffixes of their names; importing the table imports nothing else."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

FORMATS: dict[str, str] = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".mpo": "MPO",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".dib": "DIB",
    ".gif": "GIF",
    ".avif": "AVIF",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".pbm": "PPM",
    ".pnm": "PPM",
    ".pfm": "PPM",
    ".jp2": "JPEG2000",
    ".j2k": "JPEG2000",
    ".j2c": "JPEG2000",
    ".jpx": "JPEG2000",
    ".tga": "TGA",
    ".qoi": "QOI",
}
"""Pillow's name of the format by suffix."""

KINDS = "PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF, JPEG 2000, PPM, PGM and PFM, TGA and QOI"
"""What can be read, in words."""


class Extra(NamedTuple):
    """A kind of file that an optional library reads.

    Attributes:
        title: of the kind.
        module: that is imported.
        extra: of this package that installs it.
    """

    title: str
    module: str
    extra: str

    @property
    def installed(self) -> bool:
        """Whether the library is there."""
        return find_spec(self.module) is not None


HEIC = Extra("HEIC", "pillow_heif", "heic")
JPEG_XL = Extra("JPEG XL", "pillow_jxl", "jxl")
RAW = Extra("camera RAW", "rawpy", "raw")
EXR = Extra("OpenEXR", "OpenEXR", "hdr")
RADIANCE = Extra("Radiance HDR", "imagecodecs", "hdr")

RAW_SUFFIXES = (".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw")
EXTRAS: dict[str, Extra] = {
    ".heic": HEIC,
    ".heif": HEIC,
    ".hif": HEIC,
    ".jxl": JPEG_XL,
    ".exr": EXR,
    ".hdr": RADIANCE,
    **dict.fromkeys(RAW_SUFFIXES, RAW),
}
"""What an optional library reads, by suffix."""

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts"),
    *(".wmv", ".flv", ".ogv", ".3gp", ".mxf", ".ivf", ".y4m", ".nut"),
)
"""Videos, of which `task=score` compares two."""


def readable() -> tuple[str, ...]:
    """Suffixes of the files that can be read with what is installed.

    Example:
        >>> ".png" in readable()
        True
    """
    return (*FORMATS, *(suffix for suffix, extra in EXTRAS.items() if extra.installed))


def why_unread(suffix: str) -> str:
    """Why files of such a name are not read, in a few words.

    Example:
        >>> why_unread(".csv")
        'no images by their names'
    """
    if suffix.lower() in VIDEO_SUFFIXES:
        return "a video is compared with one other, reference=a.mp4 image=b.mp4"
    extra = EXTRAS.get(suffix.lower())
    return f"{extra.title}, read after pip install 'enhance[{extra.extra}]'" if extra else "no images by their names"
