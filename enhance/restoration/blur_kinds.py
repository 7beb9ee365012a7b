"""The kinds of blur that are estimated, and the blurs beside them from which they must be distinguished."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from enhance.images.kernels import disk_kernel, gaussian_kernel, motion_kernel


@dataclass(frozen=True)
class Kind:
    """A kind of blur.

    Attributes:
        keys: of its values: first a size in pixels, then, where there are two, an angle in degrees.
        make: the kernel of the values, not normalised.
        variants: kernels like that of the values but of no kind here: where one fits better, the kind is doubtful.
        smallest: size in pixels that is distinguished from a photograph's own softness.
        share: of the side of a window that the largest size has.
        factor: between neighbouring sizes of the grid that is searched.
    """

    keys: tuple[str, ...]
    make: Callable[..., Tensor]
    variants: Callable[..., list[Tensor]]
    smallest: float
    share: float
    factor: float

    def largest(self, side: int) -> float:
        """The largest size in pixels that is found in windows of a side."""
        return self.share * side


def _beside_gaussian(sigma: float) -> list[Tensor]:
    """Longer in one direction than in the other."""
    return [
        _after(gaussian_kernel(sigma * narrow), motion_kernel(sigma * length, angle))
        for narrow, length in ((0.9, 2.0), (0.7, 3.5))
        for angle in (0, 30, 60, 90, 120, 150)
    ]


def _beside_motion(length: float, angle: float) -> list[Tensor]:
    """A line that is wide, soft, bent, or faster at one end."""
    line = motion_kernel(length, angle)
    wide = [_after(line, motion_kernel(length * share, angle + 90)) for share in (0.3, 0.6, 1.0)]
    soft = [_after(line, gaussian_kernel(length * share)) for share in (0.1, 0.2)]
    bent = [_path(length, angle, bend, 0.0) for bend in (-100, -50, 50, 100)]
    return [*wide, *soft, *bent, _path(length, angle, 0.0, 0.7), _path(length, angle, 40, 0.7)]


def _beside_disk(radius: float) -> list[Tensor]:
    """A disk that is soft or moved, a ring, and a square of the same area."""
    disk, side = disk_kernel(radius), radius * math.sqrt(math.pi)
    soft = [_after(disk, gaussian_kernel(radius * share)) for share in (0.3, 0.5)]
    moved = [_after(disk, motion_kernel(radius * 0.8, angle)) for angle in (0, 45, 90, 135)]
    square = [_after(motion_kernel(side, angle), motion_kernel(side, angle + 90)) for angle in (0, 45)]
    inner = functional.pad(disk_kernel(radius / 2), [math.ceil(radius) - math.ceil(radius / 2)] * 4)
    return [*soft, *moved, *square, disk - 0.9 * inner]


KINDS = {
    "gaussian_blur": Kind(("sigma",), gaussian_kernel, _beside_gaussian, 0.9, 1 / 16, 1.12),
    "motion_blur": Kind(("length", "angle"), motion_kernel, _beside_motion, 3.0, 1 / 5, 1.2),
    "disk_blur": Kind(("radius",), disk_kernel, _beside_disk, 1.4, 1 / 12, 1.08),
}


def _after(kernel: Tensor, other: Tensor) -> Tensor:
    """One blur after another."""
    above, before = other.shape[0] - 1, other.shape[1] - 1
    padded = functional.pad(kernel, (before, before, above, above))
    return functional.conv2d(padded[None, None], other.flip(0, 1)[None, None])[0, 0]


def _path(length: float, angle: float, bend: float, uneven: float) -> Tensor:
    """An arc of `length` pixels that turns by `bend` degrees, brighter by `uneven` at its end than in its middle."""
    count = math.ceil(length) * 8
    place = (torch.arange(count, dtype=torch.float64) + 0.5) / count - 0.5
    direction = torch.deg2rad(angle + bend * place)
    across = torch.stack((-direction.sin(), direction.cos())).cumsum(1) * (length / count)
    across = across - (across.amax(1, keepdim=True) + across.amin(1, keepdim=True)) / 2
    reach = math.ceil(length / 2) + 1
    corner = (across + reach).floor().long()
    rest = across + reach - corner
    kernel = torch.zeros(2 * reach + 2, 2 * reach + 2, dtype=torch.float64)
    for below in (0, 1):
        for right in (0, 1):
            share = (rest[0] if below else 1 - rest[0]) * (rest[1] if right else 1 - rest[1])
            kernel.index_put_((corner[0] + below, corner[1] + right), share * (1 + 2 * uneven * place), accumulate=True)
    return kernel
