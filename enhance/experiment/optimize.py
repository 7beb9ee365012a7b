"""`enhance.optimize`: a run of the command, for programs and notebooks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import fields, replace
from numbers import Integral
from typing import Any, TypeVar

from torch import Tensor

from enhance.config.groups import backbone_settings, degradation_settings, group_settings
from enhance.config.limits import check_ranges
from enhance.config.paths import choices, default_choice
from enhance.config.schema import (
    Config,
    MetricConfig,
    OptimizerConfig,
    ParametrizationConfig,
    ScheduleConfig,
    StoppingConfig,
    TaskConfig,
)
from enhance.experiment.checks import check_tile_and_warmup
from enhance.experiment.devices import choose_device
from enhance.experiment.metrics import Metrics
from enhance.experiment.optimization import Optimization
from enhance.experiment.optimized import Optimized
from enhance.experiment.steps import steps as count
from enhance.metrics.metric import Metric
from enhance.metrics.psnr_ssim import ssim_or_nan
from enhance.metrics.registry import METRICS
from enhance.metrics.tiles import Tiled
from enhance.optim.determinism import deterministic as fixed_order
from enhance.optim.guard import Diverged
from enhance.optim.inputs import Given, read_inputs
from enhance.optim.objective import Term
from enhance.optim.optimizers import MakeOptimizer
from enhance.optim.parametrizations import Parametrization
from enhance.optim.schedules import Schedule
from enhance.optim.step import Step
from enhance.optim.stopping import EarlyStopping, Rule
from enhance.runs.history import Row
from enhance.runs.interrupt import Interrupt
from enhance.runs.progress import Progress, in_notebook
from enhance.runs.recorder import measured
from enhance.utils.suggest import unknown

_Settings = TypeVar("_Settings")

_log = logging.getLogger(__name__)


def optimize(
    reference: Given,
    initial: Given = TaskConfig.initial,
    metric: str | Metric | None = None,
    steps: int | None = None,
    callback: Callable[[Step], object] | None = None,
    *,
    objective: Mapping[str, float] | Sequence[Term] | Term | None = None,
    mask: Given | None = None,
    learning_rate: float | None = None,
    optimizer: str | OptimizerConfig | MakeOptimizer = OptimizerConfig.name,
    parametrization: str | ParametrizationConfig | Callable[[Tensor], Parametrization] = ParametrizationConfig.name,
    schedule: str | ScheduleConfig | Schedule = ScheduleConfig.name,
    stopping: str | StoppingConfig | None = None,
    degradation: str | Mapping[str, Any] | None = None,
    log_loss: bool | None = None,
    smoothing: float | None = None,
    size: int | None = None,
    background: str = Config.background,
    range: float | None = Config.range,
    tile: int | None = None,
    coarse: bool = Config.coarse,
    seed: int = Config.seed,
    device: str | None = None,
    autocast: str | None = Config.autocast,
    tf32: bool = Config.tf32,
    deterministic: bool = Config.deterministic,
    progress: bool | None = None,
) -> Optimized:
    """The result of moving an image down an objective to its reference, as `python -m enhance` does.

    Args:
        reference: a file or the name of a sample (reduced to 256 pixels), a tensor (1, 3, H, W) in [0, 1], an array
            (H, W, 3), (H, W) or, with alpha, (H, W, 4) of uint8, uint16 or floats in [0, 1], or a Pillow image.
        initial: where to start: white, grey, black, noise, degraded, or an image like `reference` and of its size.
        metric: a name of `enhance.METRICS`; None: that of a command that names none. Deep measures compare every pixel
            in the embedded backbone's features. Or a metric of your own, used as it is: let a deep one have
            `prefilter=False` and `padding="up"`, so that it compares every pixel.
        steps: number of updates. None: those of the metric in `enhance.METRICS`.
        callback: called with every `Step`: its index, loss, image, ... A string that it returns ends the run and
            becomes `stop_reason`; the rules of `enhance.optim.stopping` are such callbacks.
        objective: in place of `metric`, weights by name, {"deepjsd": 1, "mae": 0.5}, or a list of `enhance.Term`.
        mask: an image like `reference`, grey, or a tensor (1, 1, H, W): where the image is optimised and compared.
        learning_rate: in units of the range [0, 1]. None: that of the optimizer or the parametrization, which is lower
            for an initial image that resembles the reference.
        optimizer, parametrization, schedule: names of conf/, their settings, or functions that make them.
        stopping: rules beside the callback: a name of conf/ or their settings.
        degradation: for initial="degraded": a name, or {"name": "gaussian_noise", "sigma": 25}; what is left out is as
            in conf/.
        log_loss: minimise the logarithm of the objective. None: as the optimizer's settings say.
        smoothing: of the metric's gradient, at first. None: as the optimizer's settings say.
        size: longer side that larger images are reduced to.
        background: what transparent pixels are laid on.
        range: of floats, the value that is white; None: they must lie in [0, 1].
        tile: side of the tiles in which images are measured; None: 512 above 2 million pixels, unless a metric is a
            `Tiled`, which has its own; 0: never.
        coarse: make most steps on reduced copies.
        seed: of everything random.
        device: auto, cpu, cuda, ...; None: auto for metrics by name, else where the metric lies.
        autocast: bfloat16 or float16: the precision in which backbones of metrics by name compute.
        tf32: let a GPU round to TF32: faster; losses differ in the fourth digit.
        deterministic: on a GPU, the same numbers from the same call; slower.
        progress: whether to show how far it is. None: in a notebook.

    Returns:
        The best image, the history, and what a notebook shows. After Ctrl-C, or a notebook's stop button, what there is
        by then, with "interrupted" as `stop_reason`; a second one ends it at once.

    Raises:
        ValueError: one sentence about an image, name or number that cannot be.
        Diverged: if the very first loss, or its gradient, is not finite.

    Example:
        >>> result = enhance.optimize("astronaut", metric="deepjsd", steps=3, size=64)
        >>> result.image.shape
        torch.Size([1, 3, 64, 64])
    """
    steps, size = _whole("steps", steps, "a number of updates"), _whole("size", size, "a number of pixels")
    if isinstance(seed, bool) or not isinstance(seed, Integral):
        raise ValueError(f"seed={seed!r} must be a whole number of at least 0.")
    seed = int(seed)
    if degradation and not (isinstance(initial, str) and initial == "degraded"):
        raise ValueError("degradation goes with initial='degraded'.")
    inputs = read_inputs(
        reference,
        initial,
        _degradation(degradation),
        mask=mask,
        size=size,
        seed=seed,
        background=background,
        range=range,
    )
    terms, own = _terms(metric, objective, autocast=autocast, tf32=tf32)
    config = Config(
        metric=MetricConfig(terms[0].name),
        backbone=backbone_settings(),
        optimizer=replace(
            _settings(OptimizerConfig, "optimizer", optimizer),
            **_given(learning_rate=learning_rate, log_loss=log_loss, smoothing=smoothing),
        ),
        parametrization=_settings(ParametrizationConfig, "parametrization", parametrization),
        schedule=_settings(ScheduleConfig, "schedule", schedule),
        stopping=_settings(StoppingConfig, "stopping", stopping),
        tile=0 if tile is None and any(isinstance(term.function, Tiled) for term in terms) else tile,
        coarse=coarse,
        steps=steps,
        seed=seed,
        autocast=autocast,
        tf32=tf32,
        deterministic=deterministic,
    )
    check_ranges(config)
    check_tile_and_warmup(config)
    optimization = Optimization(
        config,
        terms,
        inputs,
        choose_device(device or "auto") if device or not own else None,
        parametrization=_function(parametrization, ParametrizationConfig),
        optimizer=_function(optimizer, OptimizerConfig),
        schedule=_function(schedule, ScheduleConfig),
    )
    interrupt = Interrupt()
    rules = [
        *optimization.rules(),
        *([_rule(callback)] if callback else []),
        lambda step: "interrupted" if interrupt.requested else None,
    ]
    run = EarlyStopping(optimization.steps(), rules)
    bar = Progress(count(config), "optimize") if (in_notebook() if progress is None else progress) else None
    with interrupt, bar or nullcontext(), fixed_order(deterministic, _log.warning):
        made = _recorded(run, optimization, bar.show if bar else lambda row: None)
    return replace(made, notes=(*inputs.notes, *optimization.notes()))


def _whole(key: str, given: int | None, what: str) -> int | None:
    """A whole number of at least 1, NumPy's too."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, Integral) or given < 1:
        raise ValueError(f"{key}={given!r} is not {what}; it must be a whole number of at least 1.")
    return int(given)


def _recorded(run: EarlyStopping, optimization: Optimization, show: Callable[[Row], None]) -> Optimized:
    plan, truth = optimization.frames(), optimization.reference
    whole, kept = plan.chosen(), replace(plan, spacing="geometric", count=5).chosen()  # where SSIM is computed; frames
    history, frames, best = list[Row](), dict[int, Tensor](), None
    for step in run:
        row = measured(step, step.image, truth, whole=step.index in whole)
        history.append(row)
        show(row)
        if step.note:
            _log.warning(step.note)
        if step.index in kept:
            frames[step.index] = step.image.to("cpu", copy=True)
        if best is None or row.loss < best[0].loss:
            best = (row, step.image.clone())
    if best is None:
        raise Diverged(run.reason)
    row, image = best
    best_row = replace(row, ssim=ssim_or_nan(image, truth))
    weights = {term["name"]: term["weight"] for term in optimization.objective.describe()}
    several = weights if len(weights) > 1 else {}
    return Optimized(image, best_row, history, run.reason, truth, optimization.initial, frames, several)


def _terms(
    metric: str | Metric | None, objective: Mapping[str, float] | Sequence[Term] | Term | None, **precision: Any
) -> tuple[list[Term], bool]:
    """The terms, and whether the metrics are the caller's own; the precision is that of the backbones of the others."""
    if objective is not None and metric is not None:
        raise ValueError("Give metric or objective, not both: the metric is a term of the objective.")
    if isinstance(objective, Term):
        objective = [objective]
    if objective is None:
        metric = default_choice("metric") if metric is None else metric
        if not isinstance(metric, str | Metric):
            raise ValueError(
                f"metric must be one of {', '.join(METRICS)}, or a metric like enhance.DeepJSD() or "
                f"enhance.as_metric(...), got {metric!r}."
            )
        objective = {metric: 1.0} if isinstance(metric, str) else [Term(metric)]
    if not objective:
        raise ValueError("objective is empty; give it metrics with their weights, {'deepjsd': 1, 'mae': 0.5}.")
    if isinstance(objective, Mapping):
        for name in objective:
            if not isinstance(name, str) or name.partition("@")[0] not in METRICS:
                raise ValueError(unknown("metric", name, METRICS))
            if isinstance(objective[name], int | float) and objective[name] < 0:
                raise ValueError(f"The weight of {name} must be at least 0, got {objective[name]!r}.")
        first = next(iter(objective)).partition("@")[0]
        metrics = Metrics(MetricConfig(first), backbone_settings(), **precision)
        return [Term(metrics.named(name), weight, name) for name, weight in objective.items()], False
    if precision["autocast"]:
        raise ValueError("autocast is a setting of your own metric: enhance.DeepJSD(autocast=torch.bfloat16).")
    terms = [term if isinstance(term, Term) else Term(term) for term in objective]
    return terms, True


def _degradation(given: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """The settings of a degradation, with those of its YAML where none are given."""
    if isinstance(given, str):
        given = {"name": given}
    if given is not None and not isinstance(given, Mapping):
        raise ValueError(
            "degradation must be a name, or settings like {'name': 'gaussian_noise', 'sigma': 25}, got "
            f"{type(given).__name__}."
        )
    known = choices()["degradation"]
    defaults = degradation_settings(given["name"]) if given and given.get("name") in known else {}
    return defaults | dict(given or {})


def _settings(kind: type[_Settings], group: str, given: object) -> _Settings:
    """The settings of a group: those given, or those of a name of conf/."""
    if isinstance(given, kind):
        return given
    if not isinstance(given, str):
        return kind()
    named = "name" in (each.name for each in fields(kind))  # type: ignore[arg-type]
    if given in choices()[group] or not named:
        return group_settings(kind, group, given)
    return kind(given)  # type: ignore[call-arg]  # of a registry, without a YAML


def _given(**settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _function(given: Any, kind: type) -> Any:
    """What was given in place of a name or of settings."""
    if given is not None and not isinstance(given, str | kind) and not callable(given):
        raise ValueError(f"{given!r} must be a name, a {kind.__name__} or a function that makes one.")
    return None if isinstance(given, str | kind) else given


def _rule(callback: Callable[[Step], object]) -> Rule:
    def rule(step: Step) -> str | None:
        answer = callback(step)
        return answer if isinstance(answer, str) else None

    return rule
