"""One optimisation, recorded in a folder of its own: loop, checkpoints, history, figures, report."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import torch

from enhance.config.restoration import RESTORATIONS
from enhance.config.schema import Config, starts_from
from enhance.experiment.devices import choose_device
from enhance.experiment.metadata import describe, device_name, fingerprint
from enhance.experiment.metrics import Metrics
from enhance.experiment.optimization import Optimization
from enhance.experiment.steps import steps
from enhance.optim.inputs import Inputs, read_inputs
from enhance.optim.objective import Objective
from enhance.optim.stopping import EarlyStopping, started
from enhance.runs import layout as names
from enhance.runs.checkpoint import Checkpoints
from enhance.runs.errors import resumable, resume_command
from enhance.runs.interrupt import Interrupt
from enhance.runs.loggers import Loggers
from enhance.runs.progress import Progress
from enhance.runs.recorder import Recorder
from enhance.scoring.evaluation_metrics import EvaluationMetrics
from enhance.utils.files import write_json

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Setup:
    """What of the settings is made once, however many optimisations a run has.

    Attributes:
        config: the settings.
        command: what the user typed, for the record.
        device: of the run.
        inputs: reference, initial image and mask.
        metrics: by name, sharing their networks.
    """

    config: Config
    command: str
    device: torch.device
    inputs: Inputs
    metrics: Metrics


def set_up(config: Config, command: str) -> Setup:
    """The device, the images and the metrics of the settings.

    Raises:
        ValueError: one sentence about what is wrong with the settings or the files.
    """
    device = choose_device(config.device)
    torch.manual_seed(config.seed)
    inputs = read_inputs(
        config.reference,
        starts_from(config),
        config.degradation,
        mask=config.mask,
        size=config.size,
        seed=config.seed,
        background=config.background,
        range=config.range,
    )
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    precision = {"autocast": config.autocast, "tf32": config.tf32, "compiled": config.compile}
    return Setup(config, command, device, inputs, Metrics(config.metric, config.backbone, **precision))


def record(
    setup: Setup,
    optimization: Optimization,
    evaluation: EvaluationMetrics,
    folder: Path,
    resume: bool,
    title: str = "",
    part_of: Path | None = None,
) -> dict[str, Any]:
    """Make the steps of an optimisation and leave its results in `folder`; returns its metrics.json.

    Args:
        setup: of the run.
        optimization: of it.
        evaluation: scores the frames and the best image.
        folder: an existing folder of its own.
        resume: go on from the checkpoint in the folder; from the beginning if it has none.
        title: what is optimised, for people; empty: the terms of the objective.
        part_of: the folder that goes on after an interruption, where it is not `folder` itself.

    Raises:
        ValueError: if the optimisation cannot begin, or the checkpoint is of another one.
        OSError: if the folder cannot be written any more; the run can go on from what it has.
        KeyboardInterrupt: after Ctrl-C, once everything so far has been written.
    """
    config, inputs, objective = setup.config, setup.inputs, optimization.objective
    checkpoints = Checkpoints(folder, config.checkpoint, fingerprint(config, inputs, objective))
    saved = checkpoints.load() if resume else None
    if resume and saved is None:
        for file in names.frame_files(folder).values():  # the run begins anew
            file.unlink()
    known = describe(config, inputs, objective, setup.device, setup.command) | {"scores": evaluation.describe()}
    known |= {"title": title} if title else {}
    devices = [*(saved or {}).get("devices", []), device_name(setup.device)]
    known["devices"] = devices = [name for name, _ in groupby(devices)]
    run = EarlyStopping(optimization.steps(saved and saved["loop"]), optimization.rules(), saved and saved["stopping"])
    remarks = _notes([*inputs.notes, *optimization.notes()], saved, devices)
    title = f"{config.task.name}: {title}" if title else f"{config.task.name} with {_title(objective)}"
    for line in (setup.command, f"{title} on {setup.device}", *_kind(config), *remarks):
        _log.info(line)
    frames = optimization.frames()
    shown = frames.chosen()
    kept: dict[str, Any] = {
        "metadata": known,
        "frames": frames,
        "bits": inputs.bits,
        "scores": evaluation,
    }
    stopped, first = False, 0 if saved is None else saved["loop"]["index"] + 1
    bar = Progress(steps(config), title, remarks)
    with resumable(part_of or folder), ExitStack() as entered, Interrupt() as interrupt, bar as progress:
        if saved is None:
            made = started(run)
            checkpoints.remove()
            recorder = Recorder(folder, inputs.reference, inputs.initial, **kept)
        else:
            made = iter(run)
            recorder = Recorder.resume(folder, inputs.reference, state=saved["recorder"], **kept)
        loggers = entered.enter_context(Loggers(config.logger, folder, asdict(config), first))
        for step in made:
            row = recorder.record(step)
            progress.show(row)
            loggers.log(row, step.image if row.step in shown else None)
            if step.note:
                _log.warning(step.note)
            stopped = interrupt.requested
            if stopped or checkpoints.due():
                state = {"loop": step.state(), "recorder": recorder.state(), "stopping": run.state()}
                checkpoints.save(state | {"devices": devices})
            if stopped:
                break
        if config.figures:
            progress.conclude()
        results = recorder.finish("interrupted" if stopped else run.reason, objective.layers)
        loggers.conclude({} if stopped else results["best"])
        if not stopped:
            conclude(folder, config.figures)
        elif config.figures:
            _draw(folder)
        progress.summarise(results, folder)
    best = results["best"]
    _log.info("%s after %d steps in %.1f s", results["stop_reason"], results["steps_made"], results["seconds"])
    _log.info("best loss %.6g at step %d; all figures are in metrics.json", best["loss"], best["step"])
    if stopped:
        _log.warning("To go on: %s", resume_command(part_of or folder))
    if interrupt.requested:  # also after the last step: all is there, but a sweep should not go on
        raise KeyboardInterrupt
    return results


def concluded(folder: Path, command: str, figures: bool = Config.figures) -> dict[str, Any] | None:
    """The metrics.json of an optimisation whose steps this command has made already; what is missing of its figures is
    drawn. None where steps are to be made.
    """
    made = names.read_metrics(folder)
    if made.get("command") != command or made.get("status") not in ("drawing", "finished"):
        return None
    if made["status"] == "drawing":
        with resumable(folder):
            conclude(folder, figures)
        drawn = "; figures and report are drawn" if figures else ""
        print(f"All steps were made already{drawn}, results in {folder}")
    return made


def followed(live: bool, folder: Path | None = None) -> AbstractContextManager[Callable[[Path], object]]:
    """The live view of the run in a folder, for a `with` whose value, called with a folder, makes it show that one.

    Args:
        live: False: there is no view, and the function does nothing.
        folder: of the run; None: not known yet.
    """
    if not live:
        return nullcontext(lambda folder: None)
    from enhance.report.live import live_view  # matplotlib takes long to import

    return live_view(folder)


def conclude(folder: Path, figures: bool = Config.figures) -> None:
    """Draw everything of a run whose steps are all made, and only then say in metrics.json that it is finished.

    Args:
        folder: of the run.
        figures: False: nothing is drawn.

    Raises:
        ValueError: if the folder holds no run.
        OSError: if it cannot be written; `conclude` may be called again.
    """
    if figures:
        _draw(folder)
    for name in names.CHECKPOINTS:
        (folder / name).unlink(missing_ok=True)
    write_json(folder / names.METRICS, names.read_metrics(folder) | {"status": "finished"})


def _draw(folder: Path) -> None:
    from enhance.report.render import render  # matplotlib takes long to import

    render(folder)


def _title(objective: Objective) -> str:
    """The terms in words, e.g. `deepjsd in vgg16 + 0.5 mae`."""
    parts = []
    for term in objective.describe():
        backbone = term.get("metric", {}).get("backbone")
        weight = "" if term["weight"] == 1 else f"{term['weight']:g} "
        parts.append(
            f"{weight}{term['name']}" + (f" in {backbone['name']} ({backbone['weights']})" if backbone else "")
        )
    return " + ".join(parts)


def _kind(config: Config) -> tuple[str, ...]:
    """A line that says that a run is no restoration, where its task could be one."""
    if config.task.name not in RESTORATIONS:
        return ()
    return (
        f"a study of the measure: the image moves towards the reference; task={config.task.name} image=FILE restores a "
        "picture that has none",
    )


def _notes(notes: Sequence[str], saved: Mapping[str, Any] | None, devices: Sequence[str]) -> tuple[str, ...]:
    """What the user should know before the first step: that the run is resumed, and the notes."""
    found = list(notes)
    if saved is not None:
        found.insert(0, f"resumed after step {saved['loop']['index']}")
        if devices[-1] != (saved.get("devices") or devices)[-1]:
            found.insert(1, f"the run was on {devices[-2]} so far and is on {devices[-1]} now: last digits will differ")
    return tuple(found)
