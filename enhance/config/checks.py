"""Which settings a run or a command can have; what their types cannot refuse gets one sentence here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from functools import reduce
from numbers import Integral, Real
from typing import Any

from enhance.backbones.registry import BACKBONES, COMPACT
from enhance.config.reference import KINDS, described
from enhance.config.schema import (
    DUEL,
    MODULE,
    BackboneConfig,
    Config,
    MetricConfig,
    OptimizerConfig,
    SettingsError,
    StoppingConfig,
    steps,
)
from enhance.metrics.registry import METRICS, Row
from enhance.utils.suggest import short, unknown

_ABSTRACT = {int: Integral, float: Real}  # NumPy's numbers are of them too
_OF_MODULES = ("target", "range", "higher_is_better", "best")
_OF_MEASURES = ("layout", "prefilter", "padding", "kernel")


def check(config: Config) -> None:
    """Nothing, where a run can have these settings.

    Raises:
        SettingsError: one sentence about the first setting that cannot be.
    """
    if config.backbone.name not in BACKBONES:
        raise SettingsError(unknown("backbone", config.backbone.name, BACKBONES))
    check_ranges(config)
    check_betas(config.optimizer.betas)
    check_tile_and_warmup(config)
    check_metric(config.metric, config.terms)
    against = config.against or ""
    check_weights(config.metric, [config.metric.name, *config.terms, *config.judges, against.partition("@")[0]])
    check_judges(config.judges)
    check_duel(config)
    for name, weight in config.terms.items():
        if name != MODULE:
            check_metric_name(name, "term")
        if name == config.metric.name:
            raise SettingsError(f"terms.{name} is the metric itself; its weight is weight={weight:g}.")
        if weight < 0:
            raise SettingsError(f"terms.{name}={weight:g} is too small; a weight must be at least 0.")
    if not config.weight and not any(config.terms.values()):
        raise SettingsError("All weights are 0; give weight= or one of terms.NAME= a number above 0.")


def check_duel(config: Config) -> None:
    """Nothing, where a duel has its second metric and no setting that a duel cannot follow.

    Raises:
        SettingsError: one sentence about the first setting that cannot be.
    """
    if config.task.name != DUEL:
        if config.against is not None:
            raise SettingsError(f"against={config.against} goes with task={DUEL}, not with task={config.task.name}.")
        return
    if not config.against:
        raise SettingsError(f"task={DUEL} needs against=METRIC, the second metric, e.g. against=mse.")
    check_metric_name(config.against)
    given = {
        "terms": bool(config.terms),
        "mask": config.mask is not None,
        "coarse": config.coarse,
        "tile": bool(config.tile),
        "weight": config.weight != Config.weight,
    }
    if unfit := next((key for key, is_given in given.items() if is_given), ""):
        raise SettingsError(f"task={DUEL} compares two metrics on the whole image, in four runs; leave {unfit} out.")
    if config.parametrization.name != "pixels":
        raise SettingsError(
            f"parametrization={config.parametrization.name} does not go with task={DUEL}, which moves pixels."
        )


def check_judges(judges: Sequence[str]) -> None:
    """Nothing, where these are names of metrics, each once.

    Raises:
        SettingsError: if they are not.
    """
    for name in judges:
        check_metric_name(name, "judge")
        if list(judges).count(name) > 1:
            raise SettingsError(f"judges=[{','.join(judges)}] has {name} twice; leave one out.")


def check_tile_and_warmup(config: Config) -> None:
    """Nothing, where tiles are large enough and the warm-up is shorter than the run.

    Raises:
        SettingsError: if they are not.
    """
    if config.tile is not None and config.tile != 0 and config.tile < 64:
        raise SettingsError(f"tile={config.tile} must be at least 64 pixels, or 0 for never.")
    if config.schedule.warmup >= steps(config):
        raise SettingsError(f"schedule.warmup={config.schedule.warmup} must be less than steps={steps(config)}.")


def check_betas(betas: Sequence[float]) -> None:
    """Nothing, where these are decay rates of Adam.

    Raises:
        SettingsError: if they are not.
    """
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise SettingsError(f"optimizer.betas={list(betas)} must be two numbers in [0, 1), e.g. [0.9, 0.99].")


def check_metric_name(given: str, what: str = "metric") -> None:
    """Nothing, where it is the NAME of a metric or, of a deep measure, NAME@BACKBONE.

    Raises:
        SettingsError: one sentence that names the nearest.
    """
    name, at, backbone = given.partition("@")
    if name not in METRICS:
        raise SettingsError(unknown(what, name, METRICS))
    if at and not METRICS[name].deep:
        raise SettingsError(f"{given}: {name} uses no backbone.")
    if at and backbone not in BACKBONES:
        raise SettingsError(unknown("backbone", backbone, BACKBONES))


def check_metric(metric: MetricConfig, others: Iterable[str] = ()) -> None:
    """Nothing, where the settings of the metrics go together.

    Args:
        metric: the settings, which are those of the main metric and of `module` among the others.
        others: names of further metrics: the terms of an objective, or the columns of a table of scores.

    Raises:
        SettingsError: one sentence about the first setting that cannot be.
    """
    row, others = METRICS.get(metric.name), list(others)
    if row is None and metric.name != MODULE:
        raise SettingsError(unknown("metric", metric.name, [*METRICS, MODULE]))
    module = row is None or MODULE in others
    if module and not metric.target:
        where = "metric=module" if row is None else "the metric module"
        raise SettingsError(f"{where} needs metric.target=package.Class, which compares two images.")
    deep = row is not None and row.deep
    for key in _changed(metric):
        if key in _OF_MODULES and not module:
            raise SettingsError(f"metric.{key} goes with metric=module; metric={metric.name} has its own.")
        if (key in _OF_MEASURES and not deep) or (key == "arguments" and deep and not module):
            raise SettingsError(f"metric={metric.name} takes no {key}; leave metric.{key} out.")
        if key == "arguments" and row and not deep and module:
            raise SettingsError(
                f"metric.arguments would be those of {metric.name} and of module alike; take metric=module, and "
                f"{metric.name} beside it."
            )


def check_scored(metric: MetricConfig, names: Sequence[str]) -> None:
    """Nothing, where one of the metrics that compute scores takes each setting of `metric`.

    Args:
        metric: the settings.
        names: of all columns, NAME or NAME@BACKBONE.

    Raises:
        SettingsError: one sentence about the first setting that none takes.
    """
    for name in names:
        if name != MODULE:
            check_metric_name(name)
    check_metric(metric, names)
    plain = {name.partition("@")[0] for name in names}
    deep = any(METRICS[name].deep for name in plain - {MODULE})
    takes = {"steps": False, "weights": True} | dict.fromkeys(_OF_MODULES, MODULE in plain)
    takes |= dict.fromkeys(_OF_MEASURES, deep) | {"arguments": bool({metric.name, MODULE} & plain)}
    for key in _changed(metric):
        if not takes[key]:
            raise SettingsError(f"{', '.join(names)}: no metric takes metric.{key} for a score; leave it out.")


def _changed(metric: MetricConfig) -> list[str]:
    """The settings beside the name that have another value than their default."""
    default = MetricConfig()
    names = (each.name for each in fields(metric) if each.name != "name")
    return [name for name in names if getattr(metric, name) != getattr(default, name)]


def starts_from(config: Config) -> str:
    """The initial image as the settings name it."""
    return config.initial or config.task.initial


def notes(config: Config) -> list[str]:
    """What of the settings changes nothing, in sentences."""
    names = [config.metric.name, *config.terms, *([config.against] if config.against else [])]
    found = unused_backbone(config.backbone.name, [*names, *config.judges])
    deep, used = _deep(names), _deep([*names, *config.judges])
    schedule, frames, backbone, initial = config.schedule, config.frames, config.backbone, starts_from(config)
    degradation = config.degradation.get("name", "none")
    default = BackboneConfig()
    unused = {
        f"degradation={degradation}": degradation != "none" and initial != "degraded",
        f"backbone.weights={backbone.weights}": backbone.weights == "untrained" and not used,
        f"backbone.seed={backbone.seed}": backbone.seed != default.seed
        and (not used or backbone.weights != "untrained"),
        f"optimizer.smoothing={config.optimizer.smoothing:g}": config.optimizer.smoothing != OptimizerConfig.smoothing
        and not deep,
        f"stopping.tolerance={config.stopping.tolerance:g}": config.stopping.tolerance != StoppingConfig.tolerance
        and config.stopping.patience is None,
        "compile=true": config.compile and not deep,
        f"autocast={config.autocast}": config.autocast is not None and not deep,
        "schedule.reset_moments=true": schedule.reset_moments and schedule.name in ("constant", "cosine"),
        f"frames.every={frames.every}": frames.spacing != "fixed" and frames.every != type(frames).every,
        f"frames.count={frames.count}": frames.spacing != "geometric" and frames.count != type(frames).count,
    }
    reasons = dict.fromkeys(("compile", "autocast", "optimizer"), "no metric uses a backbone")
    reasons |= {"backbone": "no metric uses random weights of a backbone", "stopping": "there is no stopping.patience"}
    reasons["degradation"] = f"the initial image is {initial}"
    reasons |= {"schedule": f"schedule={schedule.name} never halves the rate", "frames": f"frames={frames.spacing}"}
    return found + [
        f"{setting} changes nothing: {reasons[setting.partition('=')[0].partition('.')[0]]}"
        for setting, applies in unused.items()
        if applies
    ]


def _deep(names: Iterable[str]) -> bool:
    """Whether one of the metrics is a deep measure."""
    return any(METRICS.get(name.partition("@")[0], Row).deep for name in names)


def unused_backbone(backbone: str, metrics: Iterable[str]) -> list[str]:
    """A note, where a backbone was chosen that none of the metrics uses."""
    names = list(metrics)
    if backbone == COMPACT or _deep(names):
        return []
    verb = "uses" if len(names) == 1 else "use"
    return [f"{', '.join(names)} {verb} no backbone; backbone={backbone} changes nothing"]


def check_weights(metric: MetricConfig, names: Iterable[str]) -> None:
    """Nothing, where one of the metrics takes the weights that the settings name.

    Args:
        metric: the settings.
        names: of all metrics of a run or a command.

    Raises:
        SettingsError: if none does.
    """
    trunks = [name for name, row in METRICS.items() if row.trunk]
    if metric.weights != MetricConfig.weights and not set(trunks) & set(names):
        raise SettingsError(
            f"metric.weights={metric.weights} goes with {', '.join(trunks)}; deep measures take backbone.weights=..."
        )


def check_ranges(settings: Any) -> None:
    """Nothing, where the numbers of a run's or a command's settings lie in their ranges.

    Raises:
        SettingsError: one sentence about the first that cannot be.
    """
    for key, value in _numbers(asdict(settings)):
        if not math.isfinite(value):
            raise SettingsError(f"{key}={value} must be a finite number.")
    for key, value, limits, default in _limits(settings):
        if value is None:
            continue
        if limits["accepted"] and value not in limits["accepted"]:
            raise SettingsError(f"{key}={value} must be {_words(default, limits)}.")
        if limits["positive"] and not value > 0:
            raise SettingsError(f"{key}={value} must be a positive number.")
        if limits["low"] is not None and not value >= limits["low"]:
            raise SettingsError(f"{key}={value} is too small; it must be at least {limits['low']}.")
        if limits["high"] is not None and not value <= limits["high"]:
            raise SettingsError(f"{key}={value} is too large; it must be at most {limits['high']}.")


def check_types(settings: Any) -> None:
    """Nothing, where the plain settings of a dataclass are of their types, which Hydra does not check in programs.

    Raises:
        SettingsError: one sentence about the first that is not.
    """
    for key, setting in described(type(settings)).items():
        kind, value = setting.kinds[0], reduce(getattr, key.split("."), settings)
        if kind not in KINDS or (value is None and type(None) in setting.kinds):
            continue
        if isinstance(value, bool) != (kind is bool) or not isinstance(value, _ABSTRACT.get(kind, kind)):
            raise SettingsError(f"{key}={short(repr(value))} must be {KINDS[kind]}.")


def _words(default: Any, limits: Mapping[str, Any]) -> str:
    """The words that are accepted, for a sentence."""
    return " or ".join([*(["null"] if default is None else []), *limits["accepted"]])


def _limits(settings: Any, prefix: str = "") -> Iterator[tuple[str, Any, Mapping[str, Any], Any]]:
    """Every field with limits by its full dotted name, its value, the limits and the default."""
    for each in fields(settings):
        value = getattr(settings, each.name)
        if is_dataclass(value):
            yield from _limits(value, f"{prefix}{each.name}.")
        elif each.metadata:
            yield prefix + each.name, value, each.metadata, each.default


def _numbers(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every number by its full dotted name."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{key}.")
        elif isinstance(value, (int, float)):
            yield f"{prefix}{key}", value
