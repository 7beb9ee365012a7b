"""Overrides -> typed settings, with a sentence for each that does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import fields
from importlib import import_module
from typing import Any, get_args, get_origin

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationKeyError,
    InterpolationResolutionError,
    OmegaConfBaseException,
)

from enhance.cli.commands import MODULES, RESTORE, TOOLS, tasks_of
from enhance.cli.meant import SETTINGS
from enhance.cli.parsing import text_of, values_of
from enhance.config.paths import choices
from enhance.config.reference import KINDS, Setting, described
from enhance.config.restoration import RESTORATIONS
from enhance.config.schema import Config
from enhance.utils.errors import SettingsError
from enhance.utils.suggest import unknown

_SEVERAL = ("logger",)  # groups of which a list may be chosen
_NOTHING = (("recipes", "null"), ("logger", ""))  # a group of which nothing is chosen
_OF_OPTIMISATIONS = {each.name for each in fields(Config)}
SEARCH_PATH = "hydra.searchpath"


class Composer:
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
        if self._name in MODULES and "/" not in group and f"{group}.name" not in self._known:
            raise SettingsError(f"This task has no setting '{key}'; leave {override.input_line} out.")
        tools = list(TOOLS) if key == "task" else []
        for value in values_of(override):
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
            if not self._is_group(override) and override.key_or_group != SEARCH_PATH:
                self._lay(config, override)
        if not isinstance(verbose := config.hydra.verbose, (bool, str, ListConfig)):
            raise SettingsError(
                f"hydra.verbose={verbose} must be true, false, the name of a logger or a list of names."
            )
        with open_dict(config):
            config.pop("hydra")
        try:
            if absent := sorted(map(str, OmegaConf.missing_keys(config))):
                raise SettingsError(f"task={self._name} needs {absent[0]}=...")
            return OmegaConf.to_object(config)
        except InterpolationKeyError as error:
            reason = str(error).splitlines()[0]
            raise SettingsError(f"{error.full_key}: {reason}; ${{...}} holds the name of a setting.") from error
        except InterpolationResolutionError as error:  # of a resolver of ours, whose sentence comes last
            raise SettingsError(str(error).splitlines()[0].rpartition("interpolation: ")[2]) from error
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
                raise SettingsError(f"There is no setting '{key}'; it is {meant}={text_of(override)}.")
            if meant == "output" and self._name == "config":
                raise SettingsError(f"The folder of a run is named by hydra.run.dir={text_of(override)}.")
            where = "this task"
            if self._name == "config":
                where, meant = "an optimisation", meant.partition(".")[0]
            if tasks := _tasks_with(meant):
                beside = "image= and " if tasks == [*RESTORATIONS] else ""
                raise SettingsError(
                    f"'{key}' is no setting of {where}; {meant}= goes with {beside}task={', '.join(tasks)}."
                )
            if self._name in MODULES and key in _OF_OPTIMISATIONS:
                raise SettingsError(f"This task has no setting '{key}'; leave {line} out.")
            raise SettingsError(unknown("setting", key, self._names(config, key)))
        try:
            added = override.is_add() or override.is_force_add()
            OmegaConf.update(config, key, value, force_add=added and key.startswith("hydra."))
        except (ConfigAttributeError, ConfigKeyError) as error:
            if (last := key.rpartition(".")[2]) in self._known:
                raise SettingsError(f"There is no setting '{key}'; it is {last}={text_of(override)}.") from error
            if _takes_any(config, key):
                raise SettingsError(f"{line} adds to a section of Hydra's, which is written +{line}.") from error
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
        if self._name in MODULES:
            return [*(group for group in choices() if f"{group}.name" in self._known), *self._known]
        return [*choices(), *self._known, "resume", "image"]  # image= makes a restoration of a task

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
        if kind in KINDS:
            return f"{line} must be {KINDS[kind]}."
        return f"{line}: {str(error).splitlines()[0].rstrip('.')}."


def _takes_any(config: DictConfig, key: str) -> bool:
    """Whether what a key lies in, or the section that it names, is one of Hydra's that takes names of any kind."""
    while key.startswith("hydra."):
        section = OmegaConf.select(config, key)
        if isinstance(section, DictConfig):
            return OmegaConf.get_type(section) is dict
        key = key.rpartition(".")[0]
    return False


def _tasks_with(setting: str) -> list[str]:
    """The tasks beside optimisations that have a setting."""
    found = []
    for module in MODULES:
        if setting in (each.name for each in fields(import_module(f"enhance.cli.commands.{module}").Settings)):
            found += tasks_of(module)
    return found
