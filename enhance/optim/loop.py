"""The loop: an image moves down an objective. Settings and files are not its concern."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypedDict

import torch
from torch import Tensor

from enhance.config.schema import Config, OptimizerConfig, ScheduleConfig
from enhance.metrics.checks import values_known
from enhance.optim.guard import Diverged, NaNGuard
from enhance.optim.objective import Objective
from enhance.optim.optimizers import MakeOptimizer, make_optimizer
from enhance.optim.parametrizations import Parametrization
from enhance.optim.schedules import Schedule, cosine, graduated
from enhance.optim.step import Step
from enhance.utils.precision import full_precision

MAX_RATE = 1e6  # learning rate, in units of the range [0, 1]; far above it single precision overflows
_SMOOTHING = graduated(OptimizerConfig.smoothing)
_SMALL = 1e-12  # a loss below which its logarithm goes on as a straight line
_NO_DISTANCE = 1e-9  # a loss at the reference itself: on a GPU convolutions of equal images may differ in the last bit


class Settings(TypedDict, total=False):
    """Arguments of `minimize` beside the objective, the parametrization, the steps and the rate."""

    optimizer: MakeOptimizer
    schedule: Schedule
    log_loss: bool
    reset_moments: bool
    smoothing: Schedule | None
    tf32: bool
    resume: Mapping[str, Any] | None


def minimize(
    objective: Objective,
    parametrization: Parametrization,
    *,
    steps: int,
    learning_rate: float,
    optimizer: MakeOptimizer | None = None,
    schedule: Schedule = cosine,
    log_loss: bool = OptimizerConfig.log_loss,
    reset_moments: bool = ScheduleConfig.reset_moments,
    smoothing: Schedule | None = _SMOOTHING,
    tf32: bool = Config.tf32,
    resume: Mapping[str, Any] | None = None,
) -> Iterator[Step]:
    """The Steps of an optimisation, each before its update, then the final image: `steps` + 1 of them.

    Adam divides each step by a running mean of the gradient's size. As the loss falls a thousandfold the gradient falls
    with it, and that mean, still full of the first large gradients, makes every later step too short. `log_loss`
    minimises log(loss) instead: the same direction, but its gradient does not fade while the loss keeps decreasing.

    Args:
        objective: its device and precision are those of the run.
        parametrization: holds the initial image.
        steps: number of updates.
        learning_rate: before the schedule's factor.
        optimizer: makes the optimizer from parameters and a rate, see `make_optimizer`; None: Adam.
        schedule: factor on the learning rate.
        log_loss: minimise log(loss); the published code minimises the loss.
        reset_moments: make the optimizer anew wherever the schedule halves the rate, as the published code does.
        smoothing: amount by which the gradient is smoothed at each step, see `enhance.metrics.deep.smoothing`; the loss
            of a Step is the exact one. None: not at all.
        tf32: whether a GPU may round to TF32, in the derivatives as well.
        resume: the `state` of a Step of a run with the same arguments; what follows are the Steps after it, to the last
            bit those of a run that was not interrupted.

    Raises:
        ValueError: for a number that cannot be, or if a Step's image was changed in place.
        Diverged: if loss or gradient are not finite even after going back to the best image at lower and lower rates;
            at once, before any Step, if they are not at the initial image, or its gradient is zero at a loss above 0.

    Example:
        >>> from enhance.optim.objective import Objective, Term
        >>> from enhance.optim.parametrizations import Pixels
        >>> reference = enhance.load_image("astronaut")[..., :32, :32]
        >>> objective = Objective([Term(enhance.load_metric("mse"))], reference)
        >>> found = [step.loss for step in minimize(objective, Pixels(0.5 * reference), steps=3, learning_rate=0.02)]
        >>> len(found), found[-1] < found[0]
        (4, True)
    """
    make = optimizer or make_optimizer(OptimizerConfig())
    run = _Run(objective, parametrization, make, learning_rate, log_loss, tf32)
    done = run.load(resume) if resume is not None else -1
    started = time.perf_counter() - (resume["seconds"] if resume is not None else 0.0)
    note = ""
    for index in range(max(0, done), steps + 1):  # a resumed run evaluates its last Step again, for the gradient
        last = index == steps
        rate = 0.0 if last else learning_rate * schedule(index, steps) * run.guard.factor
        run.amount = smoothing(index, steps) if smoothing else 0.0
        image = run.evaluate(gradient=not last)
        while last and not run.finite:  # the best image takes its place
            note = run.restore(index, rate)
            image = run.evaluate(gradient=False)
        if not run.sound and not index:
            raise Diverged.at_first("gradient" if run.finite else "loss")
        if run.flat and not index:
            raise Diverged.without_gradient(run.loss)
        if run.finite:
            run.guard.keep(run.loss)
            if index > done:
                seconds = time.perf_counter() - started
                state = partial(run.state, index, seconds)
                score, terms = objective.score(run.terms), dict(zip(objective.names, run.terms, strict=True))
                version = image._version
                shown = image.detach()
                yield Step(index, run.loss, score, terms, rate, seconds, shown, note=note, psnr=run.psnr, state=state)
                if image._version != version:
                    raise ValueError("A Step's image was changed in place; change a copy, image.clone().")
            note = ""
        if last:
            return
        if reset_moments and index and schedule(index, steps) <= schedule(index - 1, steps) / 2:
            run.reset(rate)
        if run.sound:
            run.update(rate)
        else:
            note = run.restore(index, rate)


class _Run:
    """What changes from step to step: parameters, optimizer, guard, and the last evaluation."""

    def __init__(
        self,
        objective: Objective,
        parametrization: Parametrization,
        make: MakeOptimizer,
        rate: float,
        log_loss: bool,
        tf32: bool,
    ) -> None:
        if not 0 < rate <= MAX_RATE:
            raise ValueError(f"learning_rate={rate} must be positive and at most {MAX_RATE:g}.")
        self.parameters = parametrization.parameters()
        self._objective, self._parametrization, self._make = objective, parametrization, make
        self._log, self._tf32 = log_loss, tf32
        self._optimizer = make(self.parameters, rate)
        self.guard = NaNGuard(self.parameters)
        self.amount, self.loss, self.psnr, self.terms = 0.0, math.nan, math.nan, [math.nan]
        self.finite = self.sound = self.flat = self._checked = False
        self._minimized = torch.zeros(())

    def evaluate(self, gradient: bool) -> Tensor:
        """The image, once its loss, terms and gradient are known. All numbers are read at once: one wait for the
        device.
        """
        with self._computing(gradient):
            image, loss, terms = self._backward() if gradient else self._forward()
        self._checked = True
        largest = self._largest_gradients() if gradient else []
        numbers = torch.stack([loss.detach(), self._objective.psnr(image), *terms, *largest]).tolist()
        self.loss, self.psnr, self.terms = numbers[0], numbers[1], numbers[2 : 2 + len(terms)]
        self.finite = math.isfinite(self.loss)
        gradients = numbers[2 + len(terms) :]
        self.sound = self.finite and all(map(math.isfinite, gradients))
        self.flat = gradient and self.loss > _NO_DISTANCE and not any(gradients)
        return image

    @contextmanager
    def _computing(self, gradient: bool) -> Iterator[None]:
        """The ranges of image and mask are looked at in the first evaluation alone."""
        with torch.set_grad_enabled(gradient), full_precision(not self._tf32), values_known(self._checked):
            yield

    def _forward(self) -> tuple[Tensor, Tensor, Tensor]:
        image = self._parametrization.image()
        loss, terms = self._objective(image, self.amount)
        return image, loss, terms

    def _backward(self) -> tuple[Tensor, Tensor, Tensor]:
        self._optimizer.zero_grad()
        image, loss, terms = self._forward()
        minimized = _logarithm(loss) if self._log else loss
        minimized.backward()
        self._minimized = minimized.detach()
        return image, loss, terms

    def _largest_gradients(self) -> Sequence[Tensor]:
        """The largest absolute entry of each parameter's gradient; NaN where there is none."""
        found = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        missing = [self._minimized.new_full((), math.nan)] * (len(found) < len(self.parameters))
        return [*torch._foreach_norm(found, math.inf), *missing]  # type: ignore[attr-defined]  # one operator for all

    def update(self, rate: float) -> None:
        """One step of the optimizer, which may evaluate the objective anew at other parameters."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        known = [self._minimized]

        def closure() -> Tensor:
            if not known:  # the first call is at the parameters that were evaluated
                with self._computing(gradient=True):
                    self._backward()
                return self._minimized
            return known.pop()

        self._optimizer.step(closure)  # type: ignore[arg-type]
        self._parametrization.project()

    def reset(self, rate: float) -> None:
        """Make the optimizer anew."""
        self._optimizer = self._make(self.parameters, rate)

    def restore(self, index: int, rate: float) -> str:
        """The note about it, once the best parameters are back."""
        note = self.guard.restore(index)
        self.reset(rate or MAX_RATE)
        return note

    def state(self, index: int, seconds: float) -> dict[str, Any]:
        """All that the steps after step `index` depend on."""
        return {
            "index": index,
            "seconds": seconds,
            "parameters": [parameter.detach() for parameter in self.parameters],
            "optimizer": self._optimizer.state_dict(),
            "guard": self.guard.state(),
        }

    @torch.no_grad()
    def load(self, state: Mapping[str, Any]) -> int:
        """The index of the Step whose state was loaded."""
        try:
            for parameter, saved in zip(self.parameters, state["parameters"], strict=True):
                parameter.copy_(saved)
            self._optimizer.load_state_dict(state["optimizer"])
            self.guard.load(state["guard"])
            return int(state["index"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError("resume= is not the state of a Step of a run with these arguments.") from error


def _logarithm(loss: Tensor) -> Tensor:
    """log(loss), continued below 1e-12 by its tangent, so that losses of 0 and below have a gradient."""
    return torch.where(loss > _SMALL, loss.clamp_min(_SMALL).log(), loss / _SMALL - 1 + math.log(_SMALL))
