"""Coarse to fine: most steps on reduced copies of a large image, few at full size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

import torch
from torch import Tensor
from torch.nn import functional

from enhance.config.schema import OptimizerConfig
from enhance.metrics.checks import values_known
from enhance.optim.loop import Settings, minimize
from enhance.optim.objective import Objective
from enhance.optim.parametrizations import Parametrization
from enhance.optim.schedules import Schedule, graduated
from enhance.optim.step import Step

SCALES = (4, 2)
_MIN_SIDE = 64  # pixels a side of a reduced copy
_SHARE = 0.375  # of the steps, at each scale
_EVERY = 5  # steps between two evaluations at full size
_FINE_RATE, _FINE_SMOOTHING = 0.25, 0.1  # at full size, relative to the copies: the image is mostly right by then

MakeObjective = Callable[[Tensor, "Tensor | None"], Objective]


def copies(image: Tensor) -> list[int]:
    """By how much the copies of an image are reduced, coarsest first; empty where one would be too small.

    Example:
        >>> copies(torch.zeros(1, 3, 200, 300)), copies(torch.zeros(1, 3, 100, 300))
        ([2], [])
    """
    return [scale for scale in SCALES if min(image.shape[-2:]) >= _MIN_SIDE * scale]


def coarse_to_fine(
    objective: MakeObjective,
    reference: Tensor,
    initial: Tensor,
    parametrization: Callable[[Tensor, Tensor | None], Parametrization],
    *,
    steps: int,
    learning_rate: float,
    mask: Tensor | None = None,
    **settings: Unpack[Settings],
) -> Iterator[Step]:
    """Steps of the image at full size; most updates are made on copies reduced 4 times and twice.

    A step on a copy reduced 4 times costs a 16th. The change of a copy is enlarged and added to the image at full size,
    so that detail which the copies cannot hold stays as it was. A copy is an image of its own to the metrics; the loss
    of a Step is the exact one of the whole image, and because that takes long, only every fifth step on a copy is
    yielded.

    Args:
        objective: makes the objective of a reference and a mask.
        reference: (1, 3, H, W) in [0, 1].
        initial: the same shape.
        parametrization: makes the parameters of an image and a mask.
        steps: in all; three eighths on each copy that has at least 64 pixels a side.
        learning_rate: on the copies; a quarter of it at full size, where there are copies.
        mask: (1, 1, H, W) in [0, 1].
        settings: see `minimize`.
    """
    resume = settings.get("resume")
    smoothing = settings.get("smoothing", graduated(OptimizerConfig.smoothing))
    scales = copies(initial)
    small = int(_SHARE * steps)
    counts = [small] * len(scales) + [steps - small * len(scales)]
    full = objective(reference, mask)
    image, done, seconds = initial, 0, 0.0
    for number, (scale, count) in enumerate(zip([*scales, 1], counts, strict=True)):
        if resume is not None and number < resume["stage"]:
            done += count
            continue
        within = None
        if resume is not None and number == resume["stage"]:
            image, seconds, within = resume["base"].to(initial), resume["before"], resume["loop"]
        base, start, fine = image, _reduced(image, scale), scale == 1
        finer = fine and bool(scales)
        small_mask = None if mask is None else _reduced(mask, scale)
        run = minimize(
            full if fine else objective(_reduced(reference, scale), small_mask),
            parametrization(start, small_mask),
            steps=count,
            learning_rate=learning_rate * (_FINE_RATE if finer else 1),
            **settings | {"smoothing": _weakened(smoothing) if finer else smoothing, "resume": within},
        )
        before = seconds
        for step in run:
            seconds = before + step.seconds
            if not fine and step.index == count:  # the next stage begins with it
                image = _enlarged(step.image - start, base, mask)
            elif fine or step.index % _EVERY == 0:
                whole = step.image if fine else _enlarged(step.image - start, base, mask)
                yield replace(
                    step if fine else _measured(step, full, whole),
                    index=done + step.index,
                    seconds=seconds,
                    image=whole,
                    reduced=not fine,
                    state=partial(_state, number, base, before, done, step),
                )
        done += count


@torch.no_grad()
def _measured(step: Step, objective: Objective, image: Tensor) -> Step:
    """The Step with loss, score and terms of the whole image."""
    with values_known():  # the image is clamped
        loss, terms = objective(image)
    first, psnr, *values = torch.stack([loss, objective.psnr(image), *terms]).tolist()  # one wait for the device
    named = dict(zip(objective.names, values, strict=True))
    return replace(step, loss=first, score=objective.score(values), terms=named, psnr=psnr)


def _state(stage: int, base: Tensor, before: float, done: int, step: Step) -> dict[str, Any]:
    return {"stage": stage, "base": base, "before": before, "loop": step.state(), "index": done + step.index}


def _weakened(smoothing: Schedule | None) -> Schedule | None:
    return None if smoothing is None else lambda index, steps: _FINE_SMOOTHING * smoothing(index, steps)


def _reduced(image: Tensor, scale: int) -> Tensor:
    height, width = image.shape[-2:]
    return functional.interpolate(image, size=(-(-height // scale), -(-width // scale)), mode="area")


def _enlarged(change: Tensor, base: Tensor, mask: Tensor | None) -> Tensor:
    """The image at full size with the change of its copy, within the mask."""
    change = functional.interpolate(change, size=base.shape[-2:], mode="bilinear")
    return (base + (change if mask is None else change * mask)).clamp(0, 1)
