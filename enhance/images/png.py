"""PNG of 16 bits a channel, which Pillow cannot write."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from enhance.images.arrays import Array

_UP = 2  # filter: each row as its difference from the one above


def encode(values: Array, profile: bytes, name: str = "sRGB") -> bytes:
    """uint16 samples (H, W, 3) as a PNG with an ICC profile.

    Example:
        >>> encode(np.zeros((2, 3, 3), np.uint16), b"profile")[:8]
        b'\\x89PNG\\r\\n\\x1a\\n'
    """
    height, width, _ = values.shape
    rows = np.ascontiguousarray(values, ">u2").view(np.uint8).reshape(height, -1)
    above = np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.concatenate([np.full((height, 1), _UP, np.uint8), rows - above], axis=1)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, content)
        for kind, content in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)),
            (b"iCCP", name.encode("latin-1") + b"\0\0" + zlib.compress(profile)),
            (b"IDAT", zlib.compress(filtered.tobytes())),
            (b"IEND", b""),
        )
    )


def with_exif(data: bytes, exif: bytes) -> bytes:
    """A PNG file with EXIF data, which begin with the order of their bytes."""
    after = 8 + 25  # the signature and the header
    return data[:after] + _chunk(b"eXIf", exif) + data[after:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
