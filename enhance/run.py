"""One run from its settings: the problem is posed, the image descends, the recorder writes down what happens."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from enhance.config.schema import BackboneConfig, Config, MetricConfig, SettingsError, check
from enhance.inputs import Problem, pose
from enhance.metrics import METRICS, DeepDistance
from enhance.metrics.tiles import Tiled, whole_or_tiled
from enhance.optim.coarse_to_fine import coarse_to_fine
from enhance.optim.frames import FramePlan
from enhance.optim.loop import Settings, descend
from enhance.optim.parametrizations import Parametrization, Pixels, Pyramid
from enhance.optim.schedules import Schedule, constant, cosine, graduated, halving, warm_up
from enhance.optim.stopping import Budget, Plateau, Rule, Target, Until, begun
from enhance.runs import layout as names
from enhance.runs.checkpoint import Checkpoints
from enhance.runs.errors import explained, go_on, resumable
from enhance.runs.interrupt import Interrupt
from enhance.runs.metadata import facts, identity
from enhance.runs.progress import Progress
from enhance.runs.recorder import Recorder
from enhance.utils.files import lock, remove_partial, write_json
from enhance.utils.suggest import unknown

_log = logging.getLogger(__name__)
_KEPT = 100_000_000  # pixels


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
    with lock(folder):
        if resume:
            remove_partial(folder)
            made = names.known(folder)
            if (made.get("status"), made.get("command")) == ("drawing", command):
                with resumable(folder):
                    conclude(folder)
                print(f"All steps were made already; figures and report are drawn, results in {folder}")
                return float(made["best"]["loss"])
            if not any((folder / name).exists() for name in names.CHECKPOINTS):
                for file in names.frame_files(folder).values():  # the run begins anew
                    file.unlink()
        elif found := names.taken(folder):
            raise ValueError(f"{folder} holds a {found} already; name another folder, or resume the run in it.")
        with explained(config.compile):
            return _run(config, folder, command, resume)


def _run(config: Config, folder: Path, command: str, resume: bool) -> float:
    device = choose_device(config.device)
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    problem = pose(
        config.reference,
        config.task.initial if config.initial is None else config.initial,
        config.degradation,
        size=config.size,
        seed=config.seed,
        background=config.background,
    )
    metric = build_metric(config.metric, config.backbone, autocast=config.autocast).to(device)
    if config.compile:
        if not torch.cuda.is_available():
            logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it warns that there is no CUDA
        metric.backbone.compile()
    judge, notes = _whole_or_tiled(config, metric, problem)
    parametrized = _parametrization(config)
    schedule, rules = _schedule(config), _stopping(config)
    checkpoints = Checkpoints(folder, config.checkpoint, identity(config, problem, metric))
    saved = checkpoints.load() if resume else None
    known = facts(config, problem, metric, device, command)
    plan = _frames(config, problem)
    reference, initial = problem.reference.to(device), problem.initial.to(device)
    rate = config.optimizer.learning_rate or config.parametrization.learning_rate
    settings = Settings(
        betas=(config.optimizer.betas[0], config.optimizer.betas[1]),
        schedule=schedule,
        forget=config.schedule.forget,
        relative=config.optimizer.relative,
        smoothing=graduated(config.optimizer.smoothing),
        resume=saved and saved["descent"],
    )
    if config.coarse:
        measured = partial(whole_or_tiled, metric, size=config.tile)
        steps = coarse_to_fine(
            measured, reference, initial, parametrized, steps=config.steps, learning_rate=rate, **settings
        )
    else:
        steps = descend(judge, reference, parametrized(initial), steps=config.steps, learning_rate=rate, **settings)
    watched = Until(steps, rules, saved and saved["stopping"])
    if saved is not None:
        notes = (f"going on after step {saved['descent']['index']}", *notes)
    title = f"{config.task.name} with {config.metric.name} in {config.backbone.name}"
    for said in (command, f"{title} ({metric.backbone.origin.name}) on {device}", *notes):
        _log.info(said)
    stopped = False
    with resumable(folder), Interrupt() as interrupt, Progress(config.steps, title, notes) as progress:
        if saved is None:
            made = begun(watched)
            checkpoints.remove()
            recorder = Recorder(folder, problem.reference, problem.initial, facts=known, frames=plan)
        else:
            made = iter(watched)
            recorder = Recorder.resume(folder, problem.reference, facts=known, frames=plan, state=saved["recorder"])
        for step in made:
            progress.show(recorder.record(step))
            if step.note:
                _log.warning(step.note)
            stopped = interrupt.requested
            if stopped or checkpoints.due():
                checkpoints.save({"descent": step.state(), "recorder": recorder.state(), "stopping": watched.state()})
            if stopped:
                break
        progress.conclude()
        results = recorder.finish("interrupted" if stopped else watched.reason, partial(_levels, judge, reference))
        if stopped:
            _draw(folder)
        else:
            conclude(folder)
        progress.summarise(results, folder)
    best = results["best"]
    _log.info("%s after %d steps in %.1f s", results["stop_reason"], results["steps_made"], results["seconds"])
    _log.info("best loss %.6g at step %d; all figures are in metrics.json", best["loss"], best["step"])
    if stopped:
        _log.warning("To go on: %s", go_on(folder))
        raise KeyboardInterrupt
    if interrupt.requested:  # after the last step: all is there, but a sweep should not go on
        raise KeyboardInterrupt
    return float(results["best"]["loss"])


def conclude(folder: Path) -> None:
    """Draw everything of a run whose steps are all made, and only then say in metrics.json that it is finished.

    Raises:
        ValueError: if the folder holds no run.
        OSError: if it cannot be written; `conclude` may be called again.
    """
    _draw(folder)
    for name in names.CHECKPOINTS:
        (folder / name).unlink(missing_ok=True)
    write_json(folder / names.METRICS, names.known(folder) | {"status": "finished"})


def _draw(folder: Path) -> None:
    from enhance.report.render import render  # matplotlib takes long to import

    render(folder)


def build_metric(
    metric: MetricConfig, backbone: BackboneConfig, *, scoring: bool = False, autocast: str | None = None
) -> DeepDistance:
    """The measure that the settings name: as published for scoring, else seeing every pixel unless they say otherwise.

    Raises:
        ValueError: for a name that there is not.
        WeightsError: if the weights cannot be had or do not fit.
    """
    if metric.name not in METRICS:
        raise SettingsError(unknown("metric", metric.name, METRICS))
    return METRICS[metric.name](
        backbone.name,
        backbone.weights,
        metric.layout,
        scoring if metric.prefilter is None else metric.prefilter,
        rounding=metric.rounding or ("published" if scoring else "up"),
        autocast=getattr(torch, autocast) if autocast else None,
        seed=backbone.seed,
        model=backbone.model,
        nodes=backbone.nodes,
    )


def _frames(config: Config, problem: Problem) -> FramePlan:
    """Of large images fewer frames are kept, and SSIM is computed as rarely: all frames together have _KEPT pixels."""
    height, width = problem.reference.shape[-2:]
    most = max(2, _KEPT // (height * width))
    every = max(config.frames.every, -(-config.steps // most))
    return FramePlan(config.frames.spacing, count=min(config.frames.count, most), every=every, steps=config.steps)


def _whole_or_tiled(
    config: Config, metric: DeepDistance, problem: Problem
) -> tuple[DeepDistance | Tiled, tuple[str, ...]]:
    """What judges the image, in tiles where it is large, and the notes for the user."""
    height, width = problem.reference.shape[-2:]
    judge = whole_or_tiled(metric, height, width, config.tile)
    if not isinstance(judge, Tiled):
        return judge, problem.notes
    return judge, (*problem.notes, f"measured as {len(judge.boxes(height, width))} tiles of {judge.size} pixels")


def choose_device(name: str) -> torch.device:
    """`auto` is the first CUDA device where there is one, else the CPU.

    Raises:
        SettingsError: for a device that this machine does not have.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise SettingsError(
            f"device={name} is not to be had here; take device=auto, device=cpu or, with a GPU, device=cuda."
        ) from error
    return device


def _parametrization(config: Config) -> Callable[[Tensor], Parametrization]:
    if config.parametrization.name == "pixels":
        return Pixels
    if config.parametrization.name == "pyramid":
        settings = config.parametrization
        return partial(Pyramid, levels=settings.levels, chroma=settings.chroma, gain=settings.gain)
    raise SettingsError(unknown("parametrization", config.parametrization.name, ("pixels", "pyramid")))


def _schedule(config: Config) -> Schedule:
    schedules = {"constant": constant, "cosine": cosine, "halving": halving(config.schedule.every)}
    if config.schedule.name not in schedules:
        raise SettingsError(unknown("schedule", config.schedule.name, schedules))
    return warm_up(schedules[config.schedule.name], config.schedule.warmup)


def _stopping(config: Config) -> list[Rule]:
    stopping = config.stopping
    rules: list[Rule] = [Target(stopping.loss, stopping.score)]
    if stopping.patience is not None:
        rules.append(Plateau(stopping.patience, stopping.tolerance))
    if stopping.seconds is not None:
        rules.append(Budget(stopping.seconds))
    return rules


@torch.no_grad()
def _levels(metric: DeepDistance | Tiled, reference: Tensor, image: Tensor) -> dict[str, float]:
    """The distance of an image at each level: of its pixels, then of the backbone's stages. Their mean is the loss."""
    values = metric.layers(image.to(reference), reference)[0].tolist()
    return {f"stage {level}" if level else "image": value for level, value in enumerate(values)}
