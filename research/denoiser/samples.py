"""Samples to learn from: clean crops of photographs and their noise, drawn on the device that trains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn import functional

from enhance.images.arrays import resized
from enhance.images.reading import read

_MOST_SIGMA = 75 / 255
_REDUCED = 0.25  # share of the crops that are taken from reduced photographs
_FACTORS = (1.2, 1.45, 1.7)  # of the reductions
_UNEVEN = 0.2  # share of the crops whose noise is not the same everywhere, as a camera's is not


@dataclass(frozen=True)
class Pool:
    """Photographs of any sizes, in bytes, one behind the other, and smaller copies of them behind all.

    Attributes:
        data: all channels of all pictures, flat.
        starts: (N,), where a picture begins.
        sizes: (N, 2), heights and widths.
        native: how many of the pictures are photographs as they are; the rest are reduced.
    """

    data: Tensor
    starts: Tensor
    sizes: Tensor
    native: int

    @classmethod
    def of(cls, images: Sequence[Tensor], side: int) -> Pool:
        """Of photographs (3, H, W) in bytes whose sides are at least `side`, on their device.

        Raises:
            ValueError: if there is none.
        """
        native = [image for image in images if min(image.shape[-2:]) >= side]
        if not native:
            raise ValueError(f"No photograph is as large as the crop of {side} pixels; give a smaller crop=.")
        reduced = [copy for image in native for copy in _reduced(image) if min(copy.shape[-2:]) >= side]
        pictures = native + reduced
        lengths = torch.tensor([picture.numel() for picture in pictures])
        device = pictures[0].device
        return cls(
            torch.cat([picture.flatten() for picture in pictures]),
            (lengths.cumsum(0) - lengths).to(device),
            torch.tensor([picture.shape[-2:] for picture in pictures], device=device),
            len(native),
        )

    def crops(self, side: int, count: int, generator: Generator) -> Tensor:
        """Squares, turned and mirrored: (count, 3, side, side) in [0, 1]."""
        device, reduced = self.data.device, len(self.sizes) - self.native

        def uniform(*shape: int) -> Tensor:
            return torch.rand(shape, generator=generator, device=device)

        share, place, coin = uniform(2, count), uniform(2, count), uniform(3, count, 1, 1) < 0.5
        small = share[0] < _REDUCED if reduced else torch.zeros_like(share[0], dtype=torch.bool)
        which = torch.where(small, self.native + _below(share[1], reduced), _below(share[1], self.native))
        sizes = self.sizes[which].T
        top, left = _below(place, sizes - side + 1)[..., None, None]
        along = torch.arange(side, device=device)
        rows, columns = along[:, None].expand(side, side), along.expand(side, side)
        rows, columns = torch.where(coin[0], columns, rows), torch.where(coin[0], rows, columns)
        rows, columns = (torch.where(flip, side - 1 - x, x) for flip, x in zip(coin[1:], (rows, columns), strict=True))
        height, width = sizes[..., None, None]
        first = self.starts[which][:, None, None] + (top + rows) * width + left + columns
        channels = torch.arange(3, device=device)[None, :, None, None] * (height * width)[:, None]
        return self.data[first[:, None] + channels].float() / 255


def photographs(files: Iterable[Path], device: torch.device) -> list[Tensor]:
    """Every photograph, in bytes: (3, H, W) each."""
    return [(read(file).image[0] * 255).round().to(device, torch.uint8) for file in files]


@dataclass(frozen=True)
class Samples:
    """What a step learns from.

    Attributes:
        clean: crops, (B, 3, side, side).
        noisy: what the denoiser is given of each, (B, 3, side, side).
        maps: standard deviation of the noise that it is given, (B, 1, side, side).
        seen: where the error counts, (B, 1, side, side), boolean.
    """

    clean: Tensor
    noisy: Tensor
    maps: Tensor
    seen: Tensor

    def first(self, count: int) -> Samples:
        """The first of them."""
        return Samples(*(each[:count] for each in vars(self).values()))

    def and_then(self, other: Samples) -> Samples:
        """The samples of both, one after the other."""
        return Samples(*(torch.cat(pair) for pair in zip(vars(self).values(), vars(other).values(), strict=True)))


def generator_of(device: torch.device, seed: int, step: int) -> Generator:
    """What a step draws its samples from; they depend on the seed, its number and the kind of device."""
    return Generator(device).manual_seed((seed << 32) + step)


def noisy_samples(pool: Pool, side: int, count: int, generator: Generator) -> Samples:
    """Clean crops with Gaussian noise."""
    clean = pool.crops(side, count, generator)
    maps = _noise_maps(clean, generator)
    noise = torch.randn(clean.shape, generator=generator, device=clean.device)
    return Samples(clean, clean + maps * noise, maps, torch.ones_like(maps, dtype=torch.bool))


def _reduced(image: Tensor) -> list[Tensor]:
    height, width = image.shape[-2:]
    sizes = [(round(height / factor), round(width / factor)) for factor in _FACTORS]
    return [(resized(image[None].float() / 255, size)[0] * 255).round().to(torch.uint8) for size in sizes]


def _below(share: Tensor, count: int | Tensor) -> Tensor:
    """Whole numbers from 0 to below a count, for numbers from 0 to below 1."""
    return (share * count).long().clamp(max=torch.as_tensor(count, device=share.device) - 1)


def _noise_maps(clean: Tensor, generator: Generator) -> Tensor:
    """The standard deviation of the noise at every pixel of the crops, (B, 1, H, W).

    Where it is uneven it follows the brightness of another crop: of its own it would show the network a part of the
    clean picture, which nobody has later.
    """
    drawn = torch.rand((3, len(clean), 1, 1, 1), generator=generator, device=clean.device)
    sigma = _MOST_SIGMA * drawn[0]
    share = drawn[1] * (drawn[2] < _UNEVEN)  # of the variance at full brightness that grows with it
    brightness = functional.avg_pool2d(clean.mean(1, keepdim=True), 5, 1, 2).roll(1, 0)
    return sigma * ((1 - share) + share * brightness).sqrt()
