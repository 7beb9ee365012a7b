"""The key=value arguments before Hydra sees them: file names are quoted, settings composed and checked, and a mistake
gets one sentence that names the nearest valid name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_origin

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from enhance.cli.commands import RESTORE, TOOLS
from enhance.cli.meant import SETTINGS
from enhance.config.checks import check, check_ranges
from enhance.config.paths import choices, home
from enhance.config.reference import Setting, described
from enhance.config.restoration import RESTORATIONS
from enhance.config.schema import Config, SettingsError, opened
from enhance.images.samples import SAMPLES
from enhance.runs.layout import existing_output
from enhance.utils.suggest import short, unknown

_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
FILES = (
    *("reference", "initial", "mask", "image", "pairs", "output", "map", "run", "sweep"),
    *("kernel", "denoiser.weights"),
    *("backbone.weights", "metric.weights", "scores", "subjective", "table", "root"),
)
_QUOTED = (*FILES, "background")
_SEARCH_PATH = "hydra.searchpath"
_SEVERAL = ("logger",)  # groups of which a list may be chosen
_NOTHING = (("recipes", "null"), ("logger", ""))  # a group of which nothing is chosen
_OWN = re.compile(r"(['\"]).*\1", re.DOTALL)  # quoted by the user
_ON_BACKBONE = re.compile(r"terms\.(\w+@\w+)=(.*)")
_PLAIN = re.compile(r"(?:(?![\d._eE+\-]+$)[\w./:@%+\-]+(?: +[\w./:@%+\-]+)*)?", re.ASCII)


def quoted(arguments: Sequence[str]) -> list[str]:
    """Quote what Hydra would read as its own grammar: characters of file names, reference=my (1)=é.png, and the
    backbone of a term, terms.deepjsd@vgg19=0.5.
    """
    return [_quote(_as_dictionary(argument)) for argument in arguments]


def _as_dictionary(argument: str) -> str:
    """terms.NAME@BACKBONE=WEIGHT, in which Hydra would read a package, as terms={NAME@BACKBONE:WEIGHT}."""
    found = _ON_BACKBONE.fullmatch(argument)
    return f"terms={','.join(f'{{{found[1]}:{weight}}}' for weight in found[2].split(','))}" if found else argument


def _quote(argument: str) -> str:
    key, equals, value = argument.partition("=")
    if not equals or key.lstrip("+~") not in _QUOTED or _OWN.fullmatch(value):
        return argument
    there = os.path.exists(value)
    if _PLAIN.fullmatch(value) and not (there and value.lower() in ("true", "false")):
        return argument
    if not there and any(mark in value for mark in ",[${"):  # a sweep or an interpolation, not a file
        return argument
    return f"{key}={_quoted(value)}"


def _quoted(text: str) -> str:
    """A text as one value of Hydra's grammar."""
    escaped = re.sub(r"(\\*)('|$)", lambda found: found.group(1) * 2 + found.group(2).replace("'", "\\'"), text)
    return f"'{escaped}'".replace("${", r"\${")


def search_path(overrides: Sequence[str], config_dir: str | None = None) -> str:
    """The override that has Hydra look into the user's own folders and, after them, into the package's.

    Args:
        overrides: key=value each; `hydra.searchpath` among them counts.
        config_dir: of the flag --config-dir.

    Raises:
        SettingsError: if that folder does not exist.
    """
    if config_dir is not None and not Path(config_dir).is_dir():
        raise SettingsError(f"--config-dir={config_dir}: there is no such folder.")
    folders = [] if config_dir is None else [f"file://{os.path.abspath(config_dir)}"]
    for override in _parse([given for given in overrides if given.startswith(f"{_SEARCH_PATH}=")])[-1:]:
        value = override.value()
        folders += [str(folder) for folder in value] if isinstance(value, list) else [str(value)]
    return f"{_SEARCH_PATH}=[{','.join(map(_quoted, [*folders, f'file://{home()}']))}]"


def with_search_path(arguments: Sequence[str]) -> list[str]:
    """The arguments for Hydra, where a search path of the user's does not hide the package's recipes."""
    return [search_path(arguments) if given.startswith(f"{_SEARCH_PATH}=") else given for given in arguments]


def checked(arguments: Sequence[str], sweep: bool = True, config_dir: str | None = None) -> None:
    """Compose the settings of every value that was given and check them.

    Args:
        arguments: key=value each.
        sweep: whether a key may have several values.
        config_dir: a folder of the user's own recipes and groups, see `search_path`.

    Raises:
        SettingsError: one sentence about the first thing that is wrong.
    """
    overrides = _parse(arguments)
    for override in overrides:
        if override.is_sweep_override() and not sweep:
            raise SettingsError(f"{override.input_line} has several values: add -m to sweep over them.")
        if override.key_or_group == "hydra.job.chdir" and str(override.value()).lower() == "true":
            raise SettingsError(
                "hydra.job.chdir=true would look for files in the folder of the run, where those named here are not; "
                "leave it out."
            )
    _require_reference(overrides)
    composer = _Composer("config", Config, search_path(arguments, config_dir))
    for override in [given for given in overrides if given.key_or_group == "hydra.run.dir"][-1:]:
        for value in _values(override):
            if found := existing_output(Path(value)):
                raise SettingsError(f"{value} holds a {found} already; name another folder, or resume the run in it.")
    with initialize_config_dir(str(home() / "conf"), version_base="1.3"):
        for override in overrides:
            composer.check_choice(override)
        for combination in _combinations(overrides):
            check(composer.settings(combination))


def _require_reference(overrides: Sequence[Override]) -> None:
    """Nothing, where a file to start from comes with a reference of its own, not the sample that is the default.

    Raises:
        SettingsError: if it does not.
    """
    given = {override.key_or_group for override in overrides}
    if given & {"reference", "recipes"}:
        return
    for override in overrides:
        for value in _values(override) if override.key_or_group == "initial" else ():
            if os.path.isfile(value.strip("'\"")):
                raise SettingsError(
                    f"initial={short(value)} is an image to start from; name what it is compared with too: "
                    "reference=FILE."
                )


def chosen_tool(arguments: Sequence[str]) -> str | None:
    """The tool that the arguments name, if `task=` is one, or restores an `image=`."""
    name = chosen_task(arguments)
    if name in RESTORATIONS and any(argument.startswith("image=") for argument in arguments):
        return RESTORE
    return name if name in TOOLS else None


def chosen_task(arguments: Sequence[str]) -> str:
    """The last task that the arguments name; empty where there is none."""
    names = [argument.removeprefix("task=") for argument in arguments if argument.startswith("task=")]
    return names[-1] if names else ""


def _by_name(arguments: Sequence[str]) -> list[str]:
    """The arguments of a restoration, whose degradation and denoiser are no groups of conf/: group=NAME names one."""
    return [
        f"{key}.name={value}" if equals and key in ("degradation", "denoiser") else argument
        for argument in arguments
        for key, equals, value in [argument.partition("=")]
    ]


def tool_settings(tool: str, arguments: Sequence[str]) -> Any:
    """The settings of a tool, composed and typed.

    Raises:
        SettingsError: one sentence about the first thing that is wrong.
    """
    what = chosen_task(arguments)
    arguments = _by_name(arguments) if tool == RESTORE else arguments
    given = [override for override in _parse(arguments) if override.key_or_group != "task"]
    for override in given:
        if override.is_sweep_override():
            key, _, values = (override.input_line or "").partition("=")
            raise SettingsError(f"task={what} takes one value of each setting; a list is written {key}=[{values}].")
    settings = import_module(f"enhance.cli.commands.{tool}").Settings
    ConfigStore.instance().store(name=f"{tool}_schema", node=opened(settings))
    composer = _Composer(tool, settings, search_path(arguments))
    with initialize_config_dir(str(home() / "conf"), version_base="1.3"):
        for override in given:
            composer.check_choice(override)
        found = composer.settings(given)
    found.task = what
    check_ranges(found)
    return found


class _Composer:
    """Settings from overrides. Hydra composes the groups; the values are laid on them one by one, so that each mistake
    is known by its own argument.

    Args:
        name: of the YAML in conf/.
        kind: the dataclass of its settings.
        path: see `search_path`.
    """

    def __init__(self, name: str, kind: type, path: str) -> None:
        self._name, self._path = name, path
        self._known = described(kind)
        self._composed: dict[tuple[str, ...], DictConfig] = {}
        self._choices: dict[str, list[str]] = {}  # Hydra reads its folders anew at each question

    def check_choice(self, override: Override) -> None:
        """Check the choices of a group, which may also be named by its `name`.

        Raises:
            SettingsError: one sentence that names the nearest.
        """
        key = override.key_or_group
        if self._name == RESTORE and key == "degradation.name":
            return
        if override.is_delete():
            raise SettingsError(f"{override.input_line} would remove a setting that is needed; give it another value.")
        group = key.removesuffix(".name") if key in self._known or key == "degradation.name" else key
        options = self._options(group)
        if not options:
            return
        tools = list(TOOLS) if key == "task" else []
        for value in _values(override):
            if override.is_sweep_override() and value in tools:
                raise SettingsError(f"task={value} cannot take part in a sweep.")
            for name in value.strip("[]").split(",") if key in _SEVERAL else [value]:
                if name not in options and (key, name) not in _NOTHING:
                    raise SettingsError(unknown(group.removesuffix("s"), name, [*options, *tools]))

    def settings(self, overrides: Sequence[Override]) -> Any:
        """The settings as an object of their dataclass.

        Raises:
            SettingsError: one sentence about the first override that does not fit.
        """
        groups = tuple(override.input_line or "" for override in overrides if self._is_group(override))
        if groups not in self._composed:
            self._composed[groups] = self._compose(groups)
        config = deepcopy(self._composed[groups])
        for override in overrides:
            if not self._is_group(override) and override.key_or_group != _SEARCH_PATH:
                self._lay(config, override)
        if not isinstance(verbose := config.hydra.verbose, (bool, str, ListConfig)):
            raise SettingsError(
                f"hydra.verbose={verbose} must be true, false, the name of a logger or a list of names."
            )
        with open_dict(config):
            config.pop("hydra")
        if absent := sorted(map(str, OmegaConf.missing_keys(config))):
            raise SettingsError(f"task={self._name} needs {absent[0]}=...")
        try:
            return OmegaConf.to_object(config)
        except OmegaConfBaseException as error:
            raise SettingsError(str(error).splitlines()[0]) from error

    def _options(self, group: str) -> list[str]:
        """The choices of a group; none where there is no group of that name."""
        if "." in group:
            return []
        group = group.partition("@")[0]
        if group not in self._choices:
            loader = GlobalHydra.instance().config_loader()
            self._choices[group] = loader.get_group_options(group, config_name=self._name, overrides=[self._path])
        return self._choices[group]

    def _is_group(self, override: Override) -> bool:
        return bool(self._options(override.key_or_group))

    def _compose(self, groups: Sequence[str]) -> DictConfig:
        try:
            return compose(self._name, [self._path, *groups], return_hydra_config=True)
        except MissingConfigException as error:
            group, _, name = str(error.missing_cfg_file).rpartition("/")
            asked = [given.partition("=")[2] for given in groups if given.partition("=")[0] == group]
            if group == "hydra/launcher" and name not in asked:
                extra = asked[-1].removesuffix("_cluster")
                raise SettingsError(
                    f"hydra/launcher={asked[-1]} needs an extra that is not installed: pip install 'enhance[{extra}]'."
                ) from error
            raise SettingsError(unknown(group, name, error.options or [])) from error
        except HydraException as error:
            raise SettingsError(str(error).splitlines()[0]) from error

    def _lay(self, config: DictConfig, override: Override) -> None:
        """Lay the value of one setting on a composed configuration."""
        key, value, line = override.key_or_group, override.value(), override.input_line
        known = self._known.get(key)
        if known and known.kinds[0] is bool and isinstance(value, int) and value not in (0, 1):
            raise SettingsError(f"{line} must be true or false.")  # any number would count as true
        if key.partition(".")[0] not in [*config]:  # `in` does not find what is still missing
            meant = SETTINGS.get(key, key)
            if meant != key and meant.partition(".")[0] in [*config]:
                raise SettingsError(f"There is no setting '{key}'; it is {meant}={_given(override)}.")
            raise SettingsError(unknown("setting", key, self._names(config, key)))
        try:
            added = override.is_add() or override.is_force_add()
            OmegaConf.update(config, key, value, force_add=added and key.startswith("hydra."))
        except (ConfigAttributeError, ConfigKeyError) as error:
            raise SettingsError(unknown("setting", key, self._names(config, key))) from error
        except OmegaConfBaseException as error:
            raise SettingsError(self._mismatch(line or "", value, known, key, error)) from error

    def _names(self, config: DictConfig, key: str) -> list[str]:
        """The settings beside one that does not exist, or all."""
        section = key.rpartition(".")[0]
        while section:
            beside = OmegaConf.select(config, section)
            if isinstance(beside, DictConfig) and len(beside):
                return [f"{section}.{name}" for name in beside]
            section = section.rpartition(".")[0]
        if self._name in (RESTORE, *TOOLS):
            return [*(group for group in choices() if f"{group}.name" in self._known), *self._known]
        return [*choices(), *self._known, "resume"]

    def _mismatch(self, line: str, value: object, known: Setting | None, key: str, error: Exception) -> str:
        """A sentence for a value of the wrong type."""
        if known is None:  # of a section with free keys, whose values have a type all the same
            section = self._known.get(key.rpartition(".")[0])
            kind = (get_args(section.kinds[0]) or (None,))[-1] if section else None
        else:
            kind = known.kinds[0]
            if value is None and type(None) not in known.kinds:
                return f"{line} leaves it without a value; give it one."
        if get_origin(kind) is list:
            return f"{line} must be a list, e.g. {key}=[{line.partition('=')[2]}]."
        if kind in _KINDS:
            return f"{line} must be {_KINDS[kind]}."
        return f"{line}: {str(error).splitlines()[0].rstrip('.')}."


def _given(override: Override) -> str:
    return (override.input_line or "").partition("=")[2]


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


def _values(override: Override) -> list[str]:
    """Every value that an override gives its key, as text; an interval or glob sweep counts as none."""
    if override.is_sweep_override():
        return list(override.sweep_string_iterator()) if override.is_discrete_sweep() else []
    return [override.get_value_element_as_str()]


def _combinations(overrides: Sequence[Override]) -> Iterator[list[Override]]:
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
    return _parse([f"{override.get_key_element()}={value}" for value in _values(override)])
