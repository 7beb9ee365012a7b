"""Noise that a file has clipped to [0, 1]: close to black its mean is too bright, close to white too dark, and its
spread is smaller.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_POINTS = 1025  # of the table that is inverted


def clipped_mean(brightness: Tensor, sigma: Tensor | float) -> Tensor:
    """The mean of brightness + sigma * noise after clipping to [0, 1].

    Example:
        >>> clipped_mean(torch.tensor([0.0, 0.5, 1.0]), 0.1)
        tensor([0.0399, 0.5000, 0.9601])
    """
    low, high, inside = _parts(brightness, sigma)
    return brightness * inside + sigma * (_density(low) - _density(high)) + 1 - _below(high)


def clipped_spread(brightness: Tensor, sigma: Tensor | float) -> Tensor:
    """The standard deviation of brightness + sigma * noise after clipping to [0, 1].

    Example:
        >>> clipped_spread(torch.tensor([0.0, 0.5]), 0.1)
        tensor([0.0584, 0.1000])
    """
    low, high, inside = _parts(brightness, sigma)
    square = (brightness.square() + sigma**2) * inside + 1 - _below(high)
    square = square + sigma * (brightness * _density(low) - (1 + brightness) * _density(high))
    return (square - clipped_mean(brightness, sigma).square()).clamp(min=0).sqrt()


def unclipped(mean: Tensor, sigma: float) -> Tensor:
    """The brightness whose `clipped_mean` is `mean`, in [0, 1].

    Example:
        >>> unclipped(torch.tensor([0.03, 0.5, 0.97]), 0.1)
        tensor([0.0000, 0.5000, 1.0000])
    """
    if sigma <= 0:
        return mean.clamp(0, 1)
    brightness = torch.linspace(0, 1, _POINTS, dtype=torch.float64)
    table = clipped_mean(brightness, sigma).to(mean)
    above = torch.searchsorted(table, mean.contiguous()).clamp(1, _POINTS - 1)
    low, high = table[above - 1], table[above]
    return ((above - 1 + (mean - low) / (high - low)) / (_POINTS - 1)).clamp(0, 1)


def _parts(brightness: Tensor, sigma: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
    """Black and white in units of sigma from the brightness, and the share of the noise between them."""
    low, high = -brightness / sigma, (1 - brightness) / sigma
    return low, high, _below(high) - _below(low)


def _below(x: Tensor) -> Tensor:
    return torch.special.ndtr(x)


def _density(x: Tensor) -> Tensor:
    return torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)
