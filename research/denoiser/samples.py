"""Samples to learn from: clean crops of photographs and their noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from enhance.images.arrays import resized
from enhance.images.reading import read

_MOST_SIGMA = 75 / 255
_REDUCED = 0.5  # share of the crops that are reduced from a larger square
_LARGEST = 1.7  # that square's side, in crops
_UNEVEN = 0.2  # share of the crops whose noise grows with the brightness, as a camera's does


def photographs(files: Sequence[Path]) -> list[Tensor]:
    """Every photograph, in bytes: (3, H, W) each."""
    return [(read(file).image[0] * 255).round().to(torch.uint8) for file in files]


def batch(images: Sequence[Tensor], side: int, count: int, seed: int, step: int) -> tuple[Tensor, Tensor, Tensor]:
    """Clean crops, noisy crops (B, 3, side, side) and noise maps (B, 1, side, side) of a step: they depend on the seed
    and its number alone.
    """
    random = np.random.default_rng([seed, step])
    clean = torch.stack([_crop(images[int(random.integers(len(images)))], side, random) for _ in range(count)])
    maps = torch.stack([_noise_map(crop, random) for crop in clean])
    noise = torch.from_numpy(random.standard_normal(tuple(clean.shape), dtype=np.float32))
    return clean, clean + maps * noise, maps


def _crop(image: Tensor, side: int, random: Generator) -> Tensor:
    """A square, at native resolution or reduced, turned and mirrored: (3, side, side)."""
    height, width = image.shape[-2:]
    extent = int(random.integers(side, int(_LARGEST * side))) if random.random() < _REDUCED else side
    extent = min(extent, height, width)
    top, left = int(random.integers(height - extent + 1)), int(random.integers(width - extent + 1))
    square = image[None, :, top : top + extent, left : left + extent].float() / 255
    square = square if extent == side else resized(square, (side, side))
    square = square.rot90(int(random.integers(4)), (-2, -1))
    return (square.flip(-1) if random.random() < 0.5 else square)[0]


def _noise_map(clean: Tensor, random: Generator) -> Tensor:
    """The standard deviation of the noise at every pixel of a crop, (1, H, W)."""
    sigma = _MOST_SIGMA * float(random.random())
    if random.random() >= _UNEVEN:
        return clean.new_full((1, *clean.shape[-2:]), sigma)
    share = float(random.random())  # of the variance at full brightness that grows with it
    brightness = functional.avg_pool2d(clean.mean(0)[None, None], 5, 1, 2)[0]
    return sigma * ((1 - share) + share * brightness).sqrt()
