"""Samples in floating point: which value is white is a matter of the file, or of `range`."""

from __future__ import annotations

import math

import numpy as np

from enhance.images.arrays import Array, ImageError

_TOLERANCE = 1e-3  # outside [0, 1], of rounding


def check_range(white: float | None) -> None:
    """Raise an ImageError unless `white` is None or a positive number."""
    number = isinstance(white, int | float | np.number) and not isinstance(white, bool)
    if white is not None and not (number and 0 < white < math.inf):
        raise ImageError(f"range={white} is no value of white; it must be a positive number, e.g. range=1.")


def without_effect(white: float, name: str) -> str:
    """The note that `range` says nothing of an image."""
    return f"range={white:g} is of floats; {name} holds whole numbers, which have their own white"


def unit(values: Array, name: str, white: float | None, notes: list[str]) -> Array:
    """Floats in [0, 1], float32.

    Args:
        values: of any shape; not empty.
        name: of the file or image, for messages.
        white: the value that becomes 1; what lies outside [0, white] is clipped, which a note says. None: the values
            must lie in [0, 1].
        notes: the conversions made are appended.

    Raises:
        ImageError: for NaN, infinity, or, where no `white` is given, values outside [0, 1].

    Example:
        >>> notes = []
        >>> unit(np.array([0.5, 2, 4.5]), "sky", 4.0, notes).tolist(), notes[1]
        ([0.125, 0.5, 1.0], '33.3 % of the samples of sky lie outside [0, 4] and were clipped')
    """
    low, high = float(values.min()), float(values.max())
    if math.isnan(low) or math.isinf(low) or math.isinf(high):
        raise ImageError(f"{name} contains {'NaN' if math.isnan(low) else 'infinity'}; replace it by numbers.")
    top = 1.0 if white is None else float(white)
    if white is not None:
        notes.append(f"white is {top:g} in {name} (range={top:g})")
    inside = low >= -_TOLERANCE * top and high <= (1 + _TOLERANCE) * top
    if not inside and white is None:
        raise ImageError(
            f"{name} holds floats in [{low:.4g}, {high:.4g}], whose white is not known; name the value that is white, "
            f"e.g. range={max(high, 1):.4g}, or rescale them to [0, 1]."
        )
    if not inside:
        share = 100 * float(np.mean((values < 0) | (values > top)))
        notes.append(f"{share:.3g} % of the samples of {name} lie outside [0, {top:g}] and were clipped")
    wide = values if values.dtype == np.float64 else values.astype(np.float32)
    return (wide / wide.dtype.type(top)).clip(0, 1).astype(np.float32)
