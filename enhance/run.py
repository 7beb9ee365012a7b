"""One run from its settings: inputs are read, the image is optimised, the recorder writes the results."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import torch

from enhance.build import Metrics, Optimization, choose_device, terms
from enhance.config.checks import check, notes
from enhance.config.schema import Config, steps
from enhance.inputs import Inputs, read_inputs
from enhance.optim.determinism import deterministic
from enhance.optim.objective import Objective
from enhance.optim.stopping import EarlyStopping, started, stopping_rules
from enhance.runs import layout as names
from enhance.runs.checkpoint import Checkpoints
from enhance.runs.errors import explained, resumable, resume_command
from enhance.runs.interrupt import Interrupt
from enhance.runs.loggers import Loggers, check_loggers
from enhance.runs.metadata import describe, device_name, fingerprint
from enhance.runs.progress import Progress
from enhance.runs.recorder import Recorder
from enhance.utils.files import lock, remove_partial, write_json

_log = logging.getLogger(__name__)


def run(config: Config, folder: Path, command: str, resume: bool = False) -> float:
    """Run one experiment and leave its results in `folder`.

    Args:
        config: the settings.
        folder: an existing folder of its own.
        command: what the user typed, for the record.
        resume: go on from the checkpoint in the folder; from the beginning if it has none. Where all steps are made,
            what is missing of the figures is drawn.

    Returns:
        The objective: the best loss.

    Raises:
        ValueError: one sentence about what is wrong with the settings, the files, the weights or the checkpoint.
        OSError: if the folder cannot be written any more; the run can go on from what it has.
        KeyboardInterrupt: after Ctrl-C, once everything so far has been written.
    """
    check(config)
    check_loggers(config.logger)
    with lock(folder):
        if resume:
            remove_partial(folder)
            made = names.read_metrics(folder)
            if (made.get("status"), made.get("command")) == ("drawing", command):
                with resumable(folder):
                    conclude(folder)
                print(f"All steps were made already; figures and report are drawn, results in {folder}")
                return float(made["best"]["loss"])
            if not any((folder / name).exists() for name in names.CHECKPOINTS):
                for file in names.frame_files(folder).values():  # the run begins anew
                    file.unlink()
        elif found := names.existing_output(folder):
            raise ValueError(f"{folder} holds a {found} already; name another folder, or resume the run in it.")
        fixed = deterministic(config.deterministic, _log.warning)
        with explained(config.compile), _threads(config.threads), fixed:
            return _run(config, folder, command, resume)


def _run(config: Config, folder: Path, command: str, resume: bool) -> float:
    device = choose_device(config.device)
    torch.manual_seed(config.seed)
    inputs = read_inputs(
        config.reference,
        config.task.initial if config.initial is None else config.initial,
        config.degradation,
        mask=config.mask,
        size=config.size,
        seed=config.seed,
        background=config.background,
    )
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    precision = {"autocast": config.autocast, "tf32": config.tf32, "compiled": config.compile}
    metrics = Metrics(config.metric, config.backbone, **precision)
    optimization = Optimization(config, terms(config, metrics), inputs, device)
    objective = optimization.objective
    checkpoints = Checkpoints(folder, config.checkpoint, fingerprint(config, inputs, objective))
    saved = checkpoints.load() if resume else None
    known, plan = describe(config, inputs, objective, device, command), optimization.frames()
    kept = plan.chosen()
    devices = [*(saved or {}).get("devices", []), device_name(device)]
    known["devices"] = devices = [name for name, _ in groupby(devices)]
    rules = stopping_rules(config.stopping, objective.main.higher_is_better)
    run = EarlyStopping(optimization.steps(saved and saved["loop"]), rules, saved and saved["stopping"])
    remarks, title = _notes(config, inputs, objective, saved, devices), f"{config.task.name} with {_title(objective)}"
    for line in (command, f"{title} on {device}", *remarks):
        _log.info(line)
    stopped, first = False, 0 if saved is None else saved["loop"]["index"] + 1
    loggers = Loggers(config.logger, folder, asdict(config), first)
    with resumable(folder), loggers, Interrupt() as interrupt, Progress(steps(config), title, remarks) as progress:
        if saved is None:
            made = started(run)
            checkpoints.remove()
            recorder = Recorder(folder, inputs.reference, inputs.initial, metadata=known, frames=plan, bits=inputs.bits)
        else:
            made = iter(run)
            recorder = Recorder.resume(
                folder, inputs.reference, metadata=known, frames=plan, state=saved["recorder"], bits=inputs.bits
            )
        for step in made:
            row = recorder.record(step)
            progress.show(row)
            loggers.log(row, step.image if row.step in kept else None)
            if step.note:
                _log.warning(step.note)
            stopped = interrupt.requested
            if stopped or checkpoints.due():
                state = {"loop": step.state(), "recorder": recorder.state(), "stopping": run.state()}
                checkpoints.save(state | {"devices": devices})
            if stopped:
                break
        progress.conclude()
        results = recorder.finish("interrupted" if stopped else run.reason, objective.layers)
        loggers.conclude({} if stopped else results["best"])
        if stopped:
            _draw(folder)
        else:
            conclude(folder)
        progress.summarise(results, folder)
    best = results["best"]
    _log.info("%s after %d steps in %.1f s", results["stop_reason"], results["steps_made"], results["seconds"])
    _log.info("best loss %.6g at step %d; all figures are in metrics.json", best["loss"], best["step"])
    if stopped:
        _log.warning("To go on: %s", resume_command(folder))
        raise KeyboardInterrupt
    if interrupt.requested:  # after the last step: all is there, but a sweep should not go on
        raise KeyboardInterrupt
    return float(results["best"]["loss"])


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


def _notes(
    config: Config, inputs: Inputs, objective: Objective, saved: Mapping[str, Any] | None, devices: Sequence[str]
) -> tuple[str, ...]:
    """What the user should know before the first step."""
    found = [*inputs.notes, *notes(config)]
    if saved is not None:
        found.insert(0, f"resumed after step {saved['loop']['index']}")
        if devices[-1] != (saved.get("devices") or devices)[-1]:
            found.insert(1, f"it was on {devices[-2]} until then and is on {devices[-1]} now: last digits will differ")
    if objective.tiles:
        found.append(f"measured as {objective.tiles} tiles")
    return tuple(found)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """The number of CPU threads, given back afterwards."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def conclude(folder: Path) -> None:
    """Draw everything of a run whose steps are all made, and only then say in metrics.json that it is finished.

    Raises:
        ValueError: if the folder holds no run.
        OSError: if it cannot be written; `conclude` may be called again.
    """
    _draw(folder)
    for name in names.CHECKPOINTS:
        (folder / name).unlink(missing_ok=True)
    write_json(folder / names.METRICS, names.read_metrics(folder) | {"status": "finished"})


def _draw(folder: Path) -> None:
    from enhance.report.render import render  # matplotlib takes long to import

    render(folder)
