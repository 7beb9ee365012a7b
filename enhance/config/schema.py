"""The settings of a run, typed, with every default. YAML files under conf/ choose; `enhance.experiment.checks` refuses
what types cannot.

Importing this imports neither torch nor Hydra nor OmegaConf: settings are checked before anything slow begins, and the
loop runs where torch alone is installed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from enhance.utils.defaults import BACKGROUND, SEED, TF32, WEIGHTS

MISSING: Any = "???"  # OmegaConf's word for a value that has to be given
_MOST_SEED = 2**63 - 1


def limited(
    default: Any,
    low: float | None = None,
    high: float | None = None,
    positive: bool = False,
    accepted: tuple[str, ...] = (),
) -> Any:
    """A field with a default and what is accepted.

    Args:
        default: value of the field.
        low, high: smallest and largest value.
        positive: whether 0 is refused.
        accepted: words.
    """
    return field(default=default, metadata={"low": low, "high": high, "positive": positive, "accepted": accepted})


@dataclass
class TaskConfig:
    """The task.

    Attributes:
        name: of conf/task.
        initial: where the optimisation starts when the user names nothing: white, grey, black, noise, or degraded.
    """

    name: str = MISSING
    initial: str = "white"


@dataclass
class MetricConfig:
    """The metric: of the registry, or any importable one with `name: module`.

    Attributes:
        name: of `enhance.METRICS`, or `module`.
        target: of `module`, here or among the terms: the importable function or class, package.Class.
        arguments: of the library's function or class, or of the target.
        range: with `module`, the range of the images that it takes: [0, 1], [-1, 1], [0, 255], or imagenet.
        higher_is_better: with `module`, true of similarities.
        best: with `module`, value of equal images; null: 1 of similarities and 0 of distances.
        weights: of the networks of library metrics, LPIPS and DISTS: pretrained, untrained, or a file.
        layout: of the deep measures: `strided` (null), as published, or `spatial`, true 8 x 8 windows of each channel.
        prefilter: of the deep measures: the published box filter; null: for scores, yes; in an optimisation, where it
            leaves pixels undetermined, no.
        padding: of the deep measures: `published` may crop feature maps, `up` never does; null: published for scores,
            up in an optimisation.
        kernel: of the deep measures: `torch`, operators of torch; `triton`, one fused kernel; `auto` (null), the latter
            on CUDA for DeepWSD where Triton is installed.
        steps: of an optimisation; null: the metric's own.
    """

    name: str = MISSING
    target: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    range: Any = None
    higher_is_better: bool = False
    best: float | None = None
    weights: str = WEIGHTS
    layout: str | None = None
    prefilter: bool | None = None
    padding: str | None = None
    kernel: str | None = limited(None, accepted=("auto", "torch", "triton"))
    steps: int | None = limited(None, low=1, high=1_000_000)


@dataclass
class BackboneConfig:
    """The network in whose features the deep measures compare.

    Attributes:
        name: of `enhance.BACKBONES`.
        weights: embedded, pretrained, untrained or a file.
        seed: of untrained weights.
        model, nodes: of `torchvision`: the network's name there and the nodes of its graph.
    """

    name: str = MISSING
    weights: str = WEIGHTS
    seed: int = limited(SEED, low=0, high=_MOST_SEED)
    model: str | None = None
    nodes: list[str] | None = None


@dataclass
class OptimizerConfig:
    """The optimizer.

    Attributes:
        name: of conf/optimizer.
        learning_rate: in units of the pixel range [0, 1]; null: that of the optimizer or the parametrization.
        betas: decay rates of Adam and its relatives.
        momentum: of SGD and RMSprop.
        weight_decay: where the optimizer has one.
        arguments: further arguments of the optimizer's constructor.
        log_loss: minimise log(loss): steps do not shorten as the loss falls.
        smoothing: of the metric's gradient, at first; it goes to 0 over the run, and the loss reported is always exact.
    """

    name: str = "adam"
    learning_rate: float | None = limited(None, high=1e6, positive=True)
    betas: list[float] = field(default_factory=lambda: [0.9, 0.99])
    momentum: float = limited(0.9, low=0, high=1)
    weight_decay: float = limited(0.0, low=0, high=1e6)
    arguments: dict[str, Any] = field(default_factory=dict)
    log_loss: bool = True
    smoothing: float = limited(100.0, low=0, high=1e12)


@dataclass
class ScheduleConfig:
    """The factor on the learning rate.

    Attributes:
        name: `constant`, `cosine` or `halving`.
        warmup: steps over which the rate first rises.
        every: steps between two halvings.
        reset_moments: make the optimizer anew at each halving, as published.
        arguments: further arguments of the schedule.
    """

    name: str = "cosine"
    warmup: int = limited(0, low=0)
    every: int = limited(1000, low=1)
    reset_moments: bool = False
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass
class ParametrizationConfig:
    """The parameters that the optimizer moves.

    Attributes:
        name: `pyramid`, images of halving size, or `pixels`.
        levels: images of the pyramid.
        chroma: steps in colour, relative to those in luma.
        gain: steps of how strongly the frequency bands of the initial image take part, relative to luma's; 0: none.
        gain_degraded: the same, where the initial image resembles the reference.
        arguments: further arguments of the parametrization.
    """

    name: str = "pyramid"
    levels: int = limited(7, low=1, high=16)
    chroma: float = limited(0.5, high=1e6, positive=True)
    gain: float = limited(5.0, low=0, high=1e6)
    gain_degraded: float = limited(20.0, low=0, high=1e6)
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass
class StoppingConfig:
    """Early stopping; null rules do not apply.

    Attributes:
        patience: steps in which the loss must fall by the fraction `tolerance`.
        tolerance: see `patience`.
        loss: to be reached.
        score: to be reached.
        seconds: of the run.
    """

    patience: int | None = limited(None, low=1)
    tolerance: float = limited(0.01, low=0)
    loss: float | None = limited(None, low=0)
    score: float | None = None
    seconds: float | None = limited(None, low=0)


@dataclass
class FramesConfig:
    """The steps that are kept as frames.

    Attributes:
        spacing: `geometric`, dense at first, or `fixed`.
        count: about how many frames, in geometric spacing.
        every: steps between two frames, in fixed spacing.
    """

    spacing: str = limited("geometric", accepted=("geometric", "fixed"))
    count: int = limited(40, low=2, high=1000)
    every: int = limited(10, low=1)


@dataclass
class SweepConfig:
    """A multirun.

    Attributes:
        resume: go on in the newest sweep of the same command, without the jobs that are finished.
    """

    resume: bool = False


@dataclass
class Config:
    """One run. See `python -m enhance --help`.

    Attributes:
        degradation: the settings of the degradation, as its YAML names them.
        terms: further terms of the objective: metrics by name, with their weights.
        weight: of the metric among the terms.
        logger: settings of each logger, as its YAML names them.
        against: of task=duel, the second metric: NAME, or NAME@BACKBONE of a deep measure.
        judges: metrics that score the initial image, the result and the frames: NAME, or NAME@BACKBONE of a deep
            measure. Their scores are as published, those of task=score.
        reference: a file, or a sample: astronaut, chelsea, coffee, ...
        initial: white, grey, black, noise, degraded, or a file; null: the task's own.
        mask: a grey file: where the image is optimised and compared.
        size: longer side that larger images are reduced to; null: files as they are, samples at 256.
        tile: side of the tiles in which images are measured; null: 512 above 2 million pixels; 0: never.
        coarse: most steps on copies reduced 4 times and twice, a quarter of them at full size: for large images.
        background: colour that transparent pixels are laid on.
        range: of floats, the value that is white; null: they must lie in [0, 1]. Whole numbers have their own white.
        steps: updates; null: the metric's own.
        seed: of everything random.
        device: auto, cpu, cuda, cuda:1, ...
        threads: of the CPU; null: all.
        compile: compile the backbone: the first step takes longer, results differ a little.
        autocast: bfloat16 or float16: the precision in which the backbone computes.
        tf32: let a GPU round to TF32: faster; losses differ in the fourth digit.
        deterministic: on a GPU, the same numbers from the same command; slower.
        figures: draw figures, animation and report; false: leave that to task=report run=FOLDER, for large sweeps.
        live: serve the page of the run while it is at work, on this machine alone; its address is printed.
        checkpoint: seconds between two checkpoints, from which resume=FOLDER goes on.
    """

    task: TaskConfig = field(default_factory=TaskConfig)
    metric: MetricConfig = field(default_factory=MetricConfig)
    terms: dict[str, float] = field(default_factory=dict)
    weight: float = limited(1.0, low=0)
    against: str | None = None
    judges: list[str] = field(default_factory=list)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    degradation: dict[str, Any] = field(default_factory=dict)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    parametrization: ParametrizationConfig = field(default_factory=ParametrizationConfig)
    stopping: StoppingConfig = field(default_factory=StoppingConfig)
    frames: FramesConfig = field(default_factory=FramesConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    logger: dict[str, Any] = field(default_factory=dict)
    reference: str = "astronaut"
    initial: str | None = None
    mask: str | None = None
    size: int | None = limited(None, low=8, high=32_768)
    tile: int | None = None
    coarse: bool = False
    background: str = BACKGROUND
    range: float | None = limited(None, positive=True)
    steps: int | None = limited(None, low=1, high=1_000_000)
    seed: int = limited(SEED, low=0, high=_MOST_SEED)
    device: str = "auto"
    compile: bool = False
    autocast: str | None = limited(None, accepted=("bfloat16", "float16"))
    tf32: bool = TF32
    deterministic: bool = False
    threads: int | None = limited(None, low=1, high=1024)
    figures: bool = True
    live: bool = False
    checkpoint: float = limited(10.0, low=0)


DUEL = "duel"  # the name of the task that compares two metrics
MODULE = "module"  # the metric's name where it is any importable one


def starts_from(config: Config) -> str:
    """The initial image of a run, as the settings name it."""
    return config.task.initial if config.initial is None else config.initial


def optimised(config: Config) -> list[str]:
    """The metrics that a run optimises, by name: the main one, those of the terms, the second one of a duel."""
    return [config.metric.name, *config.terms, *([config.against] if config.against else [])]
