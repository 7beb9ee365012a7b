"""Messages about unknown names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_SHOWN = 16
_LONG = 200


def short(text: object) -> str:
    """A text for a message; of a long one its beginning and its end.

    Example:
        >>> short("x" * 1000).replace("x", "")
        '...'
    """
    whole, half = str(text), _LONG // 2
    return whole if len(whole) <= _LONG else f"{whole[:half]}...{whole[-half:]}"


def _line(text: object) -> str:
    """On one line: a file's own names may hold anything."""
    return " ".join(short(text).split())


def unknown(what: str, given: object, accepted: Iterable[str]) -> str:
    """A message with the name given, the nearest accepted name and, unless there are many, all accepted names.

    Example:
        >>> unknown("metric", "deepwds", ["deepwsd", "deepjsd"])
        "There is no metric 'deepwds'; did you mean 'deepwsd'? (deepwsd, deepjsd)"
    """
    names, given = [_line(name) for name in accepted], _line(given)
    close = get_close_matches(given.lower(), names, n=3, cutoff=0.5)
    close.sort(key=lambda name: sorted(name) != sorted(given.lower()))  # letters in another order come first
    question = f"; did you mean '{close[0]}'?" if close else "."
    if close and len(names) > _SHOWN:
        return f"There is no {what} '{given}'{question}"
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return f"There is no {what} '{given}'{question} ({shown})"
