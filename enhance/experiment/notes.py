"""What of a run's settings changes nothing."""

from __future__ import annotations

from enhance.config.schema import BackboneConfig, Config, OptimizerConfig, StoppingConfig, optimised, starts_from
from enhance.experiment.metric_checks import any_deep, unused_backbone
from enhance.experiment.steps import steps


def notes(config: Config, deep: bool | None = None) -> list[str]:
    """What of the settings changes nothing, in sentences.

    Args:
        config: of the run.
        deep: whether a metric of the objective uses a backbone; None: by their names.
    """
    names = [*optimised(config), *config.judges]
    found = unused_backbone(config.backbone.name, names) + _like_another(config) + _not_applied(config)
    deep = any_deep(optimised(config)) if deep is None else deep
    used = deep or any_deep(names)
    schedule, frames, backbone = config.schedule, config.frames, config.backbone
    default = BackboneConfig()
    unused = {
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
    reasons |= {"schedule": f"schedule={schedule.name} never halves the rate", "frames": f"frames={frames.spacing}"}
    return found + [
        f"{setting} changes nothing: {reasons[setting.partition('=')[0].partition('.')[0]]}"
        for setting, applies in unused.items()
        if applies
    ]


def _not_applied(config: Config) -> list[str]:
    """The degradation, of the task or of the user, where the run begins with another image."""
    degradation, initial = config.degradation.get("name", "none"), starts_from(config)
    if degradation == "none" or initial == "degraded":
        return []
    return [f"the degradation, {degradation}, is not applied: the initial image is {initial}"]


def _like_another(config: Config) -> list[str]:
    """The choices that are the same as another of their group with the settings beside them."""
    schedule, found = config.schedule, []
    if config.optimizer.name == "adamw" and not config.optimizer.weight_decay:
        found.append("optimizer=adamw without optimizer.weight_decay is adam")
    if schedule.name == "halving" and schedule.every >= steps(config):
        found.append(f"schedule=halving with schedule.every={schedule.every} and {steps(config)} steps is constant")
    return found
