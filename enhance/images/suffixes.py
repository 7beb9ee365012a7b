"""Which image files there are, by the suffixes of their names; importing the table imports nothing else."""

from __future__ import annotations

FORMATS: dict[str, str] = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".gif": "GIF",
}
"""Pillow's name of the format by suffix."""

READABLE: tuple[str, ...] = tuple(FORMATS)
"""Suffixes of the files that can be read."""
