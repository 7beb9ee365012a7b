"""Whether optimising a student's measure lowers the teacher's."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from enhance.backbones.network import Backbone
from enhance.config.groups import degradation_settings
from enhance.config.schema import Config, MetricConfig
from enhance.experiment.optimization import Optimization
from enhance.metrics.deep.distance import DeepDistance
from enhance.metrics.deep.named import deep_metric
from enhance.optim.inputs import read_inputs
from enhance.optim.objective import Term
from enhance.optim.step import best_of
from enhance.optim.stopping import EarlyStopping

INITIAL = {"white": "", "noise": "gaussian_noise", "blur": "gaussian_blur", "jpeg": "jpeg"}  # and its degradation


@dataclass(frozen=True)
class Transfer:
    """Losses of the teacher's measure.

    Attributes:
        initial: of the initial image.
        teacher: of the result of optimising the teacher's measure.
        student: of the result of optimising the student's in as many steps.
    """

    initial: float
    teacher: float
    student: float

    @property
    def ratio(self) -> float:
        """The share of the teacher's loss reduction that the student reached."""
        most = self.initial - self.teacher
        return (self.initial - self.student) / most if most else math.nan  # an initial image that is the reference


def metric_of(backbone: Backbone, measure: str) -> DeepDistance:
    """The measure as an optimisation takes it: every pixel counts."""
    return deep_metric(measure)(backbone, prefilter=False, padding="up", check_range=False)


def optimization(metric: DeepDistance, reference: Tensor, initial: str, steps: int | None = None) -> Optimization:
    """The optimisation of an image with the package's own settings.

    Args:
        metric: see `metric_of`.
        reference: (1, 3, H, W) in [0, 1].
        initial: a name of `INITIAL`.
        steps: number of updates; None: the measure's own.
    """
    degradation = degradation_settings(INITIAL[initial]) if INITIAL[initial] else {}
    inputs = read_inputs(reference, "degraded" if degradation else initial, degradation)
    return Optimization(Config(metric=MetricConfig(metric.name), steps=steps), [Term(metric)], inputs)


def losses(
    teacher: DeepDistance, optimized: DeepDistance, reference: Tensor, initial: str, steps: int
) -> dict[str, float]:
    """The teacher's loss of the initial image, and of the result of optimising `optimized`."""
    run = optimization(optimized, reference, initial, steps)
    final = best_of(EarlyStopping(run.steps(), ())).image
    with torch.no_grad():
        return {"initial": teacher(run.initial, reference).item(), "final": teacher(final, reference).item()}
