"""The loop: an image moves down a measure's gradient towards a reference. It knows neither settings nor pictures."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from enhance.descent.parametrizations import Parametrization
from enhance.descent.schedules import Schedule, cosine
from enhance.descent.step import Step
from enhance.descent.stopping import Safeguard
from enhance.metrics import DeepDistance, Prepared


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
    relative: bool = True,
    smoothing: Schedule | None = None,
) -> Iterator[Step]:
    """Optimise with Adam and yield what there is before each update, then the final image: `steps` + 1 Steps.

    Adam divides each step by a running mean of the gradient's size. As the loss falls a thousandfold the gradient falls
    with it, and that mean, still full of the first large gradients, makes every later step too short. `relative`
    descends log(loss) instead: the same direction, but its gradient does not fade while the loss keeps falling.

    Args:
        metric: the measure; its device and precision are those of the run.
        reference: (1, 3, H, W) in [0, 1], or a prepared one.
        parametrization: holds the initial image.
        steps: number of updates.
        learning_rate: before the schedule's factor.
        betas: Adam's decay rates.
        schedule: factor on the learning rate.
        forget_every: drop Adam's moments every so many steps, as the published code does when it halves the rate.
        relative: descend log(loss); the published code descends the loss.
        smoothing: amount by which the gradient is smoothed at each step, see `enhance.metrics.smoothing`; the loss
            that a Step reports is the exact one.

    Raises:
        Diverged: if loss or gradient are not finite even after going back to the best image at lower and lower rates.
    """
    target = metric.prepare(reference) if isinstance(reference, Tensor) else reference
    parameters = parametrization.parameters()
    optimizer = torch.optim.Adam(parameters, lr=learning_rate, betas=betas)
    safeguard, note = Safeguard(parameters), ""
    started = time.perf_counter()
    for index in range(steps + 1):
        last = index == steps
        rate = 0.0 if last else learning_rate * schedule(index, steps) * safeguard.factor
        with torch.set_grad_enabled(not last):
            image = parametrization.image()
            loss = metric(image, target, smoothing=smoothing(index, steps) if smoothing else 0.0)
        value = loss.item()
        if math.isfinite(value):
            safeguard.keep(value)
            yield Step(index, value, rate, time.perf_counter() - started, image.detach(), note)
            note = ""
        if last:
            return
        if forget_every and index and index % forget_every == 0:
            optimizer = torch.optim.Adam(parameters, lr=rate, betas=betas)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        (loss / max(value, 1e-12) if relative else loss).backward()
        if all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in parameters):
            optimizer.step()
            parametrization.project()
        else:
            note = safeguard.restore(index)
            optimizer = torch.optim.Adam(parameters, lr=rate, betas=betas)
