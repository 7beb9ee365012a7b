"""What to do about images whose values lie outside [0, 1], for messages."""

from __future__ import annotations

_OVERSHOOT = 0.05  # of filters with negative lobes; beyond it the scale is another


def remedy(low: float, high: float, name: str) -> str:
    """How to bring `name`, whose values lie in [low, high], into [0, 1]; a sentence.

    Example:
        >>> remedy(-1, 1, "image")
        'Images in [-1, 1] are rescaled by (image + 1) / 2.'
        >>> remedy(0, 255, "image")
        'Divide by 255.'
    """
    if low >= -_OVERSHOOT and high > 1.5:
        tops = (top for top in (255, 1023, 4095, 16383, 65535) if high <= top)
        return f"Divide by {top}." if (top := next(tops, None)) else "Rescale it."
    clamp = f"{name}.clamp(0, 1)"
    if low >= -_OVERSHOOT and high <= 1 + _OVERSHOOT:
        return f"Clamp it: {clamp}."
    if low >= -1 - _OVERSHOOT and high <= 1 + _OVERSHOOT:
        overshot = f"; where filtering has only overshot the range, {clamp}" if low >= -0.5 else ""
        return f"Images in [-1, 1] are rescaled by ({name} + 1) / 2{overshot}."
    return f"Rescale it; where filtering has only overshot the range, {clamp}." if low >= -0.5 else "Rescale it."
