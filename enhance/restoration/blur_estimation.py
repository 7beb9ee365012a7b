"""Which blur a photograph has: its kind, Gaussian, motion or disk, and its size, from the power spectrum."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import torch
from torch import Tensor

from enhance.restoration.blur_kinds import KINDS
from enhance.restoration.blur_spectra import misfits, spectrum, transfers

SHARP = "none"
"""Name of no blur."""

OTHER = "other"
"""Name of a blur of no kind that is known."""

SMALLEST_SIDE = 80
"""Pixels a side of the smallest picture whose blur is looked for."""

_SIDES = {320: 128, 160: 64, SMALLEST_SIDE: 32}  # of the windows, by the least side of a picture, in pixels
_TEMPERATURE = 2.0  # of the misfits, for probabilities that hold on photographs: benchmarks/blur_kinds.py
_FINER = (0.5, 0.25)  # steps of the search around the best of the grid, in steps of the grid
_SIMPLER = 14.0  # misfit by which a variant must be better than its kind to be as probable
_SHARPER = 4.0  # misfit by which a blur must be better than none to be as probable
_LEAST_ERROR = 0.02  # of a size, relative: that of models of photographs

_POINT = torch.ones(1, 1, dtype=torch.float64)

Values = tuple[float, ...]


@dataclass(frozen=True)
class Blur:
    """A blur that a picture may have.

    Attributes:
        name: of `KINDS`, `SHARP` or `OTHER`.
        values: of the kind's keys.
        error: standard error of the size, in pixels.
        misfit: of `blur_spectra.misfits`.
        probability: that the picture has this kind of blur and not another of them or none.
        within: whether the size lies in the range that is looked for.
    """

    name: str
    values: Values = ()
    error: float = 0.0
    misfit: float = math.inf
    probability: float = 0.0
    within: bool = True


def estimate_blurs(image: Tensor, noise: float) -> list[Blur]:
    """The best blur of each kind, no blur and another blur, the most probable first, of a photograph (1, 3, H, W).

    The zeros of a disk's spectrum lie on rings, those of a motion's on parallel lines, and a Gaussian has none: each
    kind in many sizes is fitted to the power spectrum with a photograph's own fall, see `blur_spectra`.

    Args:
        image: the photograph, of sides of at least `SMALLEST_SIDE`.
        noise: standard deviation of the noise of the mean of its channels, in units of [0, 1], above 0.

    Example:
        >>> noisy = torch.rand(1, 3, 80, 80, generator=torch.Generator().manual_seed(0))
        >>> estimate_blurs(noisy, noise=0.17)[0].name
        'none'
    """
    grey = image.mean(1)[0].double()
    side = window_side(image)
    power = spectrum(grey, side, noise)

    def rated(blurs: Sequence[Blur], left: Tensor) -> list[Blur]:
        found = misfits(power, left, side, noise).tolist()
        return [replace(blur, misfit=misfit) for blur, misfit in zip(blurs, found, strict=True)]

    tried = rated(*_grid(side))
    best = {name: _least(blur for blur in tried if blur.name == name) for name in (SHARP, *KINDS)}
    for finer in _FINER:
        around = [each for blur in best.values() for each in _neighbours(blur, finer)]
        tried = rated(around, _left(around, side))
        best = {name: _refined(blur, [each for each in tried if each.name == name]) for name, blur in best.items()}
    if (first := _least(best.values())).name != SHARP:
        variants = transfers(KINDS[first.name].variants(*first.values), side)
        best[OTHER] = Blur(OTHER, misfit=misfits(power, variants, side, noise).min().item() + _SIMPLER)
    best[SHARP] = replace(best[SHARP], misfit=best[SHARP].misfit - _SHARPER)
    least = _least(best.values()).misfit
    weights = {name: math.exp((least - blur.misfit) / (2 * _TEMPERATURE)) for name, blur in best.items()}
    shares = [replace(blur, probability=weights[name] / sum(weights.values())) for name, blur in best.items()]
    return sorted((_checked(blur, side) for blur in shares), key=lambda blur: -blur.probability)


def window_side(image: Tensor) -> int:
    """The side of the windows that a picture's spectrum is averaged over."""
    return next(side for least, side in _SIDES.items() if least <= min(image.shape[-2:]))


def _refined(blur: Blur, around: Sequence[Blur]) -> Blur:
    """The best of a blur and its neighbours, with the error that the misfits on both sides of it show."""
    sides = [each for each in around if each.values[1:] == blur.values[1:]]
    if not sides:
        return blur
    step = (sides[-1].values[0] - sides[0].values[0]) / 2
    bend = max(sum(each.misfit for each in sides) - 2 * blur.misfit, 1e-6) / step**2
    error = math.hypot(math.sqrt(2 / bend), _LEAST_ERROR * blur.values[0])
    return replace(_least([blur, *around]), error=error)


def _neighbours(blur: Blur, finer: float) -> list[Blur]:
    if not blur.values:
        return []
    factor = KINDS[blur.name].factor ** finer
    size, *angle = blur.values
    turn = finer * _turn(size) if angle else 0.0
    moved = product((size / factor, size, size * factor), *[[each - turn, each, each + turn] for each in angle])
    return [Blur(blur.name, values) for values in moved if values != blur.values]


@cache
def _grid(side: int) -> tuple[list[Blur], Tensor]:
    """The blurs that are looked for in windows of a side, a step beyond their range, and the power that they leave."""
    blurs = [Blur(SHARP)]
    for name, kind in KINDS.items():
        size = kind.smallest / kind.factor
        while size <= kind.largest(side) * kind.factor:
            angles = [()] if len(kind.keys) == 1 else [(each,) for each in _angles(size)]
            blurs += [Blur(name, (size, *angle)) for angle in angles]
            size *= kind.factor
    return blurs, _left(blurs, side)


def _left(blurs: Sequence[Blur], side: int) -> Tensor:
    kernels = [KINDS[blur.name].make(*blur.values) if blur.values else _POINT for blur in blurs]
    return transfers(kernels, side)


def _angles(length: float) -> list[float]:
    turn = _turn(length)
    return [turn * place for place in range(round(180 / turn))]


def _turn(length: float) -> float:
    """Degrees between the angles of the grid: an end of the line moves by 0.8 pixels, and a short one by less."""
    return 180 / min(30, max(8, round(2 * length)))


def _least(blurs: Iterable[Blur]) -> Blur:
    return min(blurs, key=lambda blur: blur.misfit)


def _checked(blur: Blur, side: int) -> Blur:
    """The blur with its angle in [0, 180), and whether its size lies in the range."""
    if not blur.values:
        return blur
    kind, (size, *angle) = KINDS[blur.name], blur.values
    within = kind.smallest <= size <= kind.largest(side)
    return replace(blur, values=(size, *[each % 180 for each in angle]), within=within)
