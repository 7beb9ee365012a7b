"""The loop: an image moves down a measure's gradient towards a reference. It knows neither settings nor pictures."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypedDict

import torch
from torch import Tensor

from enhance.metrics import DeepDistance, Prepared
from enhance.metrics.tiles import Tiled, TiledReference
from enhance.optim.parametrizations import Parametrization
from enhance.optim.schedules import Schedule, cosine
from enhance.optim.step import Step
from enhance.optim.stopping import Diverged, Safeguard

FASTEST = 1e6  # learning rate, in units of the range [0, 1]; far above it single precision overflows


class Settings(TypedDict, total=False):
    """What `descend` takes beside the problem, the steps and the rate; see there."""

    betas: tuple[float, float]
    schedule: Schedule
    forget: bool
    relative: bool
    smoothing: Schedule | None
    resume: Mapping[str, Any] | None


def descend(
    metric: DeepDistance | Tiled,
    reference: Tensor | Prepared | TiledReference,
    parametrization: Parametrization,
    *,
    steps: int,
    learning_rate: float,
    betas: tuple[float, float] = (0.9, 0.99),
    schedule: Schedule = cosine,
    forget: bool = False,
    relative: bool = True,
    smoothing: Schedule | None = None,
    resume: Mapping[str, Any] | None = None,
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
        forget: drop Adam's moments wherever the schedule halves the rate, as the published code does.
        relative: descend log(loss); the published code descends the loss.
        smoothing: amount by which the gradient is smoothed at each step, see `enhance.metrics.deep.smoothing`; the loss
            that a Step reports is the exact one.
        resume: the `state` of a Step of a run with the same arguments; what is yielded are the Steps after it, to the
            last bit those of the run had it not ended.

    Raises:
        ValueError: for a number that cannot be, or if a Step's image was changed in place.
        Diverged: if loss or gradient are not finite even after going back to the best image at lower and lower rates;
            at once, before any Step, if they are not at the initial image.
    """
    _check(learning_rate, betas)
    target: Any = metric.prepare(reference) if isinstance(reference, Tensor) else reference
    parameters = parametrization.parameters()
    betas = (float(betas[0]), float(betas[1]))  # Adam takes no integers
    optimizer = torch.optim.Adam(parameters, lr=learning_rate, betas=betas)
    safeguard, note = Safeguard(parameters), ""
    done, started = -1, time.perf_counter()
    if resume is not None:
        try:
            _load(resume, parameters, optimizer, safeguard)
            done, started = resume["index"], started - resume["seconds"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError("resume= is not the state of a Step of a run with these arguments.") from error

    def measured(index: int) -> tuple[Tensor, Tensor]:
        image = parametrization.image()
        return image, metric(image, target, smoothing=smoothing(index, steps) if smoothing else 0.0)

    for index in range(max(0, done), steps + 1):  # a resumed run computes its last loss again, for the gradient
        last = index == steps
        rate = 0.0 if last else learning_rate * schedule(index, steps) * safeguard.factor
        with torch.set_grad_enabled(not last):
            image, loss = measured(index)
            while last and not loss.isfinite():  # the best image takes its place
                note = safeguard.restore(index)
                image, loss = measured(index)
            value = loss.item()
            descended = loss / max(value, 1e-12) if relative else loss
        if not last:
            optimizer.zero_grad()
            descended.backward()
        sound = math.isfinite(value) and (last or all(_finite(parameter.grad) for parameter in parameters))
        if not sound and not index:  # before any update: no lower rate could help
            what = "gradient" if math.isfinite(value) else "loss"
            raise Diverged(
                f"the {what} of the initial image is not finite in this backbone; give it other weights or, if it "
                "computes in float16, full precision."
            )
        if math.isfinite(value):
            safeguard.keep(value)
            seconds = time.perf_counter() - started
            state = partial(_state, index, seconds, parameters, optimizer, safeguard)
            if index > done:
                version = image._version
                yield Step(index, value, rate, seconds, image.detach(), note=note, state=state)
                if image._version != version:
                    raise ValueError(
                        "A Step's image is the run's own and was changed in place; change a copy, image.clone()."
                    )
            note = ""
        if last:
            return
        if forget and index and schedule(index, steps) <= schedule(index - 1, steps) / 2:
            optimizer = torch.optim.Adam(parameters, lr=rate, betas=betas)
        optimizer.param_groups[0]["lr"] = rate
        if sound:
            optimizer.step()
            parametrization.project()
        else:
            note = safeguard.restore(index)
            optimizer = torch.optim.Adam(parameters, lr=rate, betas=betas)


def _finite(gradient: Tensor | None) -> bool:
    return gradient is not None and bool(gradient.isfinite().all())


def _check(learning_rate: float, betas: Sequence[float]) -> None:
    if not 0 < learning_rate <= FASTEST:
        raise ValueError(f"learning_rate={learning_rate} must be positive and at most {FASTEST:g}.")
    try:
        sound = len(betas) == 2 and all(0 <= beta < 1 for beta in betas)
    except TypeError:  # no sequence, or not of numbers
        sound = False
    if not sound:
        raise ValueError(f"betas={betas} must be two numbers in [0, 1), e.g. (0.9, 0.99).")


def _state(
    index: int, seconds: float, parameters: Sequence[Tensor], optimizer: torch.optim.Optimizer, safeguard: Safeguard
) -> dict[str, Any]:
    """All that the steps after step `index` depend on."""
    return {
        "index": index,
        "seconds": seconds,
        "parameters": [parameter.detach() for parameter in parameters],
        "optimizer": optimizer.state_dict(),
        "safeguard": safeguard.state(),
    }


@torch.no_grad()
def _load(
    state: Mapping[str, Any],
    parameters: Sequence[Tensor],
    optimizer: torch.optim.Optimizer,
    safeguard: Safeguard,
) -> None:
    for parameter, saved in zip(parameters, state["parameters"], strict=True):
        parameter.copy_(saved)
    optimizer.load_state_dict(state["optimizer"])
    safeguard.load(state["safeguard"])
