"""The key=value arguments before Hydra sees them: settings are composed and checked, a mistake gets one sentence that
names the nearest valid name.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override

from enhance.cli.commands import RESTORE, TOOLS
from enhance.cli.composing import SEARCH_PATH, Composer
from enhance.cli.parsing import combinations, parse, values_of
from enhance.cli.quoting import quoted_value
from enhance.config.hydra_versions import store
from enhance.config.limits import check_ranges
from enhance.config.nodes import opened
from enhance.config.paths import home, initialized
from enhance.config.restoration import RESTORATIONS, RestoreConfig
from enhance.config.schema import Config
from enhance.experiment.checks import check
from enhance.runs.layout import existing_output
from enhance.utils.errors import SettingsError
from enhance.utils.suggest import short


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
    for override in parse([given for given in overrides if given.startswith(f"{SEARCH_PATH}=")])[-1:]:
        value = override.value()
        folders += [str(folder) for folder in value] if isinstance(value, list) else [str(value)]
    return f"{SEARCH_PATH}=[{','.join(map(quoted_value, [*folders, f'file://{home()}']))}]"


def with_search_path(arguments: Sequence[str], own_name: bool = False) -> list[str]:
    """The overrides for Hydra. Neither a search path of the user's nor a first file, for which `own_name` stands, hides
    the package's recipes.
    """
    others = [given for given in arguments if not given.startswith(f"{SEARCH_PATH}=")]
    return [*others, search_path(arguments)] if own_name or len(others) < len(arguments) else others


def checked(
    arguments: Sequence[str], sweep: bool = True, config_dir: str | None = None, restores: bool = False
) -> None:
    """Compose the settings of every value that was given and check them.

    Args:
        arguments: key=value each.
        sweep: whether a key may have several values.
        config_dir: a folder of the user's own recipes and groups, see `search_path`.
        restores: whether they are those of restorations, as `for_restorations` writes them.

    Raises:
        SettingsError: one sentence about the first thing that is wrong.
    """
    overrides = parse(arguments)
    for override in overrides:
        if override.is_sweep_override() and not sweep:
            raise SettingsError(f"{override.input_line} has several values: add -m to sweep over them.")
        if override.is_interval_sweep() and not any(other.key_or_group == "hydra/sweeper" for other in overrides):
            raise SettingsError(
                f"{override.input_line} is for a sweeper that chooses values itself, hydra/sweeper=NAME; without one, "
                "list them or use range(...)."
            )
        if override.key_or_group == "hydra.job.chdir" and str(override.value()).lower() == "true":
            raise SettingsError(
                "hydra.job.chdir=true would look for files in the folder of the run, where those named here are not; "
                "leave it out."
            )
    _require_reference(overrides)
    path = search_path(arguments, config_dir)
    composer = Composer(RESTORE, RestoreConfig, path) if restores else Composer("config", Config, path)
    refuse = check_ranges if restores else check
    for override in [given for given in overrides if given.key_or_group == "hydra.run.dir"][-1:]:
        for value in values_of(override):
            if found := existing_output(Path(value)):
                raise SettingsError(f"{value} holds a {found} already; name another folder, or resume the run in it.")
    with initialized():
        for override in overrides:
            composer.check_choice(override)
        for combination in combinations(overrides):
            refuse(composer.settings(combination))


def _require_reference(overrides: Sequence[Override]) -> None:
    """Check that a file to start from comes with a reference of its own, not the sample that is the default.

    Raises:
        SettingsError: if it does not.
    """
    given = {override.key_or_group for override in overrides}
    if given & {"reference", "recipes"}:
        return
    for override in overrides:
        for value in values_of(override) if override.key_or_group == "initial" else ():
            if os.path.isfile(value.strip("'\"")):
                raise SettingsError(
                    f"initial={short(value)} is an image to start from; name what it is compared with too: "
                    "reference=FILE."
                )


def chosen_tool(arguments: Sequence[str]) -> str | None:
    """The tool that the arguments name, if `task=` is one, or restores an `image=`."""
    name = chosen_task(arguments)
    if set(name.split(",")) <= set(RESTORATIONS) and any(argument.startswith("image=") for argument in arguments):
        return RESTORE
    return name if name in TOOLS else None


def chosen_task(arguments: Sequence[str]) -> str:
    """The last task that the arguments name; empty where there is none."""
    parts = (argument.partition("=") for argument in arguments)
    names = [value for key, _, value in parts if key in ("task", "task.name")]
    return names[-1] if names else ""


def for_restorations(arguments: Sequence[str]) -> list[str]:
    """The arguments of a restoration, whose task, degradation and denoiser are no groups of conf/: group=NAME names
    one.

    Example:
        >>> for_restorations(["task=denoise", "image=a.png", "denoiser.perception=0,1"])
        ['task.name=denoise', 'image=a.png', 'denoiser.perception=0,1']
    """
    return [
        f"{key}.name={value}" if equals and key in ("task", "degradation", "denoiser") else argument
        for argument in arguments
        for key, equals, value in [argument.partition("=")]
    ]


def tool_settings(tool: str, arguments: Sequence[str]) -> Any:
    """The settings of a tool, composed and typed.

    Raises:
        SettingsError: one sentence about the first thing that is wrong.
    """
    what = chosen_task(arguments)
    arguments = for_restorations(arguments) if tool == RESTORE else arguments
    given = [override for override in parse(arguments) if override.key_or_group != "task"]
    for override in given:
        if override.is_sweep_override():
            key, _, values = (override.input_line or "").partition("=")
            if tool == RESTORE:
                raise SettingsError(f"{override.input_line} has several values: add -m to sweep over them.")
            raise SettingsError(f"task={what} takes one value of each setting; a list is written {key}=[{values}].")
    settings = import_module(f"enhance.cli.commands.{tool}").Settings
    store(f"{tool}_schema", opened(settings))
    composer = Composer(tool, settings, search_path(arguments))
    with initialized():
        for override in given:
            composer.check_choice(override)
        found = composer.settings(given)
    if tool != RESTORE:
        found.task = what
    check_ranges(found)
    return found
