"""Which settings metrics can have, in runs and in tables of scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

from enhance.backbones.registry import BACKBONES, COMPACT
from enhance.config.schema import MODULE, MetricConfig
from enhance.metrics.registry import METRICS, Row
from enhance.utils.errors import SettingsError
from enhance.utils.suggest import unknown

_OF_MODULES = ("target", "range", "higher_is_better", "best")
_OF_MEASURES = ("layout", "prefilter", "padding", "kernel")


def check_metric_name(given: str, what: str = "metric") -> None:
    """Check that a name is the NAME of a metric or, of a deep measure, NAME@BACKBONE.

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
    """Check that the settings of the metrics go together.

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
    """Check that one of the metrics that compute scores takes each setting of `metric`.

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


def check_weights(metric: MetricConfig, names: Iterable[str]) -> None:
    """Check that one of the metrics takes the weights that the settings name.

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


def unused_backbone(backbone: str, metrics: Iterable[str]) -> list[str]:
    """A note, where a backbone was chosen that none of the metrics uses."""
    names = list(metrics)
    if backbone == COMPACT or any_deep(names):
        return []
    verb = "uses" if len(names) == 1 else "use"
    return [f"{', '.join(names)} {verb} no backbone; backbone={backbone} changes nothing"]


def any_deep(names: Iterable[str]) -> bool:
    """Whether one of the metrics is a deep measure."""
    return any(METRICS.get(name.partition("@")[0], Row).deep for name in names)


def _changed(metric: MetricConfig) -> list[str]:
    """The settings beside the name that have another value than their default."""
    default = MetricConfig()
    names = (each.name for each in fields(metric) if each.name != "name")
    return [name for name in names if getattr(metric, name) != getattr(default, name)]
