"""`resume=FOLDER`: an interrupted run continues in its own folder, with its own settings."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from hydra.core.utils import configure_log
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from enhance.config.paths import home
from enhance.config.restoration import RestoreConfig
from enhance.config.schema import Config
from enhance.runs.layout import KIND_OF_RESTORATIONS, METRICS, existing_output, read_metrics
from enhance.runs.sweep import clear_failed, recorded_command, settings_only
from enhance.utils.errors import SettingsError

_KEY = "resume="
_LOGGING = "conf/hydra/job_logging/enhance.yaml"


def requested_folder(arguments: Sequence[str]) -> Path | None:
    """The folder that the arguments name, if they ask for this.

    Raises:
        SettingsError: if there is anything beside it: a run that goes on has the settings that it began with.
    """
    folders = [argument for argument in arguments if argument.startswith(_KEY)]
    if not folders:
        return None
    if others := [argument for argument in arguments if argument != folders[0]]:
        raise SettingsError(f"{folders[0]} takes the settings of that run and no others, not {others[0]}.")
    return Path(folders[0].removeprefix(_KEY)).expanduser().absolute()


def resume_run(folder: Path) -> None:
    """Continue the run of a folder from its last checkpoint or, if it has none, from its beginning, as a restoration
    does always.

    Raises:
        ValueError: if the folder holds no run that can go on.
        OSError: see `enhance.experiment.run.run`.
        KeyboardInterrupt: after Ctrl-C.
    """
    made = read_metrics(folder)
    if made.get("status") == "finished":
        print(f"{folder}: this run is finished; there is nothing to resume.")
        return
    if made.get("kind") == KIND_OF_RESTORATIONS:
        _restore_anew(folder, made)
        return
    settings, hydra = _read(folder, "config"), _read(folder, "hydra")
    try:
        config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Config), settings))
        with open_dict(hydra):
            hydra.hydra.runtime.output_dir = str(folder)  # which may have been moved
            hydra.hydra["job_logging"] = OmegaConf.load(
                home() / _LOGGING
            )  # the package's own: the folder may be anybody's
        configure_log(hydra.hydra.job_logging)
        command = shlex.join(["python", "-m", "enhance", *settings_only(hydra.hydra.overrides.task)])
        began_in = Path(hydra.hydra.runtime.cwd)
    except (OmegaConfBaseException, AttributeError, TypeError) as error:  # the latter where a section is missing
        raise _unreadable(folder, str(error).splitlines()[0]) from error
    from enhance.experiment.run import run

    with _in(began_in, folder):
        run(config, folder, command, resume=True)  # type: ignore[arg-type]


def _restore_anew(folder: Path, made: Mapping[str, Any]) -> None:
    """Make the restoration of a folder again, from the settings in its metrics.json."""
    try:
        config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(RestoreConfig), made["settings"]))
        began_in, command = Path(made["began_in"]), str(made["command"])
    except (OmegaConfBaseException, KeyError, TypeError, ValueError) as error:
        raise _unreadable(folder, f"{METRICS} does not have its settings") from error
    config.output = None  # type: ignore[union-attr]  # it is this folder, wherever it lies now
    from enhance.experiment.restoration_run import restore_into

    with _in(began_in, folder):
        restore_into(config, folder, command)  # type: ignore[arg-type]


@contextmanager
def _in(began_in: Path, folder: Path) -> Iterator[None]:
    """The folder in which a run began, while it goes on.

    Raises:
        SettingsError: if it is gone.
    """
    if not began_in.is_dir():
        raise SettingsError(f"The run began in {began_in}, which is gone; its files are named as seen from there.")
    clear_failed(folder)
    with chdir(began_in):
        yield


def _read(folder: Path, name: str) -> Any:
    file = folder / "hydra" / f"{name}.yaml"
    try:
        values = OmegaConf.load(file)
    except FileNotFoundError as error:
        raise _unreadable(folder, f"there is no {file.relative_to(folder)}") from error
    except (YAMLError, OmegaConfBaseException, OSError, ValueError) as error:
        raise _unreadable(folder, f"{file.relative_to(folder)} is damaged") from error
    if not isinstance(values, DictConfig) or not values:
        raise _unreadable(folder, f"{file.relative_to(folder)} is empty")
    return values


def _unreadable(folder: Path, why: str) -> SettingsError:
    if (folder / "hydra").is_dir() and not existing_output(folder):  # killed while its settings were written down
        return SettingsError(
            f"The run in {folder} was cut off before its first step, so nothing is lost: give its command again."
        )
    if recorded_command(folder) is not None:
        return SettingsError(
            f"{folder} is the folder of a sweep, which goes on by its own command with sweep.resume=true, or of whose "
            "jobs one does by that job's folder."
        )
    return SettingsError(f"{folder} holds no run that can go on: {why}; begin a new one.")
