"""Kernels of blurs, float64: what a point of light becomes."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def gaussian_profile(sigma: float) -> Tensor:
    """A Gaussian of standard deviation `sigma` pixels along a line, cut off at 4 `sigma`, not normalised, float64."""
    reach = max(1, math.ceil(4 * sigma))
    return torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / sigma) ** 2)


def motion_kernel(length: float, angle: float) -> Tensor:
    """A line of `length` pixels at `angle` degrees, counter-clockwise, of odd sides, not normalised, float64."""
    reach = math.ceil(length / 2) + 1
    kernel = torch.zeros(2 * reach + 1, 2 * reach + 1, dtype=torch.float64)
    samples = math.ceil(length) * 8
    for place in ((torch.arange(samples) + 0.5) / samples - 0.5).tolist():
        # bilinear footprint of each point of the line
        x = reach + place * length * math.cos(math.radians(angle))
        y = reach - place * length * math.sin(math.radians(angle))
        left, top = math.floor(x), math.floor(y)
        right, below = x - left, y - top
        kernel[top, left] += (1 - right) * (1 - below)
        kernel[top, left + 1] += right * (1 - below)
        kernel[top + 1, left] += (1 - right) * below
        kernel[top + 1, left + 1] += right * below
    return kernel


def disk_kernel(radius: float) -> Tensor:
    """A disk of `radius` pixels with an anti-aliased edge, of odd sides, not normalised, float64."""
    reach = math.ceil(radius)
    along = torch.arange(-reach, reach + 1, dtype=torch.float64)
    return (radius + 0.5 - torch.hypot(along[:, None], along[None])).clamp(0, 1)


def gaussian_kernel(sigma: float) -> Tensor:
    """A Gaussian of standard deviation `sigma` pixels in two dimensions, see `gaussian_profile`."""
    along = gaussian_profile(sigma)
    return along[:, None] * along
