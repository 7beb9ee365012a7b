"""Groups of images that optimising with the student makes: where it guides wrongly, its teacher says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from enhance.backbones.network import Backbone
from research.distill.crops import crop_of
from research.distill.distances import MEASURES
from research.distill.guidance import TASKS, begin, measured, path

_STREAM = 7
_KEPT = (5, 12, 25, 40, 60, 80)  # steps whose images are kept; early ones, where student and teacher differ most


def led(files: Sequence[Path], student: Backbone, side: int, seed: int, index: int) -> Tensor:
    """Group number `index`, (7, 3, side, side) in bytes: a clean crop, and images on the way to it.

    Measures and starts take turns.
    """
    random = np.random.default_rng([seed, _STREAM, index])
    clean = crop_of(files[int(random.integers(len(files)))], side, random)
    measure = MEASURES[index % len(MEASURES)]
    start = list(TASKS)[index // len(MEASURES) % len(TASKS)]
    steps = path(measured(student, measure), clean, begin(clean, start), start, _KEPT[-1])
    kept = [step.image for step in steps if step.index in _KEPT]
    return (torch.cat([clean, *kept]) * 255).round().to(torch.uint8)
