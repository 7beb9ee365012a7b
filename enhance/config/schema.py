"""The settings of a run, typed. YAML files under conf/ fill them; `check` says what types cannot.

Nothing here imports torch: settings are checked before anything slow begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from omegaconf import MISSING

from enhance.config.paths import choices
from enhance.utils.suggest import unknown


class SettingsError(ValueError):
    """A setting that cannot be; the message says what is accepted."""


@dataclass
class TaskConfig:
    """What is asked. `initial`: where the optimisation starts when the user names nothing: white, grey, black, noise,
    or degraded.
    """

    name: str = MISSING
    initial: str = "white"


@dataclass
class MetricConfig:
    """Which measure, and how it looks. `prefilter` and `rounding`: see `enhance.metrics.DeepDistance`.

    Where they are null a score is the published one, and an optimisation sees every pixel. `steps` is how many an
    optimisation takes unless it is told.
    """

    name: str = MISSING
    layout: str = "strided"
    prefilter: bool | None = None
    rounding: str | None = None
    steps: int = 100


@dataclass
class BackboneConfig:
    """In which features. `weights`: embedded, pretrained, untrained or a file; torchvision has `model` and `nodes`."""

    name: str = MISSING
    weights: str = "pretrained"
    seed: int = 0
    model: str | None = None
    nodes: list[str] | None = None


@dataclass
class OptimizerConfig:
    """Adam. `learning_rate` is in units of the pixel range [0, 1]; null takes the parametrization's own.

    `relative` descends log(loss) instead of the loss. `smoothing` is by how much the measure's gradient is smoothed at
    first; it goes to 0 over the run. See `enhance.optim.loop` and `enhance.metrics.deep.smoothing`.
    """

    name: str = "adam"
    learning_rate: float | None = None
    betas: list[float] = field(default_factory=lambda: [0.9, 0.99])
    relative: bool = True
    smoothing: float = 100.0


@dataclass
class ScheduleConfig:
    """How the learning rate goes: `constant`, `cosine` (after `warmup` steps) or `halving` (every `every` steps, as
    published).
    """

    name: str = MISSING
    warmup: int = 0
    every: int = 1000
    forget: bool = False


@dataclass
class StoppingConfig:
    """When to stop before all steps are made: the loss no better by the fraction `tolerance` in `patience` steps, a
    `loss` or `score` reached, or `seconds` over. Null rules do not apply.
    """

    patience: int | None = None
    tolerance: float = 0.01
    loss: float | None = None
    score: float | None = None
    seconds: float | None = None


@dataclass
class ParametrizationConfig:
    """Which numbers Adam moves: `pixels`, or a `pyramid` of `levels` images of halving size, steps in colour being
    `chroma` times and steps of the start's own bands `gain` times those in luma. Each has its own default rate, and
    `near`, that of tasks whose start resembles the reference.
    """

    name: str = MISSING
    levels: int = 7
    chroma: float = 0.5
    gain: float = 5.0
    learning_rate: float = 0.02
    near: float = 0.005


@dataclass
class FramesConfig:
    """Which steps are kept as frames: about `count` of them in `geometric` spacing, or `fixed`, every `every` steps."""

    spacing: str = "geometric"
    count: int = 40
    every: int = 10


@dataclass
class SweepConfig:
    """Of a multirun. `resume`: go on in the newest sweep of the same command, without the jobs that are finished."""

    resume: bool = False


@dataclass
class Config:
    """One run. See `python -m enhance --help`."""

    task: TaskConfig = field(default_factory=TaskConfig)
    metric: MetricConfig = field(default_factory=MetricConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    degradation: dict[str, Any] = field(default_factory=dict)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    parametrization: ParametrizationConfig = field(default_factory=ParametrizationConfig)
    stopping: StoppingConfig = field(default_factory=StoppingConfig)
    frames: FramesConfig = field(default_factory=FramesConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    reference: str = "astronaut"
    initial: str | None = None
    size: int | None = None
    tile: int | None = None
    coarse: bool = False
    background: str = "white"
    steps: int = 100
    seed: int = 0
    device: str = "auto"
    compile: bool = False
    autocast: str | None = None
    threads: int | None = None
    checkpoint: float = 10.0


_AT_LEAST: dict[str, float] = {
    "steps": 1,
    "size": 8,
    "seed": 0,
    "threads": 1,
    "checkpoint": 0,
    "backbone.seed": 0,
    "schedule.warmup": 0,
    "schedule.every": 1,
    "parametrization.levels": 1,
    "frames.count": 2,
    "frames.every": 1,
    "optimizer.smoothing": 0,
    "parametrization.gain": 0,
    "stopping.patience": 1,
    "stopping.tolerance": 0,
    "stopping.loss": 0,
    "stopping.score": 0,
    "stopping.seconds": 0,
}
_POSITIVE = ("optimizer.learning_rate", "parametrization.learning_rate", "parametrization.chroma")
_AT_MOST: dict[str, float] = {
    "steps": 1_000_000,
    "size": 32_768,
    "seed": 2**63 - 1,
    "backbone.seed": 2**63 - 1,
    "frames.count": 1000,
    "parametrization.levels": 16,
    "threads": 1024,
    **dict.fromkeys(
        ("optimizer.learning_rate", *(f"parametrization.{key}" for key in ("learning_rate", "chroma", "gain"))), 1e6
    ),
    "optimizer.smoothing": 1e12,
}


def check(config: Config) -> None:
    """Check the ranges that types cannot express.

    Raises:
        SettingsError: one sentence about the first setting that cannot be.
    """
    if config.task.name not in (tasks := choices()["task"]):
        raise SettingsError(unknown("task", config.task.name, tasks))
    if config.optimizer.name != "adam":
        raise SettingsError(unknown("optimizer", config.optimizer.name, ("adam",)))
    check_ranges(config)
    betas = config.optimizer.betas
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise SettingsError(f"optimizer.betas={list(betas)} must be two numbers in [0, 1), e.g. [0.9, 0.99].")
    if config.tile is not None and config.tile != 0 and config.tile < 64:
        raise SettingsError(f"tile={config.tile} must be at least 64 pixels, or 0 for never.")
    if config.autocast not in (None, "bfloat16"):
        raise SettingsError(
            f"autocast={config.autocast} must be null or bfloat16; float16 cannot hold the gradients of most backbones."
        )
    if config.frames.spacing not in ("geometric", "fixed"):
        raise SettingsError(f"frames.spacing={config.frames.spacing} must be geometric or fixed.")
    if config.schedule.warmup >= config.steps:
        raise SettingsError(f"schedule.warmup={config.schedule.warmup} must be less than steps={config.steps}.")


def check_ranges(settings: Any) -> None:
    """Check the numbers of a run's or a tool's settings.

    Raises:
        SettingsError: one sentence about the first that cannot be.
    """
    for key, value in _numbers(asdict(settings)):
        if not math.isfinite(value):
            raise SettingsError(f"{key}={value} must be a finite number.")
    for key, least in _AT_LEAST.items():
        value = _get(settings, key)
        if value is not None and not value >= least:
            raise SettingsError(f"{key}={value} is too small; it must be at least {least}.")
    for key, most in _AT_MOST.items():
        value = _get(settings, key)
        if value is not None and not value <= most:
            raise SettingsError(f"{key}={value} is too large; it must be at most {most}.")
    for key in _POSITIVE:
        value = _get(settings, key)
        if value is not None and not value > 0:
            raise SettingsError(f"{key}={value} must be a positive number.")


def _numbers(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every number by its full dotted name."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{key}.")
        elif isinstance(value, (int, float)):
            yield prefix + key, value


def _get(settings: Any, key: str) -> Any:
    """None where there is no such setting: a tool has few of them."""
    for part in key.split("."):
        settings = getattr(settings, part, None)
    return settings


def register() -> None:
    """Make the types known to Hydra under the name `schema`, which conf/config.yaml starts from."""
    from hydra.core.config_store import ConfigStore

    ConfigStore.instance().store(name="schema", node=Config)
