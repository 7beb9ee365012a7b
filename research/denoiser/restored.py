"""Samples of what a coupling shows the denoiser: pictures in the midst of their restoration."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from enhance.restoration.coupling import Denoise
from research.denoiser.degraded import Draws, random_plan
from research.denoiser.samples import Pool, Samples

_TAKEN = 4  # passes of a restoration that are learned from


def restored_samples(pool: Pool, side: int, count: int, denoise: Denoise, generator: Generator) -> Samples:
    """What the denoiser is given in passes by which the package restores degraded crops.

    Args:
        pool: of photographs.
        side: of the crops.
        count: of the samples.
        denoise: the denoiser as it is by now: the passes before a sample go through it.
        generator: of all that is drawn, on the device of the pool.
    """
    draws = Draws(Generator().manual_seed(int(torch.randint(2**62, (), generator=generator, device=generator.device))))
    made = _of_a_crop(pool.crops(side, 1, generator), denoise, draws)
    while len(made.clean) < count:
        made = made.and_then(_of_a_crop(pool.crops(side, 1, generator), denoise, draws))
    return made.first(count)


def _of_a_crop(clean: Tensor, denoise: Denoise, draws: Draws) -> Samples:
    """Some passes of the restoration of a crop, later ones more often; the error counts where it is observed."""
    given, side = list[tuple[Tensor, Tensor]](), clean.shape[-1]

    def recorded(image: Tensor, noise: Tensor) -> Tensor:
        given.append((image, noise))
        return denoise(image.to(clean), noise.to(clean)).to(image)

    plan = random_plan(clean.cpu(), draws)
    for _ in plan.passes(recorded):
        pass
    chosen = draws.of_rising_weights(len(given), min(_TAKEN, len(given)))
    images, maps = (torch.cat([given[place][part] for place in chosen]) for part in (0, 1))
    seen = torch.zeros_like(maps, dtype=torch.bool)
    plan.observation.picture(seen).fill_(True)
    restored = (each[..., :side, :side].to(clean.device) for each in (images, maps, seen))
    return Samples(clean.expand(len(chosen), -1, -1, -1), *restored)
