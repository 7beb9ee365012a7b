"""Whether numbers, words and types of settings lie within what their dataclasses declare."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from functools import reduce
from numbers import Integral, Real
from typing import Any

from enhance.config.reference import KINDS, described
from enhance.utils.errors import SettingsError
from enhance.utils.suggest import short

_ABSTRACT = {int: Integral, float: Real}  # NumPy's numbers are of them too


def check_ranges(settings: Any) -> None:
    """Check that the numbers of a run's or a command's settings lie in their ranges.

    Raises:
        SettingsError: one sentence about the first that cannot be.
    """
    for key, value in _numbers(asdict(settings)):
        if not math.isfinite(value):
            raise SettingsError(f"{key}={value} must be a finite number.")
    for key, value, limits, default in _limits(settings):
        if value is None:
            continue
        if limits["accepted"] and value not in limits["accepted"]:
            raise SettingsError(f"{key}={value} must be {_words(default, limits)}.")
        if limits["positive"] and not value > 0:
            raise SettingsError(f"{key}={value} must be a positive number.")
        if limits["low"] is not None and not value >= limits["low"]:
            raise SettingsError(f"{key}={value} is too small; it must be at least {limits['low']}.")
        if limits["high"] is not None and not value <= limits["high"]:
            raise SettingsError(f"{key}={value} is too large; it must be at most {limits['high']}.")


def check_types(settings: Any) -> None:
    """Check that the plain settings of a dataclass are of their types, which Hydra does not check in programs.

    Raises:
        SettingsError: one sentence about the first that is not.
    """
    for key, setting in described(type(settings)).items():
        kind, value = setting.kinds[0], reduce(getattr, key.split("."), settings)
        if kind not in KINDS or (value is None and type(None) in setting.kinds):
            continue
        if isinstance(value, bool) != (kind is bool) or not isinstance(value, _ABSTRACT.get(kind, kind)):
            raise SettingsError(f"{key}={short(repr(value))} must be {KINDS[kind]}.")


def check_betas(betas: Sequence[float]) -> None:
    """Check that these are decay rates of Adam.

    Raises:
        SettingsError: if they are not.
    """
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise SettingsError(f"optimizer.betas={list(betas)} must be two numbers in [0, 1), e.g. [0.9, 0.99].")


def _words(default: Any, limits: Mapping[str, Any]) -> str:
    """The words that are accepted, for a sentence."""
    return " or ".join([*(["null"] if default is None else []), *limits["accepted"]])


def _limits(settings: Any, prefix: str = "") -> Iterator[tuple[str, Any, Mapping[str, Any], Any]]:
    """Every field with limits by its full dotted name, its value, the limits and the default."""
    for each in fields(settings):
        value = getattr(settings, each.name)
        if is_dataclass(value):
            yield from _limits(value, f"{prefix}{each.name}.")
        elif each.metadata:
            yield prefix + each.name, value, each.metadata, each.default


def _numbers(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every number by its full dotted name."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{key}.")
        elif isinstance(value, (int, float)):
            yield f"{prefix}{key}", value
