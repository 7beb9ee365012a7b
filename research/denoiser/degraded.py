"""Pictures as a user gives them to a restoration: crops with a random blur, reduced, or saved as a JPEG."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from PIL import Image
from torch import Generator, Tensor
from torch.nn import functional

from enhance.config.restoration import FACTORS, METHODS, AssumedConfig
from enhance.images.arrays import to_array
from enhance.images.kernels import disk_kernel, gaussian_kernel, motion_kernel
from enhance.images.reading import read
from enhance.restoration.downscaling import Downscaled
from enhance.restoration.plans import Asked, Plan
from enhance.restoration.tasks import TASKS

LEAST_SIDE = 72
"""Pixels that a crop must have: what the widest blur leaves valid of it holds its kernel."""

_NOISE = 0.25, 5.0  # of 255, beside a blur
_QUANTISATION = 0.29  # of 255: standard deviation of the quantisation to 8 bits
_SIGMA, _RADIUS, _LENGTH = (0.8, 4.0), (1.0, 5.0), (3.0, 15.0)  # pixels, of the three kinds of blur
_AREA = 0.3  # share of the reductions that are means, not bicubic
_QUALITY = 5, 60
_FULL_COLOUR = 0.2  # share of the JPEGs whose colours are not reduced


class Draws:
    """Random numbers.

    Args:
        generator: on the CPU.
    """

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def between(self, low: float, high: float) -> float:
        """A number, uniform from `low` to `high`."""
        return low + (high - low) * torch.rand((), generator=self.generator).item()

    def noise(self, shape: torch.Size) -> Tensor:
        """White noise of standard deviation 1."""
        return torch.randn(shape, generator=self.generator)

    def of_rising_weights(self, count: int, taken: int) -> list[int]:
        """`taken` different numbers below `count`, where the probability of each is proportional to 1 + the number."""
        weights = torch.arange(1.0, count + 1)
        return weights.multinomial(taken, generator=self.generator).tolist()


def random_plan(clean: Tensor, draws: Draws) -> Plan:
    """The plan by which the package restores a crop (1, 3, side, side), on the CPU, from a random degradation."""
    place = draws.between(0, 1)
    return next(plan for most, plan in _PLANS if place <= most)(clean, draws)


def _deblur(clean: Tensor, draws: Draws, kernel: Tensor) -> Plan:
    """Of the part that a blur leaves valid, with noise."""
    noise = math.exp(draws.between(math.log(_NOISE[0]), math.log(_NOISE[1])))
    weight = (kernel / kernel.sum()).to(clean).expand(3, 1, -1, -1)
    valid = functional.conv2d(clean, weight, groups=3)
    valid = _rounded(valid + noise / 255 * draws.noise(valid.shape))
    return TASKS["deblur"](Asked(valid, assumed=AssumedConfig(noise=math.hypot(noise, _QUANTISATION)), kernel=kernel))


def _of_gaussian(clean: Tensor, draws: Draws) -> Plan:
    return _deblur(clean, draws, gaussian_kernel(draws.between(*_SIGMA)))


def _of_disk(clean: Tensor, draws: Draws) -> Plan:
    return _deblur(clean, draws, disk_kernel(draws.between(*_RADIUS)))


def _of_motion(clean: Tensor, draws: Draws) -> Plan:
    return _deblur(clean, draws, motion_kernel(draws.between(*_LENGTH), draws.between(0, 180)))


def _of_reduced(clean: Tensor, draws: Draws) -> Plan:
    method, small = METHODS[draws.between(0, 1) < _AREA], clean[..., :: FACTORS[0], :: FACTORS[0]]
    small = Downscaled(small, FACTORS[0], method).operator(clean)
    return TASKS["upscale"](Asked(_rounded(small), assumed=AssumedConfig(method=method)))


def _of_jpeg(clean: Tensor, draws: Draws) -> Plan:
    quality, reduced = round(draws.between(*_QUALITY)), draws.between(0, 1) > _FULL_COLOUR
    with TemporaryDirectory() as folder:
        file = Path(folder) / "crop.jpg"
        Image.fromarray(to_array(clean)).save(file, quality=quality, subsampling="4:2:0" if reduced else "4:4:4")
        return TASKS["jpeg"](Asked(read(file).image, file))


_PLANS: tuple[tuple[float, Callable[[Tensor, Draws], Plan]], ...] = (
    (0.30, _of_gaussian),
    (0.38, _of_disk),
    (0.46, _of_motion),
    (0.55, _of_reduced),
    (1.00, _of_jpeg),  # each of one pass, where the others have six
)
"""Degradations, each with the share of the crops that have it or one before."""


def _rounded(image: Tensor) -> Tensor:
    """As an 8-bit file holds it."""
    return (image.clamp(0, 1) * 255).round() / 255
