"""The student's loop: batches of targets, updates, checkpoints."""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from enhance.backbones import compact
from enhance.utils.files import write_bytes
from research.distill.losses import Heads, loss_of
from research.distill.muon import Muon
from research.distill.photographs import DistillError
from research.distill.recipe import Recipe
from research.distill.targets import DEEP, Targets

_RMS = 0.6  # of a trained VGG's activations; the student's first weights are scaled to it, layer by layer
_WARM_UP = 60  # steps
_STEADY = 0.25  # share of the steps before the learning rate decays
_LOWEST = 0.01
_AVERAGED = 0.998
_STREAM = 5  # of random numbers, so that batches and crops draw different ones
_LED_STREAM = 6
_LED_SHARE = 0.4  # of the second round's groups
_LED_RATE = 0.4  # of the learning rate
_CHECKPOINT, _LED_CHECKPOINT = "checkpoint.pt", "checkpoint-led.pt"  # of the first round, of the second
_FITTED = 8  # groups from which a second round's heads are found

Say = Callable[[str], None]


@dataclass(frozen=True)
class Second:
    """A second round of learning, with images that optimising with the student has made.

    Attributes:
        led: their targets, files of `Targets.save`.
        weights: of the student so far.
        sha256: of those weights.
    """

    led: Sequence[Path]
    weights: Mapping[str, Tensor]
    sha256: str


class Student:
    """A network that learns, its heads, and the moving average of its weights, which is what is kept of it."""

    def __init__(self, recipe: Recipe, first: Targets, weights: Mapping[str, Tensor] | None = None) -> None:
        torch.manual_seed(recipe.seed)
        self.network = compact.build(recipe.seed)
        with torch.no_grad():
            stages = self.stages(first.images.flatten(0, 1).float() / 255)
        self.heads = Heads([stage.shape[1] for stage in stages[DEEP]])
        if weights is None:
            _calibrate(self.network, first.images[:, 0].float() / 255)
        else:
            self.network.load_state_dict(dict(weights))
            with torch.no_grad():
                stages = self.stages(first.images.flatten(0, 1).float() / 255)
            self.heads.fit(stages[DEEP], first.deep.flatten(0, 1), recipe.crop)
        self.average = {key: value.clone() for key, value in self.network.state_dict().items()}
        filters = [p for p in self.network.parameters() if p.ndim == 4]
        others = [*(p for p in self.network.parameters() if p.ndim != 4), *self.heads.parameters()]
        self.parameters, self.optimizer = filters + others, Muon(filters, others, recipe.learning_rate)
        self.done, self.seconds = 0, 0.0

    def stages(self, images: Tensor) -> list[Tensor]:
        """Feature maps of crops (B, 3, H, W) in [0, 1]; computed in bfloat16."""
        found: list[Tensor] = []
        with torch.autocast("cpu", torch.bfloat16):
            for stage in self.network:
                found.append(stage(found[-1] if found else images))
        return [stage.float() for stage in found]

    def learn(self, batch: Targets, rate: float) -> float:
        """One update; returns the loss."""
        began = time.perf_counter()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = loss_of(self.stages(batch.images.flatten(0, 1).float() / 255), self.heads, batch)
        if not math.isfinite(value := loss.item()):
            raise DistillError(f"The loss is not finite at step {self.done}; begin again with a lower learning_rate.")
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.done += 1
        self.seconds += time.perf_counter() - began
        keep = min(_AVERAGED, (1 + self.done) / (10 + self.done))
        for key, value_now in self.network.state_dict().items():
            self.average[key].lerp_(value_now, 1 - keep)
        return value

    def state(self) -> dict[str, Any]:
        """All that later steps depend on."""
        parts = {"network": self.network, "heads": self.heads, "optimizer": self.optimizer}
        rest = {"average": self.average, "done": self.done, "seconds": self.seconds}
        return {key: part.state_dict() for key, part in parts.items()} | rest

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.network.load_state_dict(state["network"])
        self.heads.load_state_dict(state["heads"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average, self.done, self.seconds = state["average"], state["done"], state["seconds"]

    def weights(self) -> bytes:
        """The averaged weights as a safetensors file in half precision."""
        return save({key: value.half().contiguous() for key, value in self.average.items()})


def check(folder: Path, identity: Mapping[str, Any]) -> None:
    """Look, before anything that takes long, whether a folder's checkpoints can be gone on from.

    Args:
        folder: of the checkpoints.
        identity: see `Recipe.identity`.

    Raises:
        DistillError: if one is damaged or belongs to other settings.
    """
    if not identity["begin"]:
        _saved(folder / _CHECKPOINT, _first(identity))
    if identity["led"]:
        _saved(folder / _LED_CHECKPOINT, identity if identity["begin"] else _without(identity, "begin"))


def train(
    recipe: Recipe,
    identity: Mapping[str, Any],
    files: Sequence[Path],
    folder: Path,
    say: Say,
    second: Second | None = None,
    every: int = 50,
) -> Student:
    """Train a student on the targets in `files`, going on from the checkpoint in `folder` if there is one.

    A run that was ended at any moment and goes on makes, on the same processor with the same threads, the same bytes as
    one that was not.

    Args:
        recipe: the settings.
        identity: see `Recipe.identity`.
        files: of `Targets.save`.
        folder: of the checkpoint.
        say: told of progress, in lines.
        second: what a second round adds; None: it is the first.
        every: steps between two checkpoints.

    Raises:
        DistillError: if the checkpoint is damaged or belongs to other settings, or the loss is not finite.
    """
    if second is None:
        student, checkpoint = Student(recipe, _load(files[: recipe.batch])), folder / _CHECKPOINT
        steps, peak, identity = recipe.steps, recipe.learning_rate, _first(identity)
    else:
        student, checkpoint = Student(recipe, _load(files[:_FITTED]), second.weights), folder / _LED_CHECKPOINT
        steps, peak = recipe.led_steps, _LED_RATE * recipe.learning_rate
        identity = {**identity, "begin": second.sha256}
    if state := _saved(checkpoint, identity):
        student.load(state)
        say(f"goes on from step {student.done}")
    for step in range(student.done, steps):
        batch = _load(_drawn(recipe, files, second.led if second else (), step))
        loss = student.learn(batch, peak * factor(step, steps))
        if student.done % every == 0 or student.done == steps:
            stream = io.BytesIO()
            torch.save({**student.state(), "identity": json.dumps(identity)}, stream)
            write_bytes(checkpoint, stream.getvalue())
            say(f"step {student.done}/{steps}, loss {loss:.4f}")
    return student


def _saved(checkpoint: Path, identity: Mapping[str, Any]) -> dict[str, Any] | None:
    """The state in a checkpoint, None where there is none."""
    if not checkpoint.is_file():
        return None
    try:
        state = torch.load(checkpoint, weights_only=True)
        known = json.loads(state["identity"])
    except Exception as error:  # of many kinds
        raise DistillError(f"{checkpoint} is damaged; remove it, and the same command trains anew.") from error
    if other := [name for name, value in identity.items() if known.get(name) != value]:
        raise DistillError(
            f"{checkpoint.parent} holds a distillation with other settings ({', '.join(other)}); name another "
            "folder=DIR."
        )
    return state


def _first(identity: Mapping[str, Any]) -> dict[str, Any]:
    """What the weights depend on after the first round."""
    return _without(identity, "led", "led_steps", "begin")


def _without(identity: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in identity.items() if name not in names}


def factor(step: int, steps: int) -> float:
    """Of the learning rate: up over the first steps, then level, then down along a cosine."""
    through = step / steps
    decay = 1.0 if through < _STEADY else 0.5 * (1 + math.cos(math.pi * (through - _STEADY) / (1 - _STEADY)))
    return min(1.0, (step + 1) / _WARM_UP) * max(_LOWEST, decay)


def _drawn(recipe: Recipe, files: Sequence[Path], led: Sequence[Path], step: int) -> list[Path]:
    """The groups of a step; they depend on its number alone."""
    random = np.random.default_rng([recipe.seed, _LED_STREAM if led else _STREAM, step])
    if not led:
        return [files[index] for index in random.integers(len(files), size=recipe.batch)]
    pools = (led if random.random() < _LED_SHARE else files for _ in range(recipe.batch))
    return [pool[int(random.integers(len(pool)))] for pool in pools]


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
