"""The command: the arguments are read and checked, then a tool runs, or Hydra composes the settings of each run."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from enhance.cli.help import help_text
from enhance.config.hydra_versions import main_arguments
from enhance.config.paths import home
from enhance.utils.files import sentence

_log = logging.getLogger("enhance")
_USER_ERROR, _INTERRUPTED = 2, 130
_MULTIRUN_MODE = "HYDRA.MODE=MULTIRUN"
_FULL_ERROR = "HYDRA_FULL_ERROR"
_TRACEBACK = os.environ.get(_FULL_ERROR)  # whether users want to see one


def main() -> None:
    """Entry point of `enhance` and of `python -m enhance`."""
    arguments = sys.argv[1:]
    if {"-h", "--help"} & set(arguments):
        print(help_text())
        return
    if "--version" in arguments:
        from enhance.utils.machine import VERSION

        print(f"enhance {VERSION}")
        return
    from enhance.cli.commands import RESTORE
    from enhance.cli.flags import MULTIRUN, parse
    from enhance.cli.overrides import checked, chosen_tool, for_restorations, with_search_path
    from enhance.cli.quoting import quoted
    from enhance.cli.resolvers import register_resolvers
    from enhance.cli.resume import requested_folder, resume_run
    from enhance.config.nodes import register

    arguments = sorted(quoted(arguments), key=lambda given: given not in MULTIRUN)  # Hydra takes it first or last
    logging.raiseExceptions = False  # a log that cannot be written must not hide what is wrong
    register_resolvers()
    register()
    try:
        if folder := requested_folder(arguments):
            resume_run(folder)
            return
        flags = parse(arguments)
        overrides: list[str] = flags.overrides
        if flags.shell_completion:  # its words are no settings
            _hydra([], sweep=False)
            return
        sweep = flags.multirun or _MULTIRUN_MODE in (each.upper() for each in overrides)
        tool = chosen_tool(overrides)
        restores = tool == RESTORE and sweep
        if tool and not restores:
            sys.exit(_use(tool, arguments, overrides))
        if restores:
            arguments = for_restorations(arguments)
            flags.overrides = overrides = for_restorations(overrides)
        checked(overrides, sweep, flags.config_dir, restores)
        if flags.cfg == "hydra" and flags.resolve:
            raise ValueError("--cfg hydra names settings of the run and cannot be resolved alone: --cfg all --resolve.")
        overrides = with_search_path(overrides, own_name=flags.config_name is not None)
        arguments = [*overrides, *(each for each in arguments if each not in flags.overrides)]
        sys.argv[1:] = _same_sweep(arguments, overrides, sweep)
        _hydra(overrides, sweep, RESTORE if restores else "config")
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        _give_up(error)


def _use(tool: str, arguments: list[str], overrides: list[str]) -> int:
    """Run a tool: settings as everywhere, but no sweep and no folder of its own; returns the exit code."""
    from importlib import import_module

    from enhance.cli.overrides import chosen_task, tool_settings

    if flags := [argument for argument in arguments if argument not in overrides]:
        raise ValueError(f"task={chosen_task(overrides)} takes key=value settings only, not {flags[0]}.")
    return import_module(f"enhance.cli.commands.{tool}").run(tool_settings(tool, overrides))


def _same_sweep(arguments: list[str], overrides: list[str], sweep: bool) -> list[str]:
    """The arguments, with the folder of the earlier sweep that they go on with."""
    from enhance.runs.sweep import newest_sweep, requested_folder, resume_requested

    resume = resume_requested(overrides)
    if resume and not sweep:
        raise ValueError("sweep.resume=true goes with -m; a single run goes on with resume=FOLDER.")
    if (folder := requested_folder(overrides, resume)) or not resume:
        if resume:
            print(f"note: going on in {folder}", file=sys.stderr)
        return arguments
    folder = newest_sweep(overrides, Path("outputs"))
    if folder is None:
        print("note: there is no earlier sweep of this command; it begins anew", file=sys.stderr)
        return arguments
    print(f"note: going on in {folder}", file=sys.stderr)
    return _with(f"hydra.sweep.dir='{folder.absolute()}'", arguments, overrides)


def _with(override: str, arguments: list[str], overrides: list[str]) -> list[str]:
    """The arguments and one more override, beside the others: argparse takes them only where they stand together."""
    place = arguments.index(overrides[0]) if overrides else len(arguments)
    return [*arguments[:place], override, *arguments[place:]]


def _hydra(overrides: list[str], sweep: bool, name: str = "config") -> None:
    """Let Hydra compose the settings and run the job or the jobs of a sweep, which is summarised however it ends.

    Args:
        overrides: key=value each.
        sweep: whether there are several jobs.
        name: of the YAML in conf/ that is the first.
    """
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    folder = str(home() / "conf")
    run = hydra.main(config_path=folder, config_name=name, **main_arguments())(_job)
    try:
        with _raising():
            if sweep:
                _sweep(run, overrides)
            else:
                run()
    except BrokenPipeError:
        raise
    except HydraException as error:  # about its own flags: the settings are checked
        said = str(error).splitlines()[0].rstrip(".")
        if "searchpath is only supported" in said:
            said = "A first file of your own stands on `base`, not on `config`: defaults: [base, _self_]"
        raise ValueError(f"{said}.") from error
    except (OSError, OmegaConfBaseException) as error:  # a job gives up by itself: this is about its folder
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, FileNotFoundError) and "--experimental-rerun" in sys.argv:
            raise ValueError(f"{cause.filename} does not exist.") from error
        raise _unwritable(sentence(cause) if isinstance(cause, OSError) else str(error).splitlines()[0]) from error


def _sweep(run: Callable[[], None], overrides: list[str]) -> None:
    """Run a sweep and summarise it, also one that is cut off by Ctrl-C or by a job whose process died; exit with the
    sweep's code.
    """
    with tempfile.TemporaryDirectory() as scratch:
        pointer = Path(scratch) / "folder"  # `RecordCommand` writes the sweep's folder there
        sys.argv = _with(f"+hydra.callbacks.record_command.pointer='{pointer}'", sys.argv, overrides)
        try:
            run()
        except (Exception, KeyboardInterrupt) as error:
            if not pointer.exists():
                raise
            _summarise(Path(pointer.read_text(encoding="utf-8")))
            print("note: the sweep was cut off; the same command with sweep.resume=true goes on", file=sys.stderr)
            if isinstance(error, (OSError, ValueError, KeyboardInterrupt)):
                raise
            raise ValueError(f"{type(error).__name__}: {error}") from error
        if pointer.exists() and (code := _summarise(Path(pointer.read_text(encoding="utf-8")))):
            sys.exit(code)


def _summarise(folder: Path) -> int:
    """Write the summary of a sweep and return the sweep's exit code; 0 where it has no summary."""
    from enhance.report.sweep.summary import summarise

    try:
        return summarise(folder).exit_code
    except (ValueError, OSError) as error:  # the jobs stand, whatever becomes of their summary
        _log.error("The sweep has no summary: %s", error)
        return 0


def _job(config: object) -> float:
    """One run or restoration; the objective that sweepers minimise is the best loss."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from omegaconf import OmegaConf

    from enhance.config.restoration import RestoreConfig
    from enhance.experiment.run import run
    from enhance.runs.sweep import clear_failed, finished_loss, mark_failed, settings_only
    from enhance.utils.gpus import of_job

    hydra_config = HydraConfig.get()
    command = shlex.join(["python", "-m", "enhance", *settings_only(hydra_config.overrides.task)])
    folder = Path(hydra_config.runtime.output_dir)
    swept = hydra_config.mode == RunMode.MULTIRUN
    if swept:
        os.chdir(hydra_config.runtime.cwd)  # files are named from there, wherever a launcher has started this job
        if (loss := finished_loss(folder, command)) is not None:
            return loss
        clear_failed(folder)
        if gpu := of_job(hydra_config.launcher._target_, config.device):  # type: ignore[attr-defined]
            _log.info("on GPU %s, process %d", gpu, os.getpid())
    try:
        _write_down(folder, config)
        settings = OmegaConf.to_object(config)  # type: ignore[arg-type]
        if isinstance(settings, RestoreConfig):
            from enhance.experiment.restoration_run import restore_into

            return restore_into(settings, folder, command)
        return run(settings, folder, command, swept)  # type: ignore[arg-type]
    except Exception as error:
        expected = isinstance(error, (ValueError, OSError))
        _log.debug("The run failed.", exc_info=True)
        if swept:  # one job that fails must not end a sweep
            reason = sentence(error) if expected else f"{type(error).__name__}: {error}".splitlines()[0]
            _log.error("%s", reason, exc_info=not expected)
            mark_failed(folder, reason)
            return float("nan")
        if not expected:
            raise
        if isinstance(error, ValueError):  # for lack of room on the disk, a run can go on
            _clear(folder)
        _give_up(error)


def _write_down(folder: Path, config: object) -> None:
    """The settings, in Hydra's own files and words; Hydra would not write them atomically.

    Raises:
        OSError: if there is no room for them; nothing is left behind.
    """
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    from enhance.utils.files import write_text

    hydra_config = HydraConfig.get()
    written = {"overrides": hydra_config.overrides.task, "hydra": {"hydra": hydra_config}, "config": config}
    try:
        for name, values in written.items():
            write_text(folder / "hydra" / f"{name}.yaml", OmegaConf.to_yaml(values))
    except OSError as error:
        _clear(folder)
        raise _unwritable(sentence(error)) from error


def _unwritable(reason: str) -> OSError:
    return OSError(
        f"The run's folder cannot be written ({reason.rstrip('.')}); mend that, or name another with "
        "hydra.run.dir=FOLDER."
    )


def _clear(folder: Path) -> None:
    """Leave no folder that looks like a run where none has begun; one with anything else in it is the user's own."""
    made = {"run.log", "hydra", "hydra/config.yaml", "hydra/hydra.yaml", "hydra/overrides.yaml"}
    if all(file.relative_to(folder).as_posix() in made for file in folder.rglob("*")):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _raising() -> Iterator[None]:
    """Hydra raises what it would print in several lines."""
    os.environ[_FULL_ERROR] = "1"
    try:
        yield
    finally:
        del os.environ[_FULL_ERROR]
        if _TRACEBACK is not None:
            os.environ[_FULL_ERROR] = _TRACEBACK


def _give_up(error: Exception) -> NoReturn:
    if _TRACEBACK:
        raise error
    print(f"enhance: {sentence(error)}", file=sys.stderr)
    sys.exit(_USER_ERROR)
