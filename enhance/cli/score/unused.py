"""Settings of `task=score` that what is compared does not use: refused where a table would not be what was asked for,
else noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from enhance.backbones.registry import COMPACT
from enhance.cli.score.settings import Measured, Settings
from enhance.config.groups import backbone_settings
from enhance.config.paths import default_choice
from enhance.config.schema import MetricConfig
from enhance.experiment.metric_checks import any_deep
from enhance.utils.errors import SettingsError

_OF_MERGES = ("task", "merge", "output", "format")


def check_merge(settings: Settings) -> None:
    """Check that no setting stands beside those of a merge.

    Raises:
        SettingsError: one sentence that names those that do.
    """
    default = Settings(metric=MetricConfig(default_choice("metric")), backbone=backbone_settings())
    names = [each.name for each in fields(settings) if each.name not in _OF_MERGES]
    if others := [f"{name}=" for name in names if getattr(settings, name) != getattr(default, name)]:
        raise SettingsError(
            f"merge= joins tables that are there, and takes output= and format= alone; leave {', '.join(others)} out."
        )


def unused(settings: Settings, keys: Sequence[str], why: str) -> list[str]:
    """A note for each of the settings that was given: it changes nothing, and why.

    Example:
        >>> unused(Settings(batch=4), ["batch", "workers"], "there is one pair")
        ['batch=4 changes nothing: there is one pair']
    """
    default = Settings()
    given = {key: value for key in keys if (value := getattr(settings, key)) != getattr(default, key)}
    return [f"{key}={value} changes nothing: {why}" for key, value in given.items()]


def unused_choices(settings: Measured, names: Sequence[str]) -> list[str]:
    """Notes on a `metric=` or a `backbone=` beside lists that do not have it.

    Args:
        settings: of the command; `metrics` and `backbones` are lists or None.
        names: of the metrics that are computed.
    """
    found, metric, backbone = [], settings.metric.name, settings.backbone.name
    if settings.metrics and metric != default_choice("metric") and metric not in {_plain(name) for name in names}:
        found.append(f"metric={metric} changes nothing: metrics= names others")
    deep = [name for name in names if any_deep([name])]
    own = {name.partition("@")[2] for name in deep} - {""}
    asked = {*own, *(settings.backbones or [])}
    if deep and backbone not in (COMPACT, *asked):
        if settings.backbones:
            found.append(f"backbone={backbone} changes nothing: backbones= names others")
        elif all("@" in name for name in deep):
            found.append(f"backbone={backbone} changes nothing: {', '.join(deep)} name their own")
    return found


def _plain(name: str) -> str:
    return name.partition("@")[0]
