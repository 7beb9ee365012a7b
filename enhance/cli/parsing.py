"""Arguments -> overrides of Hydra, and the values that they give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import HydraException

from enhance.cli.commands import TOOLS
from enhance.config.paths import choices
from enhance.images.samples import SAMPLES
from enhance.utils.errors import SettingsError
from enhance.utils.suggest import short


def text_of(override: Override) -> str:
    """The value as it was written."""
    return (override.input_line or "").partition("=")[2]


def _as_setting(word: str) -> str:
    """How a word that is no key=value was meant."""
    found = choices()
    known = {"task": [*found.pop("task"), *TOOLS], "reference": SAMPLES, **found}
    meant = next((group for group, names in known.items() if word in names), "")
    return f"did you mean {meant}={word}?" if meant else "write it as key=value."


def parse(arguments: Sequence[str]) -> list[Override]:
    """The override of each argument.

    Raises:
        SettingsError: one sentence about the first that cannot be read.
    """
    parser = OverridesParser.create()
    overrides = []
    for argument in arguments:
        if any("\ud800" <= letter <= "\udfff" for letter in argument):
            raise SettingsError(f"The argument {argument!r} is not UTF-8; rename the file or folder.")
        try:
            overrides.append(parser.parse_override(argument))
        except HydraException as error:
            quoting = "quote a value that has special characters: 'key=\"value\"'."
            hint = quoting if "=" in argument else _as_setting(argument)
            raise SettingsError(f"Cannot read the argument {short(argument)!r}; {hint}") from error
        if not overrides[-1].key_or_group:
            raise SettingsError(f"Cannot read the argument {short(argument)!r}; {_as_setting(argument)}")
    return overrides


def values_of(override: Override) -> list[str]:
    """Every value that an override gives its key, as text; an interval, and a glob before Hydra has begun, has none."""
    if override.value_type is ValueType.GLOB_CHOICE_SWEEP:
        if not GlobalHydra.instance().is_initialized():
            return []
        override.config_loader = GlobalHydra.instance().config_loader()  # has the choices
    if override.is_sweep_override():
        try:
            return list(override.sweep_string_iterator()) if override.is_discrete_sweep() else []
        except (HydraException, ValueError) as error:  # range(10,50,0)
            raise SettingsError(f"{override.input_line} cannot be: {str(error).rstrip('.')}.") from error
    return [override.get_value_element_as_str()]


def combinations(overrides: Sequence[Override]) -> Iterator[list[Override]]:
    """The first value of every key, then each further value of each key in its turn."""
    single = [_singled(override) for override in overrides]
    first = [values[:1] for values in single]
    yield [override for values in first for override in values]
    for place, values in enumerate(single):
        for value in values[1:]:
            yield [override for each in (*first[:place], [value], *first[place + 1 :]) for override in each]


def _singled(override: Override) -> list[Override]:
    """An override for each value of a sweep."""
    if not override.is_sweep_override():
        return [override]
    return parse([f"{override.get_key_element()}={value}" for value in values_of(override)])
