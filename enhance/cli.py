"""The command: compose the settings, check them, run, return the objective. No logic of its own."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from enhance import locate
from enhance.help import help_text
from enhance.suggest import unknown

_log = logging.getLogger("enhance")
_USER_ERROR, _INTERRUPTED = 2, 130


def main() -> None:
    """Entry point of `enhance` and of `python -m enhance`."""
    arguments = sys.argv[1:]
    if {"-h", "--help"} & set(arguments):
        print(help_text())
        return
    if "--version" in arguments:
        from enhance import __version__

        print(f"enhance {__version__}")
        return
    from enhance.arguments import checked, chosen_tool, quote_files
    from enhance.config import register
    from enhance.resume import asked, go_on

    arguments = quote_files(arguments)
    logging.raiseExceptions = False  # a log that cannot be written must not hide what is wrong
    locate.register()
    register()
    try:
        if folder := asked(arguments):
            go_on(folder)
            return
        overrides = _overrides(arguments)
        if tool := chosen_tool(overrides):
            sys.exit(_use(tool, arguments, overrides))
        checked(overrides)
        sys.argv[1:] = arguments
        _hydra()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except (ValueError, OSError) as error:
        _give_up(error)


def _overrides(arguments: list[str]) -> list[str]:
    """The key=value arguments; flags are Hydra's, and one that it does not know gets a sentence."""
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    known, strange = parser.parse_known_args(arguments)
    if strange:
        flags = [flag for action in parser._actions for flag in action.option_strings]
        raise ValueError(unknown("flag", strange[0], flags))
    return known.overrides


def _use(tool: str, arguments: list[str], overrides: list[str]) -> int:
    """Run a tool: settings as everywhere, but no sweep and no folder of its own; returns the exit code."""
    from importlib import import_module

    from enhance.arguments import tool_settings

    if flags := [argument for argument in arguments if argument not in overrides]:
        raise ValueError(f"task={tool} takes key=value settings only, not {flags[0]}.")
    return import_module(f"enhance.tools.{tool}").run(tool_settings(tool, overrides))


def _hydra() -> None:
    import hydra

    hydra.main(version_base="1.3", config_path=str(locate.home() / "conf"), config_name="config")(_job)()


def _job(config: object) -> float:
    """One run; the objective that sweepers minimise is the best loss."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from omegaconf import OmegaConf

    from enhance.experiment import run

    hydra_config = HydraConfig.get()
    command = shlex.join(["python", "-m", "enhance", *hydra_config.overrides.task])
    folder = Path(hydra_config.runtime.output_dir)
    try:
        return run(OmegaConf.to_object(config), folder, command)  # type: ignore[arg-type]
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except (ValueError, OSError) as error:
        _log.debug("The run failed.", exc_info=True)
        if hydra_config.mode == RunMode.MULTIRUN:  # one job that fails must not end a sweep
            _log.error("%s", error)
            return float("nan")
        if _only_ours(folder):  # nothing has begun: leave no folder that looks like a run
            shutil.rmtree(folder, ignore_errors=True)
        _give_up(error)


def _only_ours(folder: Path) -> bool:
    """Whether a folder, which the user may have named, holds nothing but what was made in it before a run began."""
    made = {"run.log", "hydra", "hydra/config.yaml", "hydra/hydra.yaml", "hydra/overrides.yaml"}
    return all(file.relative_to(folder).as_posix() in made for file in folder.rglob("*"))


def _give_up(error: Exception) -> NoReturn:
    if os.environ.get("HYDRA_FULL_ERROR"):
        raise error
    print(f"enhance: {error}", file=sys.stderr)
    sys.exit(_USER_ERROR)
