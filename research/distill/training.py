"""The training loop of the student: batches of targets, updates, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from enhance.backbones import compact
from enhance.config.schema import Config, OptimizerConfig
from enhance.optim.optimizers import make_optimizer
from enhance.runs.checkpoint import Checkpoints
from research.distill.losses import Heads, loss_of
from research.distill.settings import DistillSettings
from research.distill.targets import DEEP, Targets
from research.muon import Muon
from research.training import Training, run

_RMS = 0.6  # of a trained VGG's activations; the student's first weights are scaled to it, layer by layer
_WARM_UP = 60  # steps
_STEADY = 0.25  # share of the steps before the learning rate decays
_LOWEST = 0.01
_AVERAGED = 0.998
_ADAM = OptimizerConfig("adam", betas=[0.9, 0.99], arguments={"eps": 1e-10})  # of biases and heads
_STREAM = 5  # of random numbers, so that batches and crops draw different ones
_ON_POLICY_STREAM = 6
_ON_POLICY_SHARE = 0.4  # of the second round's groups
_ON_POLICY_RATE = 0.4  # of the learning rate
_FITTED = 8  # groups from which a second round's heads are found


@dataclass(frozen=True)
class Round:
    """A round of training.

    Attributes:
        folder: of its checkpoints.
        steps: number of updates.
        learning_rate: after the warm-up and before the decay.
        identity: the settings on which the weights depend, see `DistillSettings.identity`.
        targets: files of `Targets.save`.
        on_policy: such files of on-policy samples, in the second round.
        weights: of the student so far, in the second round.
    """

    folder: Path
    steps: int
    learning_rate: float
    identity: Mapping[str, str]
    targets: Sequence[Path] = ()
    on_policy: Sequence[Path] = ()
    weights: Mapping[str, Tensor] | None = None

    def checkpoints(self) -> Checkpoints:
        """The checkpoints in its folder."""
        return Checkpoints(self.folder, Config.checkpoint, self.identity)

    def load(self) -> dict[str, Any] | None:
        """The state in the last checkpoint; None if there is none.

        Raises:
            ValueError: if it is damaged or of other settings.
        """
        try:
            return self.checkpoints().load()
        except ValueError as error:
            raise ValueError(f"{error} A new run takes another folder=DIR.") from error


def first_round(settings: DistillSettings, identity: Mapping[str, str], targets: Sequence[Path] = ()) -> Round:
    """The round that trains a student from random weights."""
    free = ("on_policy", "on_policy_steps", "student")
    known = {name: value for name, value in identity.items() if name not in free}
    return Round(Path(settings.folder).expanduser() / "first", settings.steps, settings.learning_rate, known, targets)


def second_round(
    settings: DistillSettings,
    identity: Mapping[str, str],
    targets: Sequence[Path] = (),
    on_policy: Sequence[Path] = (),
    weights: Mapping[str, Tensor] | None = None,
) -> Round:
    """The round that trains a student further, on images that optimising with it has made."""
    folder, rate = Path(settings.folder).expanduser() / "second", _ON_POLICY_RATE * settings.learning_rate
    return Round(folder, settings.on_policy_steps, rate, identity, targets, on_policy, weights)


class Student(Training):
    """A network in training, its heads, and the moving average of its weights, which is the result.

    Args:
        settings: of the distillation.
        first: targets of the first batch, to which a new network is pretrained and the heads of a trained one fitted.
        weights: of a trained network; None: random.
    """

    def __init__(self, settings: DistillSettings, first: Targets, weights: Mapping[str, Tensor] | None = None) -> None:
        torch.manual_seed(settings.seed)
        self.network = compact.build(settings.seed)
        images = first.images.flatten(0, 1).float() / 255
        with torch.no_grad():
            self.heads = Heads([stage.shape[1] for stage in self.stages(images[:1])[DEEP]])
        if weights is None:
            _calibrate(self.network, first.images[:, 0].float() / 255)
        else:
            self.network.load_state_dict(dict(weights))
            with torch.no_grad():
                self.heads.fit(self.stages(images)[DEEP], first.deep.flatten(0, 1), settings.crop)
        filters = [p for p in self.network.parameters() if p.ndim == 4]
        others = [*(p for p in self.network.parameters() if p.ndim != 4), *self.heads.parameters()]
        rate = settings.learning_rate
        optimizers = {"muon": Muon(filters, rate), "adam": make_optimizer(_ADAM)(others, rate)}
        super().__init__(self.network, filters + others, optimizers, _AVERAGED, {"heads": self.heads})

    def stages(self, images: Tensor) -> list[Tensor]:
        """Feature maps of crops (B, 3, H, W) in [0, 1]; computed in bfloat16."""
        found: list[Tensor] = []
        with torch.autocast("cpu", torch.bfloat16):
            for stage in self.network:
                found.append(stage(found[-1] if found else images))
        return [stage.float() for stage in found]

    def update(self, batch: Targets, rate: float) -> float:
        """The loss of a batch, before one update at a learning rate.

        Raises:
            ValueError: if the loss is not finite.
        """

        def loss() -> Tensor:
            return loss_of(self.stages(batch.images.flatten(0, 1).float() / 255), self.heads, batch)

        return self.step(loss, rate)


def train(settings: DistillSettings, stage: Round) -> Student:
    """The student of a round, trained from its last checkpoint if there is one.

    A run that was interrupted at any moment and goes on makes, on the same processor with the same threads, the same
    bytes as one that was not.

    Raises:
        ValueError: if the checkpoint is damaged or of other settings, or the loss is not finite.
        KeyboardInterrupt: after Ctrl-C, once a checkpoint is written.
    """
    first = stage.targets[: settings.batch if stage.weights is None else _FITTED]
    student = Student(settings, _load(first), stage.weights)

    def update(step: int) -> float:
        return student.update(_batch(settings, stage, step), stage.learning_rate * schedule(step, stage.steps))

    run(student, stage.steps, update, stage.checkpoints(), stage.load())
    return student


def schedule(step: int, steps: int) -> float:
    """The factor on the learning rate: it rises over the first steps, stays, and falls along a cosine."""
    through = step / steps
    decay = 1.0 if through < _STEADY else 0.5 * (1 + math.cos(math.pi * (through - _STEADY) / (1 - _STEADY)))
    return min(1.0, (step + 1) / _WARM_UP) * max(_LOWEST, decay)


def _batch(settings: DistillSettings, stage: Round, step: int) -> Targets:
    """The groups of a step; they depend on its number alone."""
    files, on_policy, count = stage.targets, stage.on_policy, settings.batch
    random = np.random.default_rng([settings.seed, _ON_POLICY_STREAM if on_policy else _STREAM, step])
    if not on_policy:
        return _load([files[index] for index in random.integers(len(files), size=count)])
    pools = (on_policy if random.random() < _ON_POLICY_SHARE else files for _ in range(count))
    return _load([pool[int(random.integers(len(pool)))] for pool in pools])


def _load(files: Sequence[Path]) -> Targets:
    return Targets.stack([Targets.load(file) for file in files])


@torch.no_grad()
def _calibrate(network: nn.Module, images: Tensor) -> None:
    """Scale every convolution so that its activations over some images have the teacher's size."""
    x = images
    for layer in (layer for stage in network.children() for layer in stage.children()):
        x = layer(x)
        if isinstance(layer, nn.Conv2d):
            scale = _RMS / x.relu().square().mean().sqrt().clamp_min(1e-6)
            layer.weight *= scale
            x = x * scale
