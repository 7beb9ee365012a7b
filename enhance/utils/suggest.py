"""Sentences for names that nobody knows."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_SHOWN = 16
_LONG = 200


def short(text: object) -> str:
    """A text of any length for a sentence: of a long one its beginning and its end."""
    said, half = str(text), _LONG // 2
    return said if len(said) <= _LONG else f"{said[:half]}...{said[-half:]}"


def unknown(what: str, given: object, accepted: Iterable[str]) -> str:
    """One sentence: the name that was given, the nearest accepted one and, unless they are many, the accepted ones.

    Example:
        >>> unknown("metric", "deepwds", ["deepwsd", "deepjsd"])
        "There is no metric 'deepwds'; did you mean 'deepwsd'? (deepwsd, deepjsd)"
    """
    names, given = list(accepted), short(given)
    near = get_close_matches(given.lower(), names, n=1, cutoff=0.5)
    question = f"; did you mean '{near[0]}'?" if near else "."
    if near and len(names) > _SHOWN:
        return f"There is no {what} '{given}'{question}"
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return f"There is no {what} '{given}'{question} ({shown})"
