"""What every test shares: seeded images of an awkward size, and settings without side effects."""

from __future__ import annotations

import os

import pytest
import torch
from torch import Tensor

from enhance import config, locate

os.environ.setdefault("MPLBACKEND", "agg")
locate.register()
config.register()
torch.set_num_threads(1)  # the tests themselves run side by side


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def images(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A distorted image and its reference, (2, 3, 37, 50) in [0, 1]."""
    coarse = torch.rand(2, 3, 6, 8, generator=generator)
    reference = torch.nn.functional.interpolate(coarse, size=(37, 50), mode="bicubic").clamp(0, 1)
    noise = torch.randn(reference.shape, generator=generator)
    return (reference + 0.1 * noise).clamp(0, 1), reference
