"""An optimisation of the settings, which the command and `enhance.optimize` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from enhance.config.schema import Config, ParametrizationConfig
from enhance.experiment.notes import notes
from enhance.experiment.steps import steps
from enhance.metrics.metric import Metric
from enhance.metrics.tiles import tile_size
from enhance.optim.coarse_to_fine import coarse_to_fine, copies
from enhance.optim.frames import FramePlan
from enhance.optim.inputs import Inputs
from enhance.optim.loop import Settings, minimize
from enhance.optim.objective import Objective, Term
from enhance.optim.optimizers import OPTIMIZERS, MakeOptimizer, make_optimizer
from enhance.optim.parametrizations import Masked, Parametrization, default_rate, make_parametrization
from enhance.optim.schedules import Schedule, graduated, make_schedule
from enhance.optim.step import Step
from enhance.optim.stopping import Rule, stopping_rules

_KEPT = 100_000_000  # pixels of all frames of a run together


class Optimization:
    """An optimisation of the settings, on its device.

    Args:
        config: of the run; its metric and terms are not looked at.
        terms: of the objective.
        inputs: reference, initial image and mask.
        device: of the run; None: where the main metric lies.
        parametrization, optimizer, schedule: in place of those of the settings.

    Attributes:
        objective: at full size.
        reference, initial: (1, 3, H, W) in [0, 1], on the device.
    """

    def __init__(
        self,
        config: Config,
        terms: Sequence[Term],
        inputs: Inputs,
        device: torch.device | None = None,
        *,
        parametrization: Callable[[Tensor], Parametrization] | None = None,
        optimizer: MakeOptimizer | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        for term in terms:
            if device is not None and isinstance(term.function, Metric):
                term.function.to(device)
        main = next((term.function for term in terms if isinstance(term.function, Metric)), None)
        device = device or (main.device if main else None) or torch.device("cpu")
        where = {"device": device, "dtype": main.dtype if main else torch.float32}
        self.reference, self.initial = inputs.reference.to(**where), inputs.initial.to(**where)
        self._mask = None if inputs.mask is None else inputs.mask.to(**where)
        self._config, self._terms, self._tile = config, terms, config.tile
        self._similar = similar = inputs.similar
        self._make = parametrization or make_parametrization(config.parametrization, similar)
        made = self._make(self.initial[..., :8, :8])
        if not all(callable(getattr(made, part, None)) for part in ("parameters", "image", "project")):
            raise ValueError(
                f"parametrization must make a Parametrization of the image, as Pixels does, not {type(made).__name__}."
            )
        self._settings = Settings(
            optimizer=optimizer or make_optimizer(config.optimizer),
            schedule=schedule or make_schedule(config.schedule),
            reset_moments=config.schedule.reset_moments,
            # of a sum that may fall below zero there is no logarithm
            log_loss=config.optimizer.log_loss and all(term.weight >= 0 for term in terms),
            smoothing=graduated(config.optimizer.smoothing),
            tf32=config.tf32,
        )
        own = OPTIMIZERS[config.optimizer.name].learning_rate if optimizer is None else None
        self._rate = config.optimizer.learning_rate or own or default_rate(made, similar)
        self.objective = self._objective(self.reference, self._mask)

    def _objective(self, reference: Tensor, mask: Tensor | None) -> Objective:
        height, width = reference.shape[-2:]
        return Objective(self._terms, reference, mask, tile_size(height, width, self._tile))

    def _parametrized(self, initial: Tensor, mask: Tensor | None) -> Parametrization:
        made = self._make(initial)
        return made if mask is None else Masked(made, initial, mask)

    def steps(self, resume: Mapping[str, Any] | None = None) -> Iterator[Step]:
        """The Steps of the run, from its beginning or from the state of a Step."""
        settings: Settings = {**self._settings, "resume": resume}
        count = {"steps": steps(self._config), "learning_rate": self._rate}
        if not self._config.coarse:
            start = self._parametrized(self.initial, self._mask)
            return minimize(self.objective, start, **count, **settings)
        return coarse_to_fine(
            self._objective, self.reference, self.initial, self._parametrized, **count, mask=self._mask, **settings
        )

    def rules(self) -> list[Rule]:
        """The rules of early stopping that the settings ask for."""
        better = self.objective.main.higher_is_better
        made_worse = next(term.weight for term in self._terms if term.function is self.objective.main) < 0
        return stopping_rules(self._config.stopping, better != made_worse)

    def notes(self) -> list[str]:
        """What of the settings changes nothing in this optimisation, and what was chosen in it, in sentences."""
        deep = any(hasattr(term.function, "smoothed") for term in self._terms)
        found = notes(self._config, deep) + self._unused_gain()
        if self._config.tf32 and self.reference.device.type != "cuda":
            found.append(f"tf32=true changes nothing on device={self.reference.device.type}: GPUs of NVIDIA have TF32")
        if self._config.deterministic and self.reference.device.type == "cpu":
            found.append("deterministic=true changes nothing on device=cpu, where runs are the same without it")
        if self._config.coarse and not copies(self.initial):
            found.append("coarse=true changes nothing: a copy of half the size would be too small")
        if tiles := self.objective.tiles:
            found.append(f"measured as {tiles} tile{'s' * (tiles > 1)}")
        return found

    def _unused_gain(self) -> list[str]:
        """That of the two gains of the parametrization that this initial image does not ask for, if it was given."""
        key, resembles = ("gain", "resembles") if self._similar else ("gain_degraded", "does not resemble")
        given, default = getattr(self._config.parametrization, key), getattr(ParametrizationConfig, key)
        if given == default:
            return []
        return [f"parametrization.{key}={given:g} changes nothing: the initial image {resembles} the reference"]

    def frames(self) -> FramePlan:
        """The steps that are kept: fewer of large images, so that all frames together have `_KEPT` pixels."""
        height, width = self.reference.shape[-2:]
        most = max(2, _KEPT // (height * width))
        plan, count = self._config.frames, steps(self._config)
        every = max(plan.every, -(-count // most))
        return FramePlan(plan.spacing, count=min(plan.count, most), every=every, steps=count)
