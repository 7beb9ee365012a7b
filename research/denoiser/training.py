"""The training of the denoiser: updates, their schedule, the moving average, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from enhance.config.schema import OptimizerConfig
from enhance.optim.optimizers import make_optimizer
from enhance.restoration.denoiser import Denoiser
from enhance.runs.checkpoint import Checkpoints
from enhance.runs.interrupt import Interrupt
from research.denoiser.samples import batch
from research.denoiser.settings import DenoiserSettings
from research.distill.cache import note
from research.distill.muon import Muon

_WARM_UP = 100  # steps
_DECAY = 0.35  # share of the steps over which the rate falls at the end
_LOWEST = 0.01
_AVERAGED = 0.999
_ADAM = OptimizerConfig("adam", betas=[0.9, 0.99])


class Training:
    """The network in training and the moving average of its weights, which is the result."""

    def __init__(self, settings: DenoiserSettings) -> None:
        torch.manual_seed(settings.seed)
        self.network = Denoiser().to(memory_format=torch.channels_last)
        with torch.no_grad():
            self.network.tail.weight.mul_(0.1)  # little is subtracted at first
        self.average = {key: value.clone() for key, value in self.network.state_dict().items()}
        inner = [p for name, p in self.network.named_parameters() if name.partition(".")[0] not in ("head", "tail")]
        ends = [p for name, p in self.network.named_parameters() if name.partition(".")[0] in ("head", "tail")]
        self._rate, self._parameters = settings.learning_rate, inner + ends
        self._parts = {
            "network": self.network,
            "inner": Muon(inner, self._rate) if settings.muon else make_optimizer(_ADAM)(inner, self._rate),
            "ends": make_optimizer(_ADAM)(ends, self._rate),
        }
        self.done, self.seconds = 0, 0.0

    def update(self, clean: Tensor, noisy: Tensor, noise: Tensor, factor: float) -> float:
        """The loss of a batch, before one update at the learning rate times a factor.

        Raises:
            ValueError: if the loss is not finite.
        """
        started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16):
            found = self.network(noisy.contiguous(memory_format=torch.channels_last), noise)
        loss = functional.l1_loss(found.float(), clean)
        if not math.isfinite(value := loss.item()):
            raise ValueError(f"The loss is not finite at step {self.done}; begin a new run with a lower learning_rate.")
        optimizers = self._parts["inner"], self._parts["ends"]
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self._rate * factor
            optimizer.step()
        self.done += 1
        self.seconds += time.perf_counter() - started
        keep = min(_AVERAGED, (1 + self.done) / (10 + self.done))
        for key, current in self.network.state_dict().items():
            self.average[key].lerp_(current, 1 - keep)
        return value

    def state(self) -> dict[str, Any]:
        """All that later updates depend on."""
        rest = {"average": self.average, "done": self.done, "seconds": self.seconds}
        return {key: part.state_dict() for key, part in self._parts.items()} | rest

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over a `state`."""
        for key, part in self._parts.items():
            part.load_state_dict(state[key])
        self.average, self.done, self.seconds = state["average"], state["done"], state["seconds"]

    def weights(self) -> bytes:
        """The averaged weights as a safetensors file in half precision."""
        return save({key: value.half().contiguous() for key, value in self.average.items()})


def train(settings: DenoiserSettings, images: Sequence[Tensor], checkpoints: Checkpoints) -> Training:
    """The training, from its last checkpoint if there is one, until the last step.

    Raises:
        ValueError: if the checkpoint is damaged or of other settings, or the loss is not finite.
        KeyboardInterrupt: after Ctrl-C, once a checkpoint is written.
    """
    training, recent = Training(settings), 0.0
    if state := checkpoints.load():
        training.load(state)
        note(f"going on after step {training.done}")
    with Interrupt() as interrupt:
        for step in range(training.done, settings.steps):
            samples = batch(images, settings.crop, settings.batch, settings.seed, step)
            loss = training.update(*samples, schedule(step, settings.steps))
            recent = loss if not recent else 0.99 * recent + 0.01 * loss
            if interrupt.requested or training.done == settings.steps or checkpoints.due():
                checkpoints.save(training.state())
                note(f"step {training.done}/{settings.steps}, loss {recent:.5f}, {training.seconds:.0f} s")
            if interrupt.requested:
                raise KeyboardInterrupt
    return training


def schedule(step: int, steps: int) -> float:
    """The factor on the learning rate: it rises, stays, and falls to the end along a cosine. It depends on the number
    of steps only where it falls, so that a run can still be made longer before.
    """
    through = max(0.0, 1 - (1 - step / steps) / _DECAY)
    return min(1.0, (step + 1) / _WARM_UP) * max(_LOWEST, 0.5 * (1 + math.cos(math.pi * through)))
