"""Which settings a function takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from enhance.utils.memory import is_out_of_memory
from enhance.utils.suggest import unknown


@contextmanager
def made_of(what: str, arguments: Mapping[str, Any]) -> Iterator[None]:
    """Errors of a library about arguments become one sentence.

    Raises:
        ValueError: that names what cannot be made, and of which arguments.
    """
    try:
        yield
    except (TypeError, ValueError, IndexError, ArithmeticError, RuntimeError, AssertionError) as error:
        if is_out_of_memory(error):
            raise
        raise ValueError(f"{what} cannot be made with {listed(arguments)}: {str(error).rstrip('.')}.") from error


def listed(arguments: Mapping[str, Any]) -> str:
    """Arguments in words, for a message.

    Example:
        >>> listed({"net": "alex", "eps": 0.1})
        'net=alex, eps=0.1'
    """
    return ", ".join(f"{name}={value}" for name, value in arguments.items()) or "no arguments"


def accepted(
    function: Callable[..., Any], settings: Any, names: Iterable[str], group: str, reserved: Iterable[str] = ()
) -> dict[str, Any]:
    """The settings of a dataclass that a function takes, and the free ones of its `arguments`.

    Args:
        function: of a registry.
        settings: a dataclass with a `name` and, perhaps, `arguments`.
        names: of its fields that functions of this group may take.
        group: for messages.
        reserved: parameters of the function that the program gives itself.

    Raises:
        ValueError: for a setting that was changed though the function does not take it, an unknown argument, or one of
            another type than its default.
    """
    parameters = inspect.signature(function).parameters
    taken = set(parameters)
    default, chosen = type(settings)(), {}
    for name in names:
        value = getattr(settings, name)
        if name in taken:
            chosen[name] = value
        elif value != getattr(default, name):
            raise ValueError(f"{group}={settings.name} takes no {name}; leave {group}.{name} out.")
    free = dict(getattr(settings, "arguments", None) or {})
    open_ = taken - set(reserved)
    if strange := set(free) - open_:
        known = sorted(open_)
        raise ValueError(
            unknown(f"argument of {group}={settings.name}", min(strange), known)
            if known
            else f"{group}={settings.name} takes no argument '{min(strange)}', nor any other; leave it out."
        )
    for name, value in free.items():
        _require_type(f"{group}.arguments.{name}", value, parameters[name])
    return chosen | free


def _require_type(name: str, value: object, parameter: inspect.Parameter) -> None:
    """Check that the value is a number or a truth value as the parameter is.

    Raises:
        ValueError: if it is not.
    """
    default, boolean = parameter.default, isinstance(parameter.default, bool) or "bool" in str(parameter.annotation)
    if value is None and default is None:
        return
    if boolean and not isinstance(value, bool):
        raise ValueError(f"{name}={value} must be true or false.")
    number = isinstance(default, (int, float)) and not boolean
    if number and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise ValueError(f"{name}={value} must be a number, such as {default}.")
