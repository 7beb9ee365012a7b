"""The training of the denoiser: updates, their schedule, the moving average, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from enhance.config.schema import OptimizerConfig
from enhance.optim.optimizers import make_optimizer
from enhance.restoration.denoiser import Denoiser
from enhance.runs.checkpoint import Checkpoints
from research.denoiser.samples import batch
from research.denoiser.settings import DenoiserSettings
from research.muon import Muon
from research.training import Training, run

_WARM_UP = 100  # steps
_DECAY = 0.35  # share of the steps over which the rate falls at the end
_LOWEST = 0.01
_AVERAGED = 0.999
_ADAM = OptimizerConfig("adam", betas=[0.9, 0.99])


class DenoiserTraining(Training):
    """The denoiser in training, see `Training`."""

    def __init__(self, settings: DenoiserSettings) -> None:
        torch.manual_seed(settings.seed)
        self.network = Denoiser().to(memory_format=torch.channels_last)
        with torch.no_grad():
            self.network.tail.weight.mul_(0.1)  # little is subtracted at first
        inner = [p for name, p in self.network.named_parameters() if name.partition(".")[0] not in ("head", "tail")]
        ends = [p for name, p in self.network.named_parameters() if name.partition(".")[0] in ("head", "tail")]
        self._rate = rate = settings.learning_rate
        optimizers = {
            "inner": Muon(inner, rate) if settings.muon else make_optimizer(_ADAM)(inner, rate),
            "ends": make_optimizer(_ADAM)(ends, rate),
        }
        super().__init__(self.network, inner + ends, optimizers, _AVERAGED)

    def update(self, clean: Tensor, noisy: Tensor, noise: Tensor, factor: float) -> float:
        """The loss of a batch, before one update at the learning rate times a factor.

        Raises:
            ValueError: if the loss is not finite.
        """

        def loss() -> Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                found = self.network(noisy.contiguous(memory_format=torch.channels_last), noise)
            return functional.l1_loss(found.float(), clean)

        return self.step(loss, self._rate * factor)


def train(settings: DenoiserSettings, images: Sequence[Tensor], checkpoints: Checkpoints) -> DenoiserTraining:
    """The training, from its last checkpoint if there is one, until the last step.

    Raises:
        ValueError: if the checkpoint is damaged or of other settings, or the loss is not finite.
        KeyboardInterrupt: after Ctrl-C, once a checkpoint is written.
    """
    training, recent = DenoiserTraining(settings), 0.0

    def update(step: int) -> float:
        """The mean loss of the last hundred steps or so."""
        nonlocal recent
        samples = batch(images, settings.crop, settings.batch, settings.seed, step)
        loss = training.update(*samples, schedule(step, settings.steps))
        recent = loss if not recent else 0.99 * recent + 0.01 * loss
        return recent

    run(training, settings.steps, update, checkpoints, checkpoints.load())
    return training


def schedule(step: int, steps: int) -> float:
    """The factor on the learning rate: it rises, stays, and falls to the end along a cosine. It depends on the number
    of steps only where it falls, so that a run can still be made longer before.
    """
    through = max(0.0, 1 - (1 - step / steps) / _DECAY)
    return min(1.0, (step + 1) / _WARM_UP) * max(_LOWEST, 0.5 * (1 + math.cos(math.pi * through)))
