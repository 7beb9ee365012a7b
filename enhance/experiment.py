"""One run from its settings: the problem is posed, the image descends, the recorder writes down what happens."""

from __future__ import annotations

import logging
import platform
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import torch
import torchvision
from torch import Tensor

import enhance
from enhance.config import Config, SettingsError, check
from enhance.descent.loop import descend
from enhance.descent.parametrizations import Parametrization, Pixels, Pyramid
from enhance.descent.schedules import Schedule, constant, cosine, graduated, halving, warm_up
from enhance.descent.stopping import Budget, Diverged, Plateau, Rule, Target, Until
from enhance.interrupt import Interrupt
from enhance.metrics import METRICS, DeepDistance
from enhance.progress import Progress
from enhance.runs import FramePlan, Recorder, render
from enhance.suggest import unknown
from enhance.tasks.problem import Problem, pose

_log = logging.getLogger(__name__)


def run(config: Config, folder: Path, command: str) -> float:
    """Run one experiment and leave its results in `folder`.

    Args:
        config: the settings.
        folder: an existing folder of its own.
        command: what the user typed, for the record.

    Returns:
        The objective: the best loss.

    Raises:
        ValueError: one sentence about what is wrong with the settings, the files or the weights.
        KeyboardInterrupt: after Ctrl-C, once everything so far has been written.
    """
    check(config)
    device = choose_device(config.device)
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    problem = pose(
        config.reference,
        config.initial or config.task.initial,
        config.degradation,
        size=config.size,
        seed=config.seed,
        background=config.background,
    )
    metric = build_metric(config).to(device)
    if config.compile:
        metric.backbone.compile()
    parametrization = _parametrization(config, problem, device)
    recorder = Recorder(
        folder,
        problem.reference,
        problem.initial,
        facts=_facts(config, problem, metric, device, command),
        frames=FramePlan(
            config.frames.spacing, count=config.frames.count, every=config.frames.every, steps=config.steps
        ),
    )
    steps = descend(
        metric,
        problem.reference.to(device),
        parametrization,
        steps=config.steps,
        learning_rate=config.optimizer.learning_rate or config.parametrization.learning_rate,
        betas=(config.optimizer.betas[0], config.optimizer.betas[1]),
        schedule=_schedule(config),
        forget_every=config.schedule.every if config.schedule.forget else None,
        relative=config.optimizer.relative,
        smoothing=graduated(config.optimizer.smoothing),
    )
    watched = Until(steps, _stopping(config))
    title = f"{config.task.name} with {config.metric.name} in {config.backbone.name}"
    with Interrupt() as interrupt, Progress(config.steps, title, problem.notes) as progress:
        try:
            for step in watched:
                progress.show(recorder.record(step))
                if step.note:
                    _log.warning(step.note)
                if interrupt.requested:
                    break
            reason = "interrupted" if interrupt.requested else watched.reason
        except Diverged as error:
            reason = str(error)
        results = recorder.finish(reason, partial(_levels, metric, problem.reference))
        render(folder)
        progress.summarise(results, folder)
    _log.info("%s after %d steps, results in metrics.json", results["stop_reason"], results["steps_made"])
    if interrupt.requested:
        raise KeyboardInterrupt
    return float(results["best"]["loss"])


def build_metric(config: Config) -> DeepDistance:
    """The measure that the settings name, seeing every pixel unless they say otherwise."""
    kind = METRICS[config.metric.name]
    backbone = config.backbone
    return kind(
        backbone.name,
        backbone.weights,
        config.metric.layout,
        bool(config.metric.prefilter),
        rounding=config.metric.rounding or "up",
        autocast=getattr(torch, config.autocast) if config.autocast else None,
        seed=backbone.seed,
        model=backbone.model,
        nodes=backbone.nodes,
    )


def choose_device(name: str) -> torch.device:
    """`auto` is the first CUDA device where there is one, else the CPU.

    Raises:
        SettingsError: for a device that this machine does not have.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise SettingsError(
            f"device={name} is not to be had here; take device=auto, device=cpu or, with a GPU, device=cuda."
        ) from error
    return device


def _parametrization(config: Config, problem: Problem, device: torch.device) -> Parametrization:
    initial = problem.initial.to(device)
    if config.parametrization.name == "pixels":
        return Pixels(initial)
    if config.parametrization.name == "pyramid":
        settings = config.parametrization
        return Pyramid(initial, settings.levels, settings.chroma, settings.gain)
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
def _levels(metric: DeepDistance, reference: Tensor, image: Tensor) -> dict[str, float]:
    """The distance of an image at each level: of its pixels, then of the backbone's stages. Their mean is the loss."""
    values = metric.layers(image.to(metric.device), reference.to(metric.device))[0].tolist()
    return {f"stage {level}" if level else "image": value for level, value in enumerate(values)}


def _facts(
    config: Config, problem: Problem, metric: DeepDistance, device: torch.device, command: str
) -> dict[str, Any]:
    """What is known of a run before its first step."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {
        "command": command,
        "task": config.task.name,
        "reference": config.reference,
        "start": problem.start,
        "width": problem.reference.shape[-1],
        "height": problem.reference.shape[-2],
        "notes": list(problem.notes),
        "metric": asdict(config.metric),
        "backbone": {
            "name": metric.backbone.name,
            "weights": metric.backbone.origin.name,
            "from": metric.backbone.origin.weights,
            "sha256": metric.backbone.origin.sha256,
            "calibrated": metric.backbone.origin.calibrated,
        },
        "parametrization": asdict(config.parametrization),
        "optimizer": asdict(config.optimizer),
        "schedule": asdict(config.schedule),
        "stopping": asdict(config.stopping),
        "degradation": dict(config.degradation),
        "steps": config.steps,
        "seed": config.seed,
        "precision": {"compile": config.compile, "autocast": config.autocast},
        "device": {"type": str(device), "name": name, "threads": torch.get_num_threads()},
        "versions": {
            "enhance": enhance.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "numpy": numpy.__version__,
            "platform": platform.platform(),
        },
    }
