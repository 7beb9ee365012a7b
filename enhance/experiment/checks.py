"""Which settings a run can have; what their types cannot refuse gets one sentence here."""

from __future__ import annotations

from collections.abc import Sequence

from enhance.backbones.registry import BACKBONES
from enhance.config.limits import check_betas, check_ranges
from enhance.config.schema import DUEL, MODULE, Config, optimised
from enhance.experiment.metric_checks import check_metric, check_metric_name, check_weights
from enhance.experiment.steps import steps
from enhance.utils.errors import SettingsError
from enhance.utils.suggest import unknown


def check(config: Config) -> None:
    """Check that a run can have these settings.

    Raises:
        SettingsError: one sentence about the first setting that cannot be.
    """
    if config.backbone.name not in BACKBONES:
        raise SettingsError(unknown("backbone", config.backbone.name, BACKBONES))
    check_ranges(config)
    check_betas(config.optimizer.betas)
    check_tile_and_warmup(config)
    check_metric(config.metric, config.terms)
    check_weights(config.metric, [*optimised(config), *config.judges])
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
    """Check that a duel has its second metric and no setting that a duel cannot follow.

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


def check_judges(names: Sequence[str]) -> None:
    """Check that these are names of metrics, each given once.

    Raises:
        SettingsError: if they are not.
    """
    for name in names:
        check_metric_name(name, "metric")
        if list(names).count(name) > 1:
            raise SettingsError(f"judges=[{','.join(names)}] has {name} twice; leave one out.")


def check_tile_and_warmup(config: Config) -> None:
    """Check that tiles are large enough and the warm-up is shorter than the run.

    Raises:
        SettingsError: if they are not.
    """
    if config.tile is not None and config.tile != 0 and config.tile < 64:
        raise SettingsError(f"tile={config.tile} must be at least 64 pixels, or 0 for never.")
    if config.schedule.warmup >= steps(config):
        raise SettingsError(f"schedule.warmup={config.schedule.warmup} must be less than steps={steps(config)}.")
