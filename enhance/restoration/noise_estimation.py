"""How noisy a picture is: the noise level with its standard error, and how the noise grows with brightness."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_PATCH = 6  # pixels a side
_PATCHES = 40_000  # of a picture
_ROUNDS = 20  # of leaving out patches
_FLAT = 1.6  # roughness of a patch, relative to its mean under noise alone: 3 % of patches of noise are rougher
_MOST_CLIPPED = 0.1  # share of a patch's samples that are black or white
_REGIONS = 3  # a side
_LEAST = 400  # patches for an estimate
_BINS = 10  # of brightness
_CLIPPED = 2 / 255  # brightness this close to black or white has lost part of its noise


@dataclass(frozen=True)
class NoiseLevel:
    """A noise level.

    Attributes:
        sigma: standard deviation in units of [0, 1].
        error: its standard error, from the estimates of nine regions.
    """

    sigma: float
    error: float


@dataclass(frozen=True)
class NoiseCurve:
    """Noise whose variance is `gain` x brightness + `variance`, all in units of [0, 1]: a sensor's."""

    gain: float
    variance: float

    def level(self, brightness: Tensor) -> Tensor:
        """The standard deviation at a brightness.

        Example:
            >>> NoiseCurve(0.03, 0.01).level(torch.tensor([0.0, 1.0]))
            tensor([0.1000, 0.2000])
        """
        return (self.gain * brightness.clamp(0, 1) + self.variance).sqrt()


def noise_level(image: Tensor) -> NoiseLevel:
    """The standard deviation of white noise in a picture, (1, 3, H, W) with sides of at least 8.

    Patches of a photograph vary along few directions, noise along all: the eigenvalues of the patches' covariance that
    are no larger than their own median's range are the noise's. Noise that a camera has smoothed lies lower than it
    looks there.

    Example:
        >>> noisy = 0.5 + 0.1 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> abs(noise_level(noisy).sigma - 0.1) < 0.005
        True

    References:
        Chen, Zhu and Heng, "An Efficient Statistical Method for Image Noise Level Estimation", ICCV 2015, 477-485.
    """
    patches = _patches(image.detach().float())
    sigma = math.sqrt(_variance(patches))
    rows, columns = (max(1, min(_REGIONS, side // 24)) for side in image.shape[-2:])
    parts = [
        math.sqrt(_variance(_patches(part)))
        for strip in image.tensor_split(rows, -2)
        for part in strip.tensor_split(columns, -1)
    ]
    spread = torch.tensor(parts).std(correction=0).item() if len(parts) > 1 else sigma
    return NoiseLevel(sigma, spread / math.sqrt(len(parts)))


def noise_curve(image: Tensor) -> NoiseCurve:
    """The variance of the noise as a line over brightness: of a picture (1, 3, H, W).

    The noise level is estimated among patches of like brightness, and a line is fitted whose gain and variance are not
    negative, each level weighted by its number of patches.

    Example:
        >>> ramp = torch.linspace(0.1, 0.9, 256).expand(1, 3, 256, 256)
        >>> noisy = ramp + (0.01 * ramp).sqrt() * torch.randn(ramp.shape, generator=torch.Generator().manual_seed(0))
        >>> 0.008 < noise_curve(noisy).gain < 0.012
        True
    """
    patches = _patches(image.detach().float())
    means = patches.mean(1)
    order = means.argsort()
    found = []
    for part in order.tensor_split(_BINS):
        mean = means[part].mean().item()
        if len(part) >= _LEAST and _CLIPPED < mean < 1 - _CLIPPED:
            found.append((mean, _variance(patches[part]), len(part)))
    if len(found) < 2:
        return NoiseCurve(0.0, _variance(patches))
    return _line(*map(torch.tensor, zip(*found, strict=True)))


def _line(brightness: Tensor, variance: Tensor, count: Tensor) -> NoiseCurve:
    """The weighted least squares of gain and variance that are at least 0; low levels count as much as high ones."""
    weight = count / variance.clamp(min=1e-8).square()
    weight = weight / weight.sum()
    mean, height = (weight * brightness).sum(), (weight * variance).sum()
    spread = (weight * (brightness - mean).square()).sum()
    gain = ((weight * (brightness - mean) * (variance - height)).sum() / spread.clamp(min=1e-8)).item()
    offset = height.item() - gain * mean.item()
    if gain < 0:
        return NoiseCurve(0.0, height.item())
    if offset < 0:
        through_zero = (weight * brightness * variance).sum() / (weight * brightness.square()).sum()
        return NoiseCurve(through_zero.item(), 0.0)
    return NoiseCurve(gain, offset)


def _patches(image: Tensor) -> Tensor:
    """Patches of all channels in turn, (N, 36), evenly spread where there are many."""
    size = min(_PATCH, *image.shape[-2:])
    stride = max(1, math.isqrt(image.shape[-2] * image.shape[-1] * image.shape[1] // _PATCHES))
    channels = image.transpose(0, 1)
    patches = functional.unfold(channels, size, stride=stride)
    return patches.transpose(1, 2).reshape(-1, size * size)


def _variance(patches: Tensor) -> float:
    """The variance of the noise in patches (N, 36): first of all patches, then of those that are as flat as noise of
    that variance allows, until no more patches are left out.
    """
    clipped = ((patches <= 0) | (patches >= 1)).float().mean(1) > _MOST_CLIPPED
    patches = patches[~clipped] if (~clipped).sum() >= _LEAST else patches
    side = math.isqrt(patches.shape[1])
    square = patches.unflatten(1, (side, side))
    roughness = (square.diff(dim=1).square().mean((1, 2)) + square.diff(dim=2).square().mean((1, 2))) / 4
    variance, kept = _smallest(patches), len(patches)
    for _ in range(_ROUNDS):
        flat = roughness <= variance * _FLAT
        if (count := int(flat.sum())) < _LEAST or count >= kept:
            break
        variance, kept = _smallest(patches[flat]), count
    return variance


def _smallest(patches: Tensor) -> float:
    """The mean of the largest set of smallest eigenvalues whose mean is no more than their median."""
    centred = (patches - patches.mean(0)).double()
    values = torch.linalg.eigvalsh(centred.T @ centred / max(1, len(centred) - 1)).clamp(min=0)
    for count in range(len(values), 0, -1):
        if values[:count].mean() <= values[:count].quantile(0.5):
            return values[:count].mean().item()
    return values[0].item()
