"""On-policy samples: images that optimising with the student makes, on which the teacher corrects the student."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from enhance.backbones.network import Backbone
from research.distill.crops import crop_of
from research.distill.distances import MEASURES
from research.distill.transfer import INITIAL, metric_of, optimization

_STREAM = 7
_STEPS = (5, 12, 25, 40, 60, 80)  # whose images are taken; early ones, where student and teacher differ most


def on_policy_group(files: Sequence[Path], student: Backbone, side: int, seed: int, index: int) -> Tensor:
    """Group number `index`, (7, 3, side, side) in bytes: a clean crop, and images on the way to it.

    Measures and initial images take turns.
    """
    random = np.random.default_rng([seed, _STREAM, index])
    clean = crop_of(files[int(random.integers(len(files)))], side, random)
    measure = MEASURES[index % len(MEASURES)]
    initial = list(INITIAL)[index // len(MEASURES) % len(INITIAL)]
    steps = optimization(metric_of(student, measure), clean, initial, _STEPS[-1]).steps()
    images = [step.image for step in steps if step.index in _STEPS]
    return (torch.cat([clean, *images]) * 255).round().to(torch.uint8)
