"""Whether a picture was a JPEG before it was saved as something else, by its blocks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_BLOCK = 8
_SHIFTS = ((4, 4), (2, 6), (6, 2), (4, 0), (0, 4))  # grids that no coder laid
_SMALLEST_SIDE = 96  # fewer blocks say too little
_LARGEST_SIDE = 1024
_FROM = 6  # sum of the frequencies of a coefficient from which it is a high one
_SHOWN = 0.16  # Kodak24 in three sizes, and squares of it: 0.12 at most, and from 0.21 on as a JPEG of quality 10 to 95


def shows_blocks(image: Tensor) -> bool:
    """Whether the high frequencies of the blocks of 8 x 8 pixels are weaker than those of shifted blocks, as a JPEG's
    quantisation leaves them; a picture that was cropped since hides them.

    Args:
        image: (1, 3, H, W) in [0, 1].

    Example:
        >>> shows_blocks(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
        False
    """
    return _block_contrast(image) > _SHOWN


def _block_contrast(image: Tensor) -> float:
    """By how much the logarithm of the high frequencies is smaller in the blocks than in shifted ones; 0 where the
    picture is too small to tell.
    """
    if min(image.shape[-2:]) < _SMALLEST_SIDE:
        return 0.0
    grey = 255 * image[0, :, :_LARGEST_SIDE, :_LARGEST_SIDE].mean(0)
    shifted = [_high_frequencies(grey[rows:, columns:]) for rows, columns in _SHIFTS]
    return sum(shifted) / len(shifted) - _high_frequencies(grey)


def _high_frequencies(grey: Tensor) -> float:
    """Mean logarithm of the energy of the high frequencies of the blocks, on the scale of 255."""
    blocks = grey.unfold(0, _BLOCK, _BLOCK).unfold(1, _BLOCK, _BLOCK)
    place, frequency = torch.arange(_BLOCK, dtype=grey.dtype), torch.arange(_BLOCK, dtype=grey.dtype)[:, None]
    cosines = torch.cos(math.pi * (2 * place + 1) * frequency / (2 * _BLOCK)) / 2
    energy = (cosines @ blocks @ cosines.T).square()
    high = frequency + frequency.T >= _FROM
    return energy[..., high].log1p().mean().item()
