"""The command line before Hydra sees it: file names are quoted, and a typo gets one line that names the nearest valid
name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from enhance.cli.commands import TOOLS
from enhance.config.paths import choices, home
from enhance.config.schema import Config, SettingsError, check, check_ranges
from enhance.images.samples import SAMPLES
from enhance.runs.layout import taken
from enhance.utils.suggest import short, unknown

_OPEN = ("degradation", "hydra")  # whose keys are free
_KINDS = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false", "String": "text"}
FILES = (
    *("reference", "initial", "image", "pairs", "output", "map", "run", "sweep", "backbone.weights"),
    *("scores", "subjective", "table", "root"),
)
_CLASSIC = ("psnr", "ssim", "ms_ssim")
_QUOTED = (*FILES, "background")
_OWN = re.compile(r"(['\"]).*\1", re.DOTALL)  # quoted by the user
_PLAIN = re.compile(r"(?:(?![\d._eE+\-]+$)[\w./:@%+\-]+(?: +[\w./:@%+\-]+)*)?", re.ASCII)


def quote_files(arguments: Sequence[str]) -> list[str]:
    """Quote the file names whose characters Hydra would read as its own grammar: reference=my (1)=é.png."""
    return [_quote(argument) for argument in arguments]


def _quote(argument: str) -> str:
    key, equals, value = argument.partition("=")
    if not equals or key.lstrip("+~") not in _QUOTED or _OWN.fullmatch(value):
        return argument
    there = os.path.exists(value)
    if _PLAIN.fullmatch(value) and not (there and value.lower() in ("true", "false")):
        return argument
    if not there and any(mark in value for mark in ",[${"):  # a sweep or an interpolation, not a file
        return argument
    escaped = re.sub(r"(\\*)('|$)", lambda found: found.group(1) * 2 + found.group(2).replace("'", "\\'"), value)
    return f"{key}='{escaped}'".replace("${", r"\${")


def checked(arguments: Sequence[str], sweep: bool = True) -> None:
    """Compose the settings of every value that was given and check them.

    Args:
        arguments: key=value each.
        sweep: whether a key may have several values.

    Raises:
        SettingsError: one sentence about the first thing that is wrong.
    """
    overrides = _parse(arguments)
    for override in overrides:
        if override.is_sweep_override() and not sweep:
            raise SettingsError(f"{override.input_line} has several values: add -m to sweep over them.")
        _check_key(override)
    for override in [given for given in overrides if given.key_or_group == "hydra.run.dir"][-1:]:
        for value in _values(override):
            if found := taken(Path(value)):
                raise SettingsError(f"{value} holds a {found} already; name another folder, or resume the run in it.")
    with initialize_config_dir(str(home() / "conf"), version_base="1.3"):
        for combination in _combinations(overrides):
            _check_settings(_compose("config", combination))


def chosen_tool(arguments: Sequence[str]) -> str | None:
    """The tool that the arguments name, if `task=` is one."""
    names = [argument.removeprefix("task=") for argument in arguments if argument.startswith("task=")]
    return names[-1] if names and names[-1] in TOOLS else None


def tool_settings(tool: str, arguments: Sequence[str]) -> Any:
    """The settings of a tool, composed and typed.

    Raises:
        SettingsError: one sentence about the first thing that is wrong.
    """
    given = [override for override in _parse(arguments) if override.key_or_group != "task"]
    for override in given:
        if override.is_sweep_override():
            key, _, values = (override.input_line or "").partition("=")
            raise SettingsError(f"task={tool} takes one value of each setting; a list is written {key}=[{values}].")
        if override.key_or_group == "metric" and (name := _values(override)[0]) in _CLASSIC:
            raise SettingsError(f"metric={name} is none of the deep measures; name it in a list: metrics=[{name}].")
        _check_choice(override)
    settings = import_module(f"enhance.cli.commands.{tool}").Settings
    ConfigStore.instance().store(name=f"{tool}_schema", node=settings)
    with initialize_config_dir(str(home() / "conf"), version_base="1.3"):
        config = _compose(tool, [override.input_line or "" for override in given])
        absent = sorted(str(key) for key in OmegaConf.missing_keys(config))
        if absent:
            raise SettingsError(f"task={tool} needs {absent[0]}=...")
        found = _to_object(config)
        check_ranges(found)
        return found


def _as_setting(word: str) -> str:
    """How a word that is no key=value was meant."""
    found = choices()
    known = {"task": [*found.pop("task"), *TOOLS], "reference": SAMPLES, **found}
    meant = next((group for group, names in known.items() if word in names), "")
    return f"did you mean {meant}={word}?" if meant else "write it as key=value."


def _parse(arguments: Sequence[str]) -> list[Override]:
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


def _check_choice(override: Override) -> bool:
    """Check the choice of a group; False if the key names no group."""
    groups = choices() | {"task": [*choices()["task"], *TOOLS]}
    key = override.key_or_group.split("@")[0]
    if key not in groups:
        return False
    for value in _values(override):
        if value not in groups[key] and not (value == "null" and key == "recipes"):
            raise SettingsError(unknown(key.removesuffix("s"), value, groups[key]))
    return True


def _check_key(override: Override) -> None:
    """Check the names of groups and their choices, and that nothing is added that nobody reads."""
    key = override.key_or_group.split("@")[0]
    if override.type == OverrideType.DEL:
        raise SettingsError(f"{override.input_line} would remove a setting that is needed; give it another value.")
    if _check_choice(override):
        if override.is_sweep_override() and key == "task" and (tools := set(_values(override)) & set(TOOLS)):
            raise SettingsError(f"task={min(tools)} cannot take part in a sweep.")
    elif override.type in (OverrideType.ADD, OverrideType.FORCE_ADD) and key.split(".")[0] not in _OPEN:
        names = [field.name for field in fields(Config)]
        if key not in names:
            raise SettingsError(unknown("setting", key, [*choices(), *names]))


def _values(override: Override) -> list[str]:
    """Every value that an override gives its key, as text; an interval or glob sweep counts as none."""
    if not override.is_sweep_override():
        return [override.get_value_element_as_str()]
    try:
        return list(override.sweep_string_iterator())
    except Exception:
        return []


def _combinations(overrides: Sequence[Override]) -> Iterable[list[str]]:
    """The first value of every key, then each further value of each key in its turn."""
    first: list[str] = []
    for override in overrides:
        values = _values(override)
        line = override.input_line or ""
        first.append(
            line if not override.is_sweep_override() else f"{override.get_key_element()}={values[0]}" if values else ""
        )
    yield [line for line in first if line]
    for place, override in enumerate(overrides):
        for value in _values(override)[1:] if override.is_sweep_override() else []:
            changed = [*first[:place], f"{override.get_key_element()}={value}", *first[place + 1 :]]
            yield [line for line in changed if line]


def _compose(name: str, overrides: list[str]) -> DictConfig:
    try:
        config = compose(name, overrides, return_hydra_config=name == "config")
    except HydraException as error:
        raise SettingsError(_explain(error, name, overrides)) from error
    for line in overrides:
        key, _, value = line.partition("=")
        number = re.fullmatch(r"[+-]?\d+", value) and value not in ("0", "1")
        if number and isinstance(OmegaConf.select(config, key.lstrip("+")), bool):  # any number would count as true
            raise SettingsError(f"{line} must be true or false.")
    return config


def _explain(error: HydraException, name: str, overrides: list[str]) -> str:
    """One line for what Hydra says in several."""
    text = str(error)
    if absent := re.search(r"Could not find '([^']+)'.*Available options in '[^']+':\n(.*?)\nConfig", text, re.DOTALL):
        group, _, name = absent.group(1).rpartition("/")
        return unknown(group, name, absent.group(2).split())
    if missing := re.search(r"Could not override '([^']+)'", text):
        key = missing.group(1).lstrip("+~")
        groups = [override for override in overrides if override.partition("=")[0] in choices()]
        names = [*_keys(compose(name, groups)), "resume"]
        section = key.rpartition(".")[0]
        return unknown("setting", key, [each for each in names if section and each.startswith(f"{section}.")] or names)
    if launcher := re.search(r"In 'hydra/launcher/(\w+)': Could not load", text):
        extra = launcher.group(1).removesuffix("_cluster")
        return (
            f"hydra/launcher={launcher.group(1)} needs an extra that is not installed: pip install 'enhance[{extra}]'."
        )
    first = text.splitlines()[0]
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        given = re.search(r"Error merging override (.+)", text)
        wanted = re.search(r"could not be converted to (\w+)", str(cause))
        if given and wanted:
            return f"{given.group(1)} must be {_KINDS.get(wanted.group(1), wanted.group(1))}."
        if given and "is not Optional" in str(cause):
            return f"{given.group(1)} leaves it without a value; give it one."
        reason = str(cause).splitlines()[0].rstrip(".") + "."
        return f"{given.group(1)}: {reason}" if given else reason
    return first


def _keys(config: DictConfig, prefix: str = "") -> list[str]:
    """Every setting by its full dotted name, and every group."""
    names = [] if prefix or "degradation" not in config else list(choices())
    for key in config:
        if key == "hydra":
            continue
        node = config._get_node(key)
        names += (
            _keys(node, f"{prefix}{key}.")
            if isinstance(node, DictConfig) and not node._is_none()
            else [f"{prefix}{key}"]
        )
    return names


def _check_settings(config: DictConfig) -> None:
    if not isinstance(verbose := config.hydra.verbose, (bool, str, ListConfig)):
        raise SettingsError(f"hydra.verbose={verbose} must be true, false, the name of a logger or a list of names.")
    with open_dict(config):
        config.pop("hydra", None)
    settings = _to_object(config)
    if isinstance(settings, Config):
        check(settings)


def _to_object(config: DictConfig) -> Any:
    try:
        return OmegaConf.to_object(config)
    except OmegaConfBaseException as error:
        raise SettingsError(str(error).splitlines()[0]) from error
