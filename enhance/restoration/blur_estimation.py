"""How blurred a picture is: the standard deviation of a Gaussian blur, from the spectrum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SMALLEST, LARGEST = 0.6, 4.0  # pixels: range in which a blur is looked for
_SIDE = 64  # pixels of the squares whose spectra are averaged
_LOWEST = 0.03  # cycles a pixel: below, spectra differ most between pictures
_ABOVE_NOISE = 4.0  # power relative to the noise's, from which a frequency counts
_SLOPES = (2.0, 2.4, 2.8, 3.2)  # of photographs: power falls as frequency^-slope


@dataclass(frozen=True)
class Blur:
    """A Gaussian blur.

    Attributes:
        sigma: in pixels.
        low, high: range of sigma over the slopes that photographs have.
    """

    sigma: float
    low: float
    high: float


def blur_sigma(image: Tensor, noise: float) -> Blur | None:
    """The Gaussian blur of a photograph, (1, 3, H, W), or None where it is no blurrier than photographs are.

    The power of a photograph falls with the frequency f as f^-slope, that of a blurred one as
    f^-slope exp(-(2 pi sigma f)^2), down to the noise.

    Args:
        image: the photograph.
        noise: standard deviation of the noise of the mean of its channels, in units of [0, 1].

    Example:
        >>> blur_sigma(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)), noise=0.006) is None
        True
    """
    frequency, power, count = _spectrum(image.mean(1)[0].double())
    used = (frequency >= _LOWEST) & (power > noise**2 * _ABOVE_NOISE)
    if used.sum() < 4:
        return None
    x, y, weight = frequency[used], (power[used] - noise**2).log(), count[used]
    found = [_fitted(x, y, weight, slope) for slope in _SLOPES]
    sigmas = sorted(sigma for sigma, _ in found)
    best = min(found, key=lambda each: each[1])[0]
    return None if best < SMALLEST else Blur(min(best, LARGEST), sigmas[0], sigmas[-1])


def _fitted(x: Tensor, y: Tensor, weight: Tensor, slope: float) -> tuple[float, float]:
    """The sigma of the least squares, and its mean squared deviation."""
    squared = (2 * math.pi * x).square()
    rest = y + slope * x.log()
    total = weight.sum()
    mean_x, mean_y = (weight * squared).sum() / total, (weight * rest).sum() / total
    spread = (weight * (squared - mean_x).square()).sum()
    falling = -((weight * (squared - mean_x) * (rest - mean_y)).sum() / spread).item()
    deviation = rest - mean_y + max(falling, 0.0) * (squared - mean_x)
    return math.sqrt(max(falling, 0.0)), ((weight * deviation.square()).sum() / total).item()


def _spectrum(grey: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Frequencies in cycles a pixel, the mean power there a pixel, and the number of coefficients."""
    side = min(_SIDE, *grey.shape)
    window = torch.hann_window(side, periodic=False, dtype=grey.dtype)
    window = window[:, None] * window
    squares = grey.unfold(0, side, max(1, side // 2)).unfold(1, side, max(1, side // 2)).flatten(0, 1)
    squares = (squares - squares.mean((1, 2), keepdim=True)) * window
    power = torch.fft.fft2(squares).abs().square().mean(0) / window.square().sum()
    along = torch.fft.fftfreq(side, dtype=grey.dtype)
    radius = (torch.hypot(along[:, None], along) * side).round().long().flatten()
    kept = radius <= side // 2
    count = torch.zeros(side // 2 + 1, dtype=grey.dtype).index_add_(0, radius[kept], power.new_ones(int(kept.sum())))
    total = torch.zeros_like(count).index_add_(0, radius[kept], power.flatten()[kept])
    return torch.arange(side // 2 + 1, dtype=grey.dtype) / side, total / count, count
