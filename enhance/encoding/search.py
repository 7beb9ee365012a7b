"""The cheapest of some settings that will do, in few trials, where what will do is nearly sorted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

REACH = 3  # neighbours on each side that are tried, since sizes and distances are not quite monotone


def cheapest(
    settings: Sequence[int], allowed: Callable[[int], bool], cost: Callable[[int], float], reach: int = REACH
) -> int | None:
    """The cheapest allowed setting; None if none is found.

    Bisection finds a place where allowed settings end; then the neighbours on both sides are tried, and theirs, until
    none of them is allowed and cheaper.

    Args:
        settings: sorted so that the allowed ones come first, by and large, and the cheapest of these last.
        allowed: whether a setting will do.
        cost: of an allowed setting.
        reach: number of neighbours on each side.

    Example:
        >>> cheapest(range(100, 0, -1), lambda quality: quality >= 37, lambda quality: quality)
        37
    """
    low, high = 0, len(settings)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if allowed(settings[middle]) else (low, middle)
    best = low if allowed(settings[low]) else None
    place = low
    while True:
        around = range(max(0, place - reach), min(len(settings), place + reach + 1))
        found = [each for each in around if allowed(settings[each])]
        better = min(found, key=lambda each: (cost(settings[each]), each), default=None)
        if better is None or (best is not None and cost(settings[better]) >= cost(settings[best])):
            return None if best is None else settings[best]
        best = place = better
