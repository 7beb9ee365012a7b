"""What a degradation and its estimates are measured in: noise in levels of 255, blur in pixels."""

from __future__ import annotations

from typing import Any

_LEVELS = (
    *("sigma", "sigma_at_half_size", "sigma_at_black", "standard_error", "noise"),
    "level_given_to_the_denoiser",
)
_PIXELS = ("length", "radius", "kernel", "blur_sigma", "blur_length", "blur_radius", "blur_standard_error")
_UNITS = (
    dict.fromkeys(_LEVELS, "of 255")
    | dict.fromkeys(_PIXELS, "pixels")
    | dict.fromkeys(("angle", "blur_angle"), "degrees")
    | {"peak": "photons at white"}
)


def in_words(key: str, value: Any, degradation: str = "", digits: int = 6) -> str:
    """A setting of a degradation, or an estimate of one, as people read it, with its unit.

    Args:
        key: its name, as in metrics.json.
        value: a JSON value.
        degradation: whose setting it is: the sigma of a blur is in pixels, that of noise of 255.
        digits: of a number.

    Example:
        >>> in_words("sigma", 25.0), in_words("sigma", 1.5, "gaussian_blur"), in_words("kernel", [17, 9])
        ('25 of 255', '1.5 pixels', '9 x 17 pixels')
        >>> in_words("degradation", "disk_blur"), in_words("lost", 0.5), in_words("grey", False)
        ('disk blur', '0.5', 'no')
    """
    unit = "pixels" if (key, degradation) == ("sigma", "gaussian_blur") else _UNITS.get(key, "")
    return f"{_written(value, digits)} {unit}" if unit and value is not None else _written(value, digits)


def _written(value: Any, digits: int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):  # rows and columns of a kernel
        return " x ".join(str(side) for side in reversed(value))
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value).replace("_", " ")
