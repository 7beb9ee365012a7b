"""A camera's noise, for benchmarks/restoration.py: a sensor's, correlated by what the camera makes of its samples.

The picture is taken to linear light, seen through a mosaic of colour filters, and counted with noise; then demosaicked,
balanced, clipped, encoded and rounded. What is to be found is the same without noise.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional

from benchmarks.restoration_peers import Peer, best, bm3d

_GAMMA = 2.2
_BALANCE = (2.0, 1.0, 1.7)  # gains of red, green and blue
_CROSS = ((0.0, 1.0, 0.0), (1.0, 4.0, 1.0), (0.0, 1.0, 0.0))
_SQUARE = ((1.0, 2.0, 1.0), (2.0, 4.0, 2.0), (1.0, 2.0, 1.0))
_LEVELS = (0.7, 1.0, 1.4, 2.0)  # times the level of the noise, as CBM3D is given it


def photographed(clean: Tensor, seed: int, electrons: float, read: float) -> tuple[Tensor, Tensor]:
    """The picture (1, 3, H, W) of a camera, and the same without noise.

    Args:
        clean: what is seen.
        seed: of the noise.
        electrons: that white would leave in a pixel.
        read: noise of the reading, of which 1 is white.
    """
    generator = Generator().manual_seed(seed)
    linear = clean.clamp(0, 1) ** _GAMMA / _gains()
    counted = torch.poisson(linear * electrons, generator=generator) / electrons
    counted = counted + read * torch.randn(linear.shape, generator=generator)
    return _developed(counted), _developed(linear)


def best_of_levels() -> dict[str, Peer]:
    """CBM3D, where it is installed, given the best of some multiples of the level of the noise."""

    def method(observed: Tensor, clean: Tensor) -> Tensor:
        level = 255 * (observed - clean).std().item()
        tried = (bm3d(times * level)["CBM3D"] for times in _LEVELS)
        return best((denoise(observed, clean) for denoise in tried), clean)

    return {"CBM3D": method} if bm3d(1.0) else {}


def _gains() -> Tensor:
    return torch.tensor(_BALANCE).view(1, 3, 1, 1)


def _developed(counted: Tensor) -> Tensor:
    """Of what each pixel counts in each colour: the mosaic's share of it, demosaicked bilinearly, in 8 bits."""
    mosaic = torch.zeros_like(counted)
    for channel, top, left in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        mosaic[:, channel, top::2, left::2] = counted[:, channel, top::2, left::2]
    weights = torch.tensor((_SQUARE, _CROSS, _SQUARE))[:, None] / 4
    filled = functional.conv2d(functional.pad(mosaic, [1] * 4, mode="reflect"), weights, groups=3)
    return (((filled * _gains()).clamp(0, 1) ** (1 / _GAMMA)) * 255).round() / 255
