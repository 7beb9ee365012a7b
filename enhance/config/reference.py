"""The settings by name, with what is accepted and what their docstrings say: for messages, `--help` and pages."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import MISSING as NOTHING
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_args, get_type_hints

from omegaconf import MISSING

KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}  # in words
_VALUES = {bool: "true|false", int: "N", float: "X", str: "TEXT"}


@dataclass(frozen=True)
class Setting:
    """What is known of one setting.

    Attributes:
        kinds: the types of its values, `type(None)` among them where it may be null.
        default: without which it has to be given: `dataclasses.MISSING`.
        limits: see `enhance.config.schema.limited`; empty where there are none.
        description: from the docstring of its section.
    """

    kinds: tuple[Any, ...]
    default: Any
    limits: Mapping[str, Any]
    description: str

    @property
    def values(self) -> str:
        """The values in short: N, X, true|false, ..."""
        return "|".join(self.limits.get("accepted") or [_VALUES.get(self.kinds[0], "...")])

    @property
    def range(self) -> str:
        """The numbers that are accepted, in words; empty where all are."""
        low, high = self.limits.get("low"), self.limits.get("high")
        least = "above 0" if self.limits.get("positive") else "" if low is None else f"at least {low:g}"
        return ", ".join(part for part in (least, "" if high is None else f"at most {high:g}") if part)


def described(section: type, prefix: str = "") -> dict[str, Setting]:
    """Every setting of a dataclass and of its sections by its full dotted name.

    Example:
        >>> from enhance.config.schema import Config
        >>> described(Config)["frames.count"].range
        'at least 2, at most 1000'
    """
    hints, texts, found = get_type_hints(section), _descriptions(section), {}
    for each in fields(section):
        hint, name = hints[each.name], prefix + each.name
        if is_dataclass(hint):
            found |= described(hint, f"{name}.")  # type: ignore[arg-type]
            continue
        default = each.default if each.default_factory is NOTHING else each.default_factory()
        kinds = get_args(hint) if type(None) in get_args(hint) else (hint,)
        found[name] = Setting(kinds, default, each.metadata, texts.get(each.name, ""))
    return found


def listed(section: type, names: Iterable[str] = ()) -> list[str]:
    """The settings of a dataclass, all or some, a line each: NAME=VALUES, what it is, [default; range]."""
    known = described(section)
    chosen = {f"{name}={known[name].values}": known[name] for name in names or known}
    width = max(map(len, chosen))
    return [f"{form:{width}}  {each.description}{_limits(each)}" for form, each in chosen.items()]


def _limits(setting: Setting) -> str:
    default = setting.default
    none = default in (None, NOTHING, MISSING, "") or default == {} or default == []
    shown = "" if none else str(default).lower() if isinstance(default, bool) else str(default)
    parts = [part for part in (shown, setting.range) if part]
    return f" [{'; '.join(parts)}]" if parts else ""


def _descriptions(section: type) -> dict[str, str]:
    """What the docstring of a dataclass says of its fields."""
    found: dict[str, str] = {}
    names: list[str] = []
    _, _, lines = inspect.cleandoc(section.__doc__ or "").partition("Attributes:\n")
    for line in lines.splitlines():
        if not line.startswith("    "):
            break
        if not line.startswith("     "):
            before, _, line = line.partition(":")
            names = before.replace(",", " ").split()
        for name in names:
            found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found
