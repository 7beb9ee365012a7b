"""The loop: an image moves down a measure's gradient towards a reference. It knows neither settings files nor pictures.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor

from enhance.metrics import DeepDistance, Prepared
from enhance.optimize.parametrizations import Parametrization
from enhance.optimize.schedules import Schedule, cosine
from enhance.optimize.step import Step


def descend(
    metric: DeepDistance,
    reference: Tensor | Prepared,
    parametrization: Parametrization,
    *,
    steps: int,
    learning_rate: float,
    betas: tuple[float, float] = (0.9, 0.99),
    schedule: Schedule = cosine,
    forget_every: int | None = None,
) -> Iterator[Step]:
    """Optimise with Adam and yield what there is before each update, then the final image: `steps` + 1 Steps.

    Args:
        metric: the measure; its device and precision are those of the run.
        reference: (1, 3, H, W) in [0, 1], or a prepared one.
        parametrization: holds the initial image.
        steps: number of updates.
        learning_rate: before the schedule's factor.
        betas: Adam's decay rates.
        schedule: factor on the learning rate.
        forget_every: drop Adam's moments every so many steps, as the published code does when it halves the rate.
    """
    target = metric.prepare(reference) if isinstance(reference, Tensor) else reference
    optimizer = torch.optim.Adam(parametrization.parameters(), lr=learning_rate, betas=betas)
    started = time.perf_counter()
    for index in range(steps + 1):
        last = index == steps
        rate = learning_rate * schedule(index, steps)
        with torch.set_grad_enabled(not last):
            image = parametrization.image()
            loss = metric(image, target)
        yield Step(index, loss.item(), 0.0 if last else rate, time.perf_counter() - started, image.detach())
        if last:
            return
        if forget_every and index and index % forget_every == 0:
            optimizer = torch.optim.Adam(parametrization.parameters(), lr=rate, betas=betas)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        parametrization.project()
