"""What the trainings share: the update of a network with two optimizers, the average of its weights, the loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from enhance.runs.checkpoint import Checkpoints
from enhance.runs.interrupt import Interrupt
from research.distill.cache import note

_LARGEST_NORM = 1.0  # of the gradient of all parameters


class Training:
    """A network in training and the moving average of its weights, which is the result.

    Args:
        network: whose weights are averaged.
        parameters: all that is trained.
        optimizers: by their names in a checkpoint.
        average: decay of the moving average, which is lower in the first steps.
        others: further parts by their names in a checkpoint, such as heads.
    """

    def __init__(
        self,
        network: nn.Module,
        parameters: Iterable[Tensor],
        optimizers: Mapping[str, Optimizer],
        average: float,
        others: Mapping[str, nn.Module] | None = None,
    ) -> None:
        self.average = {key: value.clone() for key, value in network.state_dict().items()}
        self.done, self.seconds = 0, 0.0
        self._network, self._parameters, self._decay = network, list(parameters), average
        self._optimizers = list(optimizers.values())
        self._parts: dict[str, Any] = {"network": network, **(others or {}), **optimizers}

    def step(self, compute: Callable[[], Tensor], rate: float) -> float:
        """The loss, before one update at a learning rate.

        Raises:
            ValueError: if the loss is not finite.
        """
        started = time.perf_counter()
        loss = compute()
        if not math.isfinite(value := loss.item()):
            raise ValueError(f"The loss is not finite at step {self.done}; begin a new run with a lower learning_rate.")
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, _LARGEST_NORM)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        self.done += 1
        self.seconds += time.perf_counter() - started
        keep = min(self._decay, (1 + self.done) / (10 + self.done))
        for key, current in self._network.state_dict().items():
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
        for key, value in self.average.items():
            value.copy_(state["average"][key])
        self.done, self.seconds = state["done"], state["seconds"]

    def weights(self) -> bytes:
        """The averaged weights as a safetensors file in half precision."""
        return save({key: value.half().cpu().contiguous() for key, value in self.average.items()})


def run(
    training: Training,
    steps: int,
    update: Callable[[int], float],
    checkpoints: Checkpoints,
    saved: Mapping[str, Any] | None,
) -> None:
    """Train until `steps` updates are made.

    Args:
        training: what is trained.
        steps: the number of updates.
        update: makes the update of a step and returns the loss to show.
        checkpoints: are written when due, at the end and after Ctrl-C.
        saved: the state of the last checkpoint, if there is one.

    Raises:
        ValueError: if the loss is not finite.
        KeyboardInterrupt: after Ctrl-C, once a checkpoint is written.
    """
    if saved:
        training.load(saved)
        note(f"going on after step {training.done}")
    with Interrupt() as interrupt:
        for step in range(training.done, steps):
            loss = update(step)
            if interrupt.requested or training.done == steps or checkpoints.due():
                checkpoints.save(training.state())
                note(f"step {training.done}/{steps}, loss {loss:.5f}, {training.seconds:.0f} s")
            if interrupt.requested:
                raise KeyboardInterrupt
