"""Does a student guide like its teacher? What optimising its measure achieves, judged by the teacher's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import cast

import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from torch import Tensor

from enhance.backbones.network import Backbone
from enhance.config import paths, schema
from enhance.degradations import degrade
from enhance.metrics.deep.distance import DEEP_METRICS, DeepDistance
from enhance.optim.loop import descend
from enhance.optim.parametrizations import Pyramid
from enhance.optim.schedules import graduated
from enhance.optim.step import Step

TASKS = {"white": "recover", "noise": "denoise", "blur": "deblur", "jpeg": "jpeg"}


@dataclass(frozen=True)
class Guided:
    """Losses of the teacher's measure: of the start, of what optimising that measure reached, and of what optimising
    the student's reached in as many steps.
    """

    start: float
    teacher: float
    student: float

    @property
    def ratio(self) -> float:
        """Share of the teacher's loss reduction that the student reached."""
        most = self.start - self.teacher
        return (self.start - self.student) / most if most else math.nan  # a start that is the reference


@cache
def settings(start: str, measure: str = "deepwsd") -> schema.Config:
    """The settings of the task that begins with a start of `TASKS`. Nothing but `steps` depends on the measure."""
    paths.register()
    schema.register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(paths.home() / "conf"), version_base="1.3"):
        return cast(schema.Config, compose("config", [f"task={TASKS[start]}", f"metric={measure}"]))


def begin(reference: Tensor, start: str) -> Tensor:
    """The image to start from, (1, 3, H, W)."""
    given = settings(start)
    if start == "white":
        return torch.ones_like(reference)
    chosen = {str(key): value for key, value in given.degradation.items() if key != "name"}
    return degrade(reference, given.degradation["name"], **chosen)


def path(metric: DeepDistance, reference: Tensor, initial: Tensor, start: str, steps: int) -> Iterator[Step]:
    """The steps of an optimisation with the settings of the task."""
    given = settings(start)
    pyramid, optimizer = given.parametrization, given.optimizer
    return descend(
        metric,
        reference,
        Pyramid(initial, pyramid.levels, pyramid.chroma, pyramid.gain),
        steps=steps,
        learning_rate=optimizer.learning_rate or pyramid.learning_rate,
        betas=(optimizer.betas[0], optimizer.betas[1]),
        smoothing=graduated(optimizer.smoothing),
    )


def optimised(metric: DeepDistance, reference: Tensor, initial: Tensor, start: str, steps: int) -> Tensor:
    """The best image by the metric's own loss."""
    best = None
    for step in path(metric, reference, initial, start, steps):
        if best is None or step.loss < best[0]:
            best = (step.loss, step.image.clone())
    if best is None:
        raise ValueError("The loss was not finite.")
    return best[1]


def measured(backbone: Backbone, measure: str) -> DeepDistance:
    """The measure as an optimisation takes it."""
    return DEEP_METRICS[measure](backbone, prefilter=False, padding="up")


def reached(judge: DeepDistance, guide: DeepDistance, reference: Tensor, start: str, steps: int) -> dict[str, float]:
    """Loss of the judge at the start, and at what descending the guide has reached."""
    initial = begin(reference, start)
    final = optimised(guide, reference, initial, start, steps)
    with torch.no_grad():
        return {"start": judge(initial, reference).item(), "end": judge(final, reference).item()}
