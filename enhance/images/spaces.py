"""RGB and grey colour spaces of a matrix and curves, in numbers: what littlecms does with 8 bits, for any depth."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Curve = Callable[[Array], Array]

# Columns: the primaries of sRGB in XYZ under D50, as its profiles hold them.
_SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
_D50 = np.array([0.96422, 1.0, 0.82521])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

Chromaticities = Sequence[tuple[float, float]]  # of white, red, green, blue
D65 = (0.3127, 0.3290)
BT709: Chromaticities = (D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
DISPLAY_P3: Chromaticities = (D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
BT2020: Chromaticities = (D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
ADOBE_RGB: Chromaticities = (D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))


@dataclass(frozen=True)
class Space:
    """A colour space.

    Attributes:
        curves: from samples in [0, 1] to linear light, one for each channel.
        matrix: (3, 3), from linear RGB to XYZ under D50; None: grey.
    """

    curves: tuple[Curve, ...]
    matrix: Array | None

    def to_srgb(self, values: Array) -> Array:
        """Samples (H, W, 1 or 3) in [0, 1] as samples of sRGB, float32, clipped to [0, 1]; black becomes black.

        Example:
            >>> float(Space((gamma(1.0),), None).to_srgb(np.full((1, 1, 1), 0.2140411)).round(4).squeeze())
            0.5
        """
        linear = np.stack(
            [curve(values[..., place].astype(np.float64)) for place, curve in enumerate(self.curves)], axis=-1
        )
        black = np.array([float(curve(np.zeros(1))[0]) for curve in self.curves])
        if self.matrix is not None:
            linear, black = linear @ (np.linalg.inv(_SRGB) @ self.matrix).T, self.matrix[1] @ black
        luminance = float(np.squeeze(black))
        if 0 < luminance < 0.5:  # black point compensation
            linear = (linear - luminance) / (1 - luminance)
        return _encoded(linear.clip(0, 1)).astype(np.float32)


def of_chromaticities(chromaticities: Chromaticities, curve: Curve) -> Space:
    """The space of those primaries and white, adapted to D50 (Bradford)."""
    if np.allclose(chromaticities, BT709, atol=1e-4):  # those of sRGB, to the last digit
        return Space((curve,) * 3, _SRGB)
    white, *primaries = ([x / y, 1.0, (1 - x - y) / y] for x, y in chromaticities)
    columns = np.array(primaries).T
    matrix = columns * np.linalg.solve(columns, np.array(white))
    cones = (_BRADFORD @ _D50) / (_BRADFORD @ np.array(white))
    return Space((curve,) * 3, np.linalg.inv(_BRADFORD) @ (cones[:, None] * _BRADFORD) @ matrix)


def of_profile(profile: bytes) -> Space | None:
    """The space of an ICC profile of RGB or grey; None if it has tables in place of a matrix, or is damaged."""
    try:
        tags = _tags(profile)
        if b"A2B0" in tags or b"A2B1" in tags:
            return None
        if profile[16:20] == b"GRAY":
            return Space((_curve(tags[b"kTRC"]),), None)
        curves = tuple(_curve(tags[letter + b"TRC"]) for letter in (b"r", b"g", b"b"))
        columns = [_fixed(tags[letter + b"XYZ"], 8, 3) for letter in (b"r", b"g", b"b")]
    except (KeyError, struct.error, ValueError, IndexError):
        return None
    return Space(curves, np.array(columns).T)


def gamma(exponent: float) -> Curve:
    """The power law."""
    return lambda values: values**exponent


def srgb(values: Array) -> Array:
    """Linear light of samples of sRGB."""
    return np.where(values <= 0.04045, values / 12.92, ((values.clip(0) + 0.055) / 1.055) ** 2.4)


def _encoded(linear: Array) -> Array:
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * place) for place in range(min(count, 200)))
    return {name: profile[start : start + size] for name, start, size in entries}


def _fixed(tag: bytes, start: int, count: int) -> list[float]:
    return [value / 65536 for value in struct.unpack_from(f">{count}i", tag, start)]


def _curve(tag: bytes) -> Curve:
    """A tone curve of type `curv` or `para`.

    Raises:
        ValueError: for another type.
    """
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count <= 1:
            return gamma(struct.unpack_from(">H", tag, 12)[0] / 256 if count else 1.0)
        table = np.frombuffer(tag, ">u2", count, 12) / 65535
        return lambda values: np.interp(values, np.linspace(0, 1, count), table)
    if tag[:4] != b"para":
        raise ValueError(f"a curve of type {tag[:4]!r}")
    (kind,) = struct.unpack_from(">H", tag, 8)
    g, *rest = _fixed(tag, 12, (1, 3, 4, 5, 7)[kind])
    a, b, c, d, e, f = [*rest, *[0.0] * (6 - len(rest))] if kind else [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    if kind == 1:  # (ax + b)^g where x >= -b / a, else 0
        d, c = -b / a, 0.0
    elif kind == 2:  # the same, plus c
        d, e, f, c = -b / a, c, c, 0.0
    return lambda values: np.where(values >= d, (a * values + b).clip(0) ** g + e, c * values + f)
