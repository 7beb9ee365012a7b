"""`enhance.optimize`: a run of the command, for programs and notebooks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Unpack

import torch
from torch import Tensor

from enhance.images.arrays import resize, to_array
from enhance.inputs import Given, Problem, pose
from enhance.metrics import DeepDistance
from enhance.metrics.named import named
from enhance.metrics.psnr_ssim import ssim
from enhance.metrics.tiles import Tiled, whole_or_tiled
from enhance.optim.frames import FramePlan
from enhance.optim.loop import Settings, descend
from enhance.optim.parametrizations import Parametrization, Pixels, Pyramid
from enhance.optim.schedules import graduated
from enhance.optim.step import Step
from enhance.optim.stopping import Diverged, Rule, Until
from enhance.runs.history import Row
from enhance.runs.recorder import measured

_STEPS = {"deepwsd": 300}  # else 100, as in conf/metric
_SMOOTHING = 100.0  # as in conf/optimizer
# From a start far from the reference, and near it.
_PYRAMID, _PIXELS = (0.02, 0.005), (0.1, 0.02)  # learning_rate and near of conf/parametrization
_GAIN = (5.0, 20.0)  # of conf/parametrization/pyramid and of conf/task/denoise
_ALIKE = 0.5  # correlation from which a start counts as near
_SHOWN = 600  # pixels of an image's longer side in a notebook

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Optimized:
    """What an optimisation has come to. In a notebook it shows its images and curves.

    Attributes:
        image: (1, 3, H, W) in [0, 1], the best by loss, on the device of the run.
        best: the row of its step.
        history: one row a step: step, loss, score, lr, psnr, ssim, seconds; SSIM, which takes long, is NaN
            between some forty steps. `pandas.DataFrame(result.history)` is a table of it.
        stop_reason: why it ended.
        reference, initial: (1, 3, H, W), what it moved towards and where it started.
        frames: a few images on the way, by step, on the CPU.
    """

    image: Tensor
    best: Row
    history: list[Row]
    stop_reason: str
    reference: Tensor
    initial: Tensor
    frames: dict[int, Tensor]

    def __repr__(self) -> str:
        return (
            f"Optimized(step {self.best.step}: loss {self.best.loss:.4g}, PSNR {self.best.psnr:.2f} dB, "
            f"SSIM {self.best.ssim:.4f}; {self.stop_reason})"
        )

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Images and curves, for IPython."""
        from enhance.report.figures import strip

        rows = {row.step: row for row in self.history}
        titled = {f"initial: {_decibels(self.history[0])}": self.initial}
        titled |= {
            f"step {step}: {_decibels(rows[step])}": image
            for step, image in self.frames.items()
            if 0 < step < self.best.step
        }
        titled |= {f"result: {_decibels(self.best)}": self.image, "reference": self.reference}
        images = {title: to_array(resize(image.float(), _SHOWN)) for title, image in titled.items()}
        return strip(images, self.history, self.best)


def optimize(
    reference: Given,
    initial: Given = "white",
    metric: str | DeepDistance | Tiled = "deepwsd",
    steps: int | None = None,
    callback: Callable[[Step], object] | None = None,
    *,
    learning_rate: float | None = None,
    parametrization: Callable[[Tensor], Parametrization] | None = None,
    **settings: Unpack[Settings],
) -> Optimized:
    """Move an image down a measure's gradient to its reference, as `python -m enhance` does.

    Args:
        reference: a file or the name of a sample (reduced to 256 pixels), a tensor (1, 3, H, W) in [0, 1], an array
            (H, W, 3) or (H, W) of uint8, uint16 or floats in [0, 1], or a Pillow image.
        initial: where to start: white, grey, black or noise, or an image like `reference` and of its size.
        metric: a name of `enhance.METRICS`, which compares every pixel in the embedded backbone's features, on CUDA
            where there is one, and a large image in tiles; or a metric of your own, used as it is. Let it have
            `prefilter=False` and `rounding="up"` so that it sees every pixel.
        steps: number of updates. None: 300 with DeepWSD, 100 with the divergences.
        callback: called with every `Step`: its index, loss, image, ... A string that it returns ends the run and
            becomes `stop_reason`; the rules of `enhance.optim.stopping` are such callbacks.
        learning_rate: in units of the range [0, 1]. None: 0.02, or 0.005 from a start that resembles the reference;
            0.1 and 0.02 with `Pixels`.
        parametrization: makes the numbers that Adam moves from the initial image. None: a `Pyramid`.
        settings: of `enhance.optim.loop.descend`: betas, schedule, smoothing, ...

    Returns:
        The best image, the history, and what a notebook shows.

    Raises:
        ValueError: one sentence about an image, name or number that cannot be.
        Diverged: if the very first loss, or its gradient, is not finite.

    Example:
        >>> result = enhance.optimize("photo.png", initial="noisy.png", metric="deepjsd", callback=Plateau(20))
        >>> enhance.save_image(result.image, "better.png")
    """
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        raise ValueError(f"steps={steps!r} is no number of updates; it must be a whole number of at least 1.")
    problem = pose(reference, initial, {})
    judge, measure = _judge(metric, problem)
    steps = steps or _STEPS.get(measure.measure, 100)
    truth, start = (image.to(measure.device, measure.dtype) for image in (problem.reference, problem.initial))
    near = _correlation(start, truth) > _ALIKE
    settings.setdefault("smoothing", graduated(_SMOOTHING))
    moved = parametrization(start) if parametrization else Pyramid(start, gain=_GAIN[near])
    if not all(callable(getattr(moved, part, None)) for part in ("parameters", "image", "project")):
        raise ValueError(
            f"parametrization must make a Parametrization of the image, as Pixels does, not {type(moved).__name__}."
        )
    rates = _PIXELS if isinstance(moved, Pixels) else _PYRAMID
    run = Until(
        descend(
            judge,
            truth,
            moved,
            steps=steps,
            learning_rate=rates[near] if learning_rate is None else learning_rate,
            **settings,
        ),
        [_rule(callback)] if callback else [],
    )
    whole = FramePlan(steps=steps).chosen()  # where SSIM is computed
    kept = FramePlan(count=5, steps=steps).chosen()
    history, frames, best = list[Row](), dict[int, Tensor](), None
    for step in run:
        row = measured(step, step.image, truth, whole=step.index in whole)
        history.append(row)
        if step.note:
            _log.warning(step.note)
        if step.index in kept:
            frames[step.index] = step.image.to("cpu", copy=True)
        if best is None or row.loss < best[0].loss:
            best = (row, step.image.clone())
    if best is None:
        raise Diverged(run.reason)
    row, image = best
    return Optimized(image, replace(row, ssim=ssim(image, truth).item()), history, run.reason, truth, start, frames)


def _judge(metric: str | DeepDistance | Tiled, problem: Problem) -> tuple[DeepDistance | Tiled, DeepDistance]:
    """What judges the image, and what judges each of its tiles, the same where there are none."""
    if isinstance(metric, Tiled):
        return metric, metric.metric
    measure = named(metric, prefilter=False, rounding="up")
    if not isinstance(metric, str):
        return measure, measure
    measure.to("cuda" if torch.cuda.is_available() else "cpu")
    return whole_or_tiled(measure, *problem.reference.shape[-2:]), measure


def _correlation(image: Tensor, other: Tensor) -> float:
    """Of all samples of two images; NaN where one of them is plain."""
    return torch.corrcoef(torch.stack((image.flatten(), other.flatten())))[0, 1].item()


def _rule(callback: Callable[[Step], object]) -> Rule:
    def rule(step: Step) -> str | None:
        answer = callback(step)
        return answer if isinstance(answer, str) else None

    return rule


def _decibels(row: Row) -> str:
    return f"{row.psnr:.1f} dB"
