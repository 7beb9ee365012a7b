"""ICC profiles, made from nothing."""

from __future__ import annotations

import struct

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141))
P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PROPHOTO = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))


def power(exponent: float) -> bytes:
    """A curve of one number."""
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(exponent * 256))


def table(exponent: float, count: int = 4096) -> bytes:
    """A curve of many numbers."""
    values = (np.linspace(0, 1, count) ** exponent * 65535).round().astype(">u2")
    return b"curv" + bytes(4) + struct.pack(">I", count) + values.tobytes()


def parametric(kind: int, *values: float) -> bytes:
    """A curve by its formula."""
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + b"".join(_fixed(value) for value in values)


def cube() -> bytes:
    """Tables from RGB to CIELAB that hold nothing but greys."""
    ramp, corners = bytes(range(256)) * 3, (sum(map(int, f"{place:03b}")) * 85 for place in range(8))
    matrix = b"".join(map(_fixed, (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    grid = b"".join(bytes((corner, 128, 128)) for corner in corners)
    return b"mft1" + bytes(4) + bytes((3, 3, 2, 0)) + matrix + ramp + grid + ramp


def profile(
    primaries: tuple[tuple[float, ...], ...] | None,
    curve: bytes,
    name: str = "made for a test",
    extra: dict[bytes, bytes] | None = None,
) -> bytes:
    """An RGB profile of three primaries, or a grey one of none; with `extra` tags."""
    said = name.encode() + b"\0"
    tags = [
        (b"desc", b"desc" + bytes(4) + struct.pack(">I", len(said)) + said + bytes(78)),
        (b"cprt", b"text" + bytes(4) + b"none\0"),
        (b"wtpt", b"XYZ " + bytes(4) + b"".join(map(_fixed, D50))),
    ]
    if primaries is None:
        tags.append((b"kTRC", curve))
    for letter, colour in zip("rgb", primaries or (), strict=False):
        tags.append((f"{letter}XYZ".encode(), b"XYZ " + bytes(4) + b"".join(map(_fixed, colour))))
        tags.append((f"{letter}TRC".encode(), curve))
    tags += (extra or {}).items()
    start, entries, data = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for key, value in tags:
        padded = value + bytes(-len(value) % 4)
        entries += key + struct.pack(">II", start + len(data), len(value))
        data += padded
    version, kind = (b"\4\x20", b"RGB ") if curve[:4] == b"para" else (b"\2\x20", b"RGB ")
    head = struct.pack(">I", start + len(data)) + bytes(4) + version + bytes(2) + b"mntr"
    head += (kind if primaries else b"GRAY") + (b"Lab " if b"A2B0" in (extra or {}) else b"XYZ ")
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp"
    return (head + bytes(28) + b"".join(map(_fixed, D50))).ljust(128, b"\0") + entries + data


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))
