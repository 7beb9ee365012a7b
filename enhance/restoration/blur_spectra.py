"""Power spectra of photographs, and how well a blur explains one.

The power of a photograph falls with the frequency f about as f^-2.4, in some directions faster than in others. A blur
multiplies the power by |H(f)|^2, noise adds a constant. The logarithm of a measured power is compared with

    log(exp(b . features(f)) |H(f)|^2 + noise^2),

where b and the noise are fitted, each with a prior.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

_LOWEST = 0.03  # cycles a pixel: below, spectra differ most between pictures
_TYPICAL = -2.4  # exponent of the power of photographs
_PIVOT = 0.15  # cycles a pixel, where log f is 0
# b: level, log f, (log f)^2, then cos and sin of 2 and 4 times the direction, and the same times log f
_MEANS = (0.0, _TYPICAL, *[0.0] * 8)
_SPREADS = (20.0, 0.4, 0.15, 0.5, 0.5, 0.4, 0.2, 0.3, 0.3, 0.2)
_NOISE_SPREAD = 0.2  # of the logarithm of the noise's power
_DEVIATION = 0.3  # of the logarithm of a power from the model
_OUTLIER = 3 * _DEVIATION  # from which a deviation counts linearly
_INDEPENDENT = 0.1  # share of the frequencies whose deviations are independent
_ROUNDS = 6  # of Gauss-Newton
_MOST_WINDOWS = 600  # of a picture; beyond, they are spread
_AT_ONCE = 64  # kernels whose spectra are in memory
_LEAST_POWER = 1e-9  # relative


def spectrum(grey: Tensor, side: int, noise: float) -> Tensor:
    """The mean power of a grey picture (H, W) over windows of `side` pixels, at the frequencies of `features`: (F,).

    Windows of much contrast count less, in proportion to their standard deviation, so that a few edges do not stand for
    the picture.
    """
    window = _window(side)
    step = max(side // 2, math.isqrt(grey.numel() // _MOST_WINDOWS))
    squares = grey.unfold(0, side, step).unfold(1, side, step).flatten(0, 1)
    squares = (squares - squares.mean((1, 2), keepdim=True)) * window
    power = torch.fft.rfft2(squares).abs().square() / window.square().sum()
    weights = (power.mean((1, 2)) + 8 * noise**2 + 1e-6).rsqrt()
    return (weights[:, None, None] * power).sum(0)[_used(side)] / weights.sum()


def transfers(kernels: Sequence[Tensor], side: int) -> Tensor:
    """The share of the power that each kernel leaves, as windows of `side` pixels see it: (C, F)."""
    size = (2 * side, 2 * side)
    photograph = _frequency(2 * side).clamp(min=0.25 / side) ** _TYPICAL
    sharp = _seen(photograph, side)
    parts = []
    for start in range(0, len(kernels), _AT_ONCE):
        part = kernels[start : start + _AT_ONCE]
        shares = torch.stack([torch.fft.rfft2(kernel / kernel.sum(), s=size).abs().square() for kernel in part])
        parts.append(_seen(photograph * shares, side) / sharp)
    return torch.cat(parts).clamp(min=_LEAST_POWER)


def misfits(power: Tensor, left: Tensor, side: int, noise: float) -> Tensor:
    """How far a spectrum is from a photograph's under each of the blurs that leave `left` of it: (C,).

    The sum of the squared deviations of the logarithms and of the fitted values from their priors, each relative to its
    variance; large deviations count linearly.

    Args:
        power: of `spectrum`, (F,).
        left: of `transfers`, (C, F).
        side: of the windows.
        noise: standard deviation, in the units of the picture, above 0.
    """
    y, waves, log_left = power.clamp(min=_LEAST_POWER * noise**2).log(), features(side), left.log()
    centre = torch.tensor([*_MEANS, 2 * math.log(noise)], dtype=y.dtype)
    precision = torch.tensor([*_SPREADS, _NOISE_SPREAD], dtype=y.dtype) ** -2 * (_DEVIATION**2 / _INDEPENDENT)
    centre[0] = (y - waves @ centre[:-1]).median()

    def of(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The sum, the deviations, and the share of the picture in the power."""
        picture = values[:, :-1] @ waves.T + log_left
        model = torch.logaddexp(picture, values[:, -1:])
        deviation = y - model
        size = deviation.abs()
        loss = torch.where(size <= _OUTLIER, size.square(), _OUTLIER * (2 * size - _OUTLIER)).sum(1)
        return loss + (values - centre).square() @ precision, deviation, (picture - model).exp()

    values, damping = centre.repeat(len(left), 1), torch.full((len(left),), 1e-2, dtype=y.dtype)
    total, deviation, share = of(values)
    for _ in range(_ROUNDS):
        weights = (_OUTLIER / deviation.abs().clamp(min=1e-12)).clamp(max=1)
        jacobian = torch.cat((waves * share[..., None], 1 - share[..., None]), -1)
        weighted = jacobian * weights[..., None]
        matrix = weighted.mT @ jacobian + precision.diag()
        right = (weighted.mT @ deviation[..., None])[..., 0] - precision * (values - centre)
        matrix = matrix + torch.diag_embed(matrix.diagonal(dim1=1, dim2=2) * damping[:, None])
        moved = values + torch.linalg.solve(matrix, right)
        found = of(moved)
        better = found[0] < total
        values = torch.where(better[:, None], moved, values)
        damping = torch.where(better, damping / 5, damping * 10)
        total = torch.where(better, found[0], total)
        deviation, share = (
            torch.where(better[:, None], new, old) for new, old in zip(found[1:], (deviation, share), strict=True)
        )
    return total * (_INDEPENDENT / _DEVIATION**2)


@cache
def features(side: int) -> Tensor:
    """What the logarithm of a photograph's power is linear in, at the frequencies that are used: (F, 10)."""
    vertical, horizontal = _axes(side)
    direction = torch.atan2(vertical, horizontal)
    distance = (_frequency(side).clamp(min=0.5 / side) / _PIVOT).log()
    around = [wave(count * direction) for count in (2, 4) for wave in (torch.cos, torch.sin)]
    sloped = [each * distance for each in around[:3]]
    columns = [torch.ones_like(distance), distance, distance.square(), *around, *sloped]
    return torch.stack(columns, -1)[_used(side)]


@cache
def _used(side: int) -> Tensor:
    """Every fourth frequency of large windows and every second of others: neighbours agree, by the window."""
    vertical, horizontal = ((each * side).round().long() for each in _axes(side))
    even = (vertical % 2 == 0) & (horizontal % 2 == 0)
    chosen = even if side > 64 else even | ((vertical % 2 != 0) & (horizontal % 2 != 0))
    twice = (vertical < 0) & ((horizontal == 0) | (horizontal == side // 2))
    return chosen & ~twice & (_frequency(side) >= _LOWEST)


def _seen(power: Tensor, side: int) -> Tensor:
    """A power spectrum of twice the side, as windows of the side see it at the frequencies that are used."""
    size = (2 * side, 2 * side)
    own = torch.fft.irfft2(torch.fft.rfft2(_window(side), s=size).abs().square(), s=size)
    seen = torch.fft.rfft2(torch.fft.irfft2(power, s=size) * (own / own[0, 0])).real
    return seen[..., ::2, ::2][..., _used(side)]


@cache
def _window(side: int) -> Tensor:
    along = torch.hann_window(side, periodic=True, dtype=torch.float64)
    return along[:, None] * along


def _axes(side: int) -> tuple[Tensor, Tensor]:
    vertical = torch.fft.fftfreq(side, dtype=torch.float64)[:, None]
    return torch.broadcast_tensors(vertical, torch.fft.rfftfreq(side, dtype=torch.float64))[:2]


def _frequency(side: int) -> Tensor:
    vertical, horizontal = _axes(side)
    return torch.hypot(vertical, horizontal)
