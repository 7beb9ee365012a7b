"""Groups of crops to learn from: one clean crop of a photograph and six degraded versions of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from enhance.images.arrays import resized
from enhance.images.degradations import degrade
from enhance.images.reading import read

VERSIONS = 6

# The weakest and the strongest amount; those between them are drawn geometrically.
_AMOUNTS = {
    "gaussian_noise": (2.0, 90.0),
    "gaussian_blur": (0.4, 6.0),
    "jpeg": (92, 3),
    "contrast": (0.03, 0.92),
    "gains": (0.02, 0.6),
    "mean_shift": (0.015, 0.35),
}
_KINDS = tuple(_AMOUNTS)
_LARGEST = 1.75  # times the crop's side: what is reduced to a crop


@dataclass(frozen=True)
class Parameters:
    """What the strengths of one degradation of a crop have in common.

    Attributes:
        subsampling: of chroma, in JPEG.
        less: whether contrast is reduced.
        gains: of the colour channels, in a cast.
        sign: of a shift in brightness.
    """

    subsampling: int
    less: bool
    gains: Tensor
    sign: float

    @staticmethod
    def draw(random: Generator) -> Parameters:
        """Random parameters."""
        gains = np.array([1.0, 0.0, -1.0]) if random.random() < 0.4 else random.standard_normal(3)
        gains = gains - gains.mean()
        gains *= random.choice([-1, 1]) / np.abs(gains).max()
        sign = float(random.choice([-1, 1]))
        return Parameters(int(random.choice([0, 2, 2])), bool(random.random() < 0.85), torch.from_numpy(gains), sign)


def group(files: Sequence[Path], side: int, seed: int, index: int) -> Tensor:
    """Group number `index`, (7, 3, side, side) in bytes, the clean crop first.

    Two kinds of degradation at two strengths each, so that there is an order to learn; a third kind; and an image far
    from the reference, as the initial images of an optimisation are.
    """
    random = np.random.default_rng([seed, index])
    clean, other = (crop_of(files[int(random.integers(len(files)))], side, random) for _ in range(2))
    images = [clean]
    kinds = random.choice(_KINDS, 3, replace=False)
    for kind in kinds[:2]:
        parameters = Parameters.draw(random)
        images += [_degraded(clean, kind, strength, parameters, random) for strength in np.sort(random.random(2))]
    images.append(_degraded(clean, kinds[2], random.random(), Parameters.draw(random), random))
    images.append(_far(clean, other, random))
    return (torch.cat(images) * 255).round().to(torch.uint8)


def crop_of(file: Path, side: int, random: Generator) -> Tensor:
    """A square of a photograph, most often at native resolution, mirrored half of the time: (1, 3, side, side)."""
    image = read(file).image
    height, width = image.shape[-2:]
    extent = min(height, width, side if random.random() < 0.6 else int(random.integers(side, int(_LARGEST * side))))
    top, left = int(random.integers(height - extent + 1)), int(random.integers(width - extent + 1))
    square = image[..., top : top + extent, left : left + extent]
    square = square if extent == side else resized(square, (side, side))
    return square.flip(-1) if random.random() < 0.5 else square


def _degraded(image: Tensor, kind: str, strength: float, parameters: Parameters, random: Generator) -> Tensor:
    """Degrade with a strength of 0 to 1."""
    least, most = _AMOUNTS[kind]
    amount = least * (most / least) ** strength
    if kind == "gaussian_noise":
        return degrade(image, kind, seed=int(random.integers(2**31)), sigma=amount)
    if kind == "gaussian_blur":
        return degrade(image, kind, sigma=amount)
    if kind == "jpeg":
        return degrade(image, kind, quality=round(amount), subsampling=parameters.subsampling)
    if kind == "contrast":
        return degrade(image, kind, factor=1 - amount if parameters.less else 1 + 1.5 * amount)
    if kind == "mean_shift":
        return degrade(image, kind, amount=amount * parameters.sign)
    return (image * (1 + amount * parameters.gains.to(image)[:, None, None])).clamp(0, 1)


def _far(image: Tensor, other: Tensor, random: Generator) -> Tensor:
    """Where an optimisation may begin (flat, noise, another picture), or something on the way from there."""
    case = int(random.integers(8))
    if case == 0:
        level = (1.0, 1.0, 0.5, float(random.random()))[random.integers(4)]
        return _blend(image, torch.full_like(image, level), 0.1, random)
    if case == 1:
        return _blend(image, other, 0.1, random)
    if case == 2:
        return _blend(image, torch.from_numpy(random.random(image.shape)).to(image), 0.2, random)
    if case == 3:
        return (image + _geometric(0.02, 0.3, random) * _cloud(image, random)).clamp(0, 1)
    if case == 4:
        soft = degrade(image, "gaussian_blur", sigma=_geometric(2, 14, random))
        return (soft + _geometric(0.005, 0.15, random) * _cloud(image, random)).clamp(0, 1)
    if case == 5:
        soft = degrade(image, "gaussian_blur", sigma=_geometric(0.5, 8, random))
        pale = torch.lerp(soft, torch.ones_like(soft), random.uniform(0.3, 1))
        return (pale + _geometric(0.005, 0.1, random) * _cloud(image, random)).clamp(0, 1)
    if case == 6:
        if random.random() < 0.5:
            return image.clamp_min(1e-4) ** _geometric(0.4, 2.5, random)
        grey = image.mean(1, keepdim=True)
        return (grey + (image - grey) * random.uniform(0, 1.8)).clamp(0, 1)
    for kind in random.choice(_KINDS, 2, replace=False):
        image = _degraded(image, kind, random.uniform(0, 0.8), Parameters.draw(random), random)
    return image


def _blend(image: Tensor, other: Tensor, least: float, random: Generator) -> Tensor:
    share = 1.0 if random.random() < 0.4 else random.uniform(least, 1)
    return torch.lerp(image, other, share)


def _geometric(least: float, most: float, random: Generator) -> float:
    return least * (most / least) ** random.random()


def _cloud(like: Tensor, random: Generator) -> Tensor:
    """Noise of random scales with deviation 1: what a half-optimised image still lacks."""
    side = like.shape[-1]
    total = torch.zeros_like(like)
    for octave in range(6):
        if random.random() < 0.5:
            coarse = torch.from_numpy(random.standard_normal((1, 3, side >> octave or 1, side >> octave or 1)))
            total += random.uniform(0.2, 1) * functional.interpolate(coarse, (side, side), mode="bilinear").to(like)
    return total / total.std().clamp_min(1e-3)
