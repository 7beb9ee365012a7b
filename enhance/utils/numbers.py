"""Numbers for JSON."""

from __future__ import annotations

import math


def finite(value: float) -> float | None:
    """The value, or None where it is NaN or infinite, which JSON does not have.

    Example:
        >>> [finite(value) for value in (30.5, math.inf, math.nan)]
        [30.5, None, None]
    """
    return value if math.isfinite(value) else None


def counted(count: int, what: str) -> str:
    """A number of things in words.

    Example:
        >>> counted(1, "core"), counted(2, "core")
        ('1 core', '2 cores')
    """
    return f"{count} {what}{'s' * (count != 1)}"
