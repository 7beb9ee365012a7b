"""Noise that is alike from pixel to pixel, as demosaicking and scaling leave it: whether a picture has it, and how
strong it is over brightness, at the picture's size and at half of it.

White noise of level s has the level s / 2 in means of 2 x 2 pixels. Correlated noise keeps more, and at the picture's
own size it is smooth, so that `noise_level`, which looks for what varies in every direction, sees little of it there
and more at half the size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from enhance.restoration.grey import is_grey
from enhance.restoration.noise_estimation import noise_level

_SMALLEST = 64  # pixels a side
_SEEN = 1.25 / 255  # noise at half the size below which all noise is taken to be white
_GROWS = 1.2  # times the level at the full size: texture that covers a picture reaches 1.1 under white noise
_BLOCK = 8  # pixels a side
_BLOCKS = 20_000  # of a picture
_BINS, _IN_A_BIN = 6, 40  # of brightness, and the least blocks in one
_FLATTEST = 0.1  # share of the blocks that are looked at first
_ROUNDS = 12  # of adding blocks
_FLAT = 2.4  # variance of a block that is added, over that of the noise in its quietest direction of colour
_KEPT = 0.8  # of the level at most in means of 2 x 2 pixels: as much as bilinear demosaicking keeps
_TEXTURED, _ALL_FLAT = 0.12, 0.3  # shares of flat blocks: the blocks are all textured, and enough of them are flat
_SLOW = 1.17  # noise of all scales over what is left of it around the means of neighbourhoods, measured
_DOUBTED = 0.6  # share of the variance that is taken for noise where all blocks are textured


@dataclass(frozen=True)
class Levels:
    """The standard deviation of noise over brightness, straight between some brightnesses and even beyond them.

    Attributes:
        brightness: (K,), ascending, K of at least 2.
        sigma: (K,), in units of [0, 1].
    """

    brightness: Tensor
    sigma: Tensor

    def at(self, brightness: Tensor) -> Tensor:
        """The standard deviation at a brightness.

        Example:
            >>> Levels(torch.tensor([0.2, 0.6]), torch.tensor([0.1, 0.2])).at(torch.tensor([0.0, 0.4, 0.9]))
            tensor([0.1000, 0.1500, 0.2000])
        """
        below = torch.bucketize(brightness, self.brightness[1:-1])
        low, high = self.brightness[below], self.brightness[below + 1]
        share = ((brightness - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)
        return self.sigma[below].lerp(self.sigma[below + 1], share)


@dataclass(frozen=True)
class CorrelatedNoise:
    """Correlated noise: its levels in a picture, and in the picture at half its size."""

    whole: Levels
    half: Levels

    def at(self, brightness: Tensor) -> Tensor:
        """The standard deviation in the picture: no less than its half is known to hold. A JPEG reduces the colours,
        and leaves the whole less noise in the directions that are looked at than the half.
        """
        return torch.maximum(self.whole.at(brightness), self.half.at(brightness) / _KEPT)


def correlated_noise(image: Tensor) -> CorrelatedNoise | None:
    """The correlated noise of a picture (1, 3, H, W); None where its noise is white, weak, or cannot be distinguished
    from texture: in grey pictures and small ones.
    """
    if is_grey(image) or min(image.shape[-2:]) < _SMALLEST:
        return None
    half = halved(image)
    if noise_level(half).sigma <= max(_SEEN, _GROWS * noise_level(image).sigma):
        return None
    return CorrelatedNoise(_levels(image), _levels(half))


def halved(image: Tensor) -> Tensor:
    """Means of 2 x 2 pixels; an odd side is repeated at its end."""
    odd = image.shape[-1] % 2, image.shape[-2] % 2
    return functional.avg_pool2d(functional.pad(image, [0, odd[0], 0, odd[1]], mode="replicate"), 2)


def doubled(image: Tensor, like: Tensor) -> Tensor:
    """An image of half the size at the size of another, linear between its pixels."""
    grown = functional.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
    return grown[..., : like.shape[-2], : like.shape[-1]]


def _levels(image: Tensor) -> Levels:
    """From blocks of like brightness: of those that hold noise alone, beginning with the flattest.

    The channels of a sensor have noise of their own, where a texture changes all of them together. So the noise of a
    block is taken from the directions of colour in which it varies least.
    """
    blocks, colours = _blocks(image)
    brightness = blocks.mean(0)
    count = max(2, min(_BINS, len(brightness) // _IN_A_BIN))
    parts = brightness.argsort().tensor_split(count)
    variances = torch.tensor([_variance(colours[part]) for part in parts], device=image.device)
    return Levels(torch.stack([brightness[part].mean() for part in parts]), variances.sqrt())


def _blocks(image: Tensor) -> tuple[Tensor, Tensor]:
    """Blocks that overlap by half: their samples (192, N), and the covariance of their colours around the mean of
    their neighbourhoods, (N, 3, 3).
    """
    image = image.detach().float()
    stride = max(_BLOCK // 2, math.isqrt(image.shape[-2] * image.shape[-1] // _BLOCKS))
    around = functional.avg_pool2d(functional.pad(image, [_BLOCK // 2] * 4, mode="reflect"), _BLOCK + 1, 1)
    rough = functional.unfold(image - around, _BLOCK, stride=stride)[0].unflatten(0, (3, -1))
    covariance = torch.einsum("ipn,jpn->nij", rough, rough) / (_BLOCK**2 - 1)
    return functional.unfold(image, _BLOCK, stride=stride)[0], covariance


def _variance(colours: Tensor) -> float:
    """The variance of the noise in blocks whose colours have the covariances (N, 3, 3)."""
    roughness = colours.diagonal(dim1=1, dim2=2).mean(1)
    flat = roughness.argsort()[: max(6, int(_FLATTEST * len(colours)))]
    for _ in range(_ROUNDS):
        quiet, _, _ = _directions(colours[flat])
        more = (roughness <= _FLAT * quiet).nonzero()[:, 0]
        if len(more) <= len(flat):
            break
        flat = more
    quiet, second, _ = _directions(colours[flat])
    certain = min(1.0, max(0.0, (len(flat) / len(colours) - _TEXTURED) / (_ALL_FLAT - _TEXTURED)))
    return _SLOW * ((1 - certain) * _DOUBTED * quiet + certain * (quiet + second) / 2)


def _directions(colours: Tensor) -> list[float]:
    """The variances along the three directions of colour, ascending."""
    return torch.linalg.eigvalsh(colours.mean(0).double()).clamp(min=0).tolist()
