"""Coarse to fine: most steps on reduced copies of a large image, few at full size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

import torch
from torch import Tensor
from torch.nn import functional

from enhance.metrics import DeepDistance
from enhance.metrics.tiles import Tiled
from enhance.optim.loop import Settings, descend
from enhance.optim.parametrizations import Parametrization
from enhance.optim.schedules import Schedule
from enhance.optim.step import Step

SCALES = (4, 2)
_LEAST = 64  # pixels a side of a reduced copy
_SHARE = 0.375  # of the steps, at each scale
_EVERY = 5  # steps between two looks at full size
_FINE_RATE, _FINE_SMOOTHING = 0.25, 0.1  # at full size, relative to the copies: the image is mostly right by then

Measured = Callable[[int, int], "DeepDistance | Tiled"]


def coarse_to_fine(
    metric: Measured,
    reference: Tensor,
    initial: Tensor,
    parametrization: Callable[[Tensor], Parametrization],
    *,
    steps: int,
    learning_rate: float,
    **settings: Unpack[Settings],
) -> Iterator[Step]:
    """Descend on copies reduced 4 times and twice, then at full size, and yield Steps of the image at full size.

    A step on a copy reduced 4 times costs a 16th. What a copy has learned, the change of the reduced image, is enlarged
    and added to the image at full size, so that detail which the copies cannot hold stays as it was. A copy is an image
    of its own to the measure; the loss of a Step is the exact one of the whole image, and because that takes long,
    only every fifth step on a copy is yielded.

    Args:
        metric: what measures an image of a height and a width.
        reference: (1, 3, H, W) in [0, 1].
        initial: the same shape.
        parametrization: makes the numbers that Adam moves from an image.
        steps: in all; three eighths on each copy that has at least 64 pixels a side.
        learning_rate: on the copies; a quarter of it at full size, where there are copies.
        settings: see `descend`.
    """
    resume, smoothing = settings.get("resume"), settings.get("smoothing")
    scales = [scale for scale in SCALES if min(initial.shape[-2:]) >= _LEAST * scale]
    small = int(_SHARE * steps)
    counts = [small] * len(scales) + [steps - small * len(scales)]
    full = _Exact(metric(*initial.shape[-2:]), reference)
    image, done, seconds = initial, 0, 0.0
    for number, (scale, count) in enumerate(zip([*scales, 1], counts, strict=True)):
        if resume is not None and number < resume["stage"]:
            done += count
            continue
        within = None
        if resume is not None and number == resume["stage"]:
            image, seconds, within = resume["base"].to(initial), resume["before"], resume["descent"]
        base, start, fine = image, _reduced(image, scale), scale == 1
        near = fine and bool(scales)
        walk = descend(
            full.metric if fine else metric(*start.shape[-2:]),
            full.target if fine else _reduced(reference, scale),
            parametrization(start),
            steps=count,
            learning_rate=learning_rate * (_FINE_RATE if near else 1),
            **settings | {"smoothing": _weakened(smoothing) if near else smoothing, "resume": within},
        )
        before = seconds
        for step in walk:
            seconds = before + step.seconds
            if not fine and step.index == count:  # the next stage begins with it
                image = _enlarged(step.image - start, base)
            elif fine or step.index % _EVERY == 0:
                whole = step.image if fine else _enlarged(step.image - start, base)
                yield replace(
                    step,
                    index=done + step.index,
                    loss=step.loss if fine else full.loss(whole),
                    seconds=seconds,
                    image=whole,
                    reduced=not fine,
                    state=partial(_state, number, base, before, done, step),
                )
        done += count


class _Exact:
    """The loss of the whole image."""

    def __init__(self, metric: DeepDistance | Tiled, reference: Tensor) -> None:
        self.metric: Any = metric
        self.target = metric.prepare(reference)

    @torch.no_grad()
    def loss(self, image: Tensor) -> float:
        return self.metric(image, self.target).item()


def _state(stage: int, base: Tensor, before: float, done: int, step: Step) -> dict[str, Any]:
    return {"stage": stage, "base": base, "before": before, "descent": step.state(), "index": done + step.index}


def _weakened(smoothing: Schedule | None) -> Schedule | None:
    return None if smoothing is None else lambda index, steps: _FINE_SMOOTHING * smoothing(index, steps)


def _reduced(image: Tensor, scale: int) -> Tensor:
    height, width = image.shape[-2:]
    return functional.interpolate(image, size=(-(-height // scale), -(-width // scale)), mode="area")


def _enlarged(change: Tensor, base: Tensor) -> Tensor:
    return (base + functional.interpolate(change, size=base.shape[-2:], mode="bilinear")).clamp(0, 1)
