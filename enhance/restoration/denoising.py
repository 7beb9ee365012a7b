"""The plans that remove noise: Gaussian, Poisson-Gaussian, or salt and pepper."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from enhance.images.arrays import ImageError
from enhance.restoration.clipping import clipped_spread, unclipped
from enhance.restoration.correlated_noise import CorrelatedNoise, correlated_noise, doubled, halved
from enhance.restoration.coupling import Denoise, Pass
from enhance.restoration.grey import is_grey
from enhance.restoration.jpeg_file import reduces_colours
from enhance.restoration.noise_estimation import NoiseCurve, noise_curve, noise_level
from enhance.restoration.observations import Masked, Noisy
from enhance.restoration.plans import Asked, Plan, coupled, name_of, require, require_uncoupled, unseen
from enhance.utils.errors import SettingsError

_OUTLIER = 0.1  # from the median around it: a black or white pixel that is lost
_STRONG = 20 / 255  # noise whose clipping close to black and white a second pass is worth
_LUMA_NOISE = math.hypot(0.299, 0.587, 0.114)  # of white noise in RGB: what is left where a JPEG averages its colours
_LEAST_LEVEL = 1e-4  # that the denoiser is given
_AT_ONCE = 2**18  # extreme pixels whose neighbourhoods are in memory
_BRIGHTNESS = 5  # pixels a side whose mean is the brightness that a noise level is looked up at


def denoise(asked: Asked) -> Plan:
    """Noise is removed: Gaussian, Poisson-Gaussian, or salt and pepper."""
    name = name_of(asked, "gaussian_noise", "poisson_gaussian_noise", "salt_and_pepper")
    if name == "salt_and_pepper":
        require(asked, "noise")
        return _filled_in(asked)
    require_uncoupled(asked, f"degradation={name}")
    if name == "gaussian_noise":
        require(asked, "sigma")
        return _evenly_noisy(asked)
    require(asked, "peak", "sigma")
    return _brightly_noisy(asked)


def _evenly_noisy(asked: Asked) -> Plan:
    estimated: dict[str, Any] = {}
    sigma = asked.assumed.sigma
    if sigma is None and (correlated := correlated_noise(asked.image)) is not None:
        return _smoothly_noisy(asked, correlated)
    if sigma is None:
        found = noise_level(asked.image)
        averaged = asked.path is not None and reduces_colours(asked.path) and not is_grey(asked.image)
        share = _LUMA_NOISE if averaged else 1.0
        sigma = 255 * found.sigma / share
        estimated = {"sigma": round(sigma, 3), "standard_error": round(255 * found.error / share, 3)}
    level = sigma / 255
    observation = Noisy(asked.image, asked.image.new_full((1, 1, *asked.image.shape[-2:]), level))

    def passes(denoiser: Denoise) -> Iterator[Pass]:
        """The denoiser finds the mean of noise that the file has clipped, from which the brightness follows; strong
        noise is so much weaker close to black and white that a second pass is given a map of it.
        """
        return _in_turn(
            2 if level > _STRONG else 1,
            observation.level,
            lambda spread: unclipped(denoiser(observation.observed, spread), level),
            lambda estimate: clipped_spread(estimate, level).mean(1, keepdim=True),
        )

    return Plan(observation, passes, estimated, notes=unseen(observation, estimated, "sigma="))


def _smoothly_noisy(asked: Asked, noise: CorrelatedNoise) -> Plan:
    image = asked.image
    half = halved(image)
    level, half_level = noise.at(_brightness(image)), noise.half.at(_brightness(half))
    observation = Noisy(image, level, "correlated_noise")

    def passes(denoiser: Denoise) -> Iterator[Pass]:
        """At half the size first, where the noise is nearly white, then what is left of it at the full size: the
        variance of noise is that of the means of 2 x 2 pixels and that around them.
        """
        smooth = image + doubled(denoiser(half, half_level) - half, image)
        yield Pass(1, half_level.square().mean().sqrt().item(), smooth)
        left = (level.square() - doubled(half_level, image).square()).clamp(min=_LEAST_LEVEL**2).sqrt()
        yield Pass(2, left.square().mean().sqrt().item(), denoiser(smooth, left))

    at_half = half_level.square().mean().sqrt().item()
    estimated = {"sigma": round(255 * observation.noise, 3), "sigma_at_half_size": round(255 * at_half, 3)}
    note = (
        "the noise is alike from pixel to pixel, as a camera leaves it, and is removed at half the size first; where "
        "it is white, give degradation.sigma="
    )
    return Plan(observation, passes, estimated, notes=(note,))


def _brightly_noisy(asked: Asked) -> Plan:
    peak, sigma = asked.assumed.peak, asked.assumed.sigma
    if (peak is None) != (sigma is None):
        raise SettingsError(
            "degradation=poisson_gaussian_noise takes both degradation.peak= and degradation.sigma=, or neither: then "
            "the noise is estimated."
        )
    if peak is not None and sigma is not None:
        curve, estimated, settings = NoiseCurve(1 / peak, (sigma / 255) ** 2), {}, {"peak": peak, "sigma": sigma}
    else:
        curve, settings = noise_curve(asked.image), {}
        estimated = {"gain": round(curve.gain, 6), "sigma_at_black": round(255 * curve.variance**0.5, 3)}
    observation = Noisy(asked.image, curve.level(_brightness(asked.image)), "poisson_gaussian_noise")

    def passes(denoiser: Denoise) -> Iterator[Pass]:
        """The second pass looks the noise level up in what the first has found."""
        return _in_turn(
            2,
            observation.level,
            lambda level: denoiser(observation.observed, level),
            lambda estimate: curve.level(estimate.mean(1, keepdim=True)),
        )

    notes = unseen(observation, estimated, "peak= and degradation.sigma=")
    return Plan(observation, passes, estimated, settings=settings, notes=notes)


def _filled_in(asked: Asked) -> Plan:
    kept = 1 - _lost(asked.image)
    if not kept.any():
        raise ImageError("All pixels of the picture are black or white outliers; there is nothing to start from.")
    estimated = {"lost": round(1 - kept.mean().item(), 4)}
    return coupled(Masked(asked.image, kept, (asked.assumed.noise or 0) / 255), asked, estimated)


def _in_turn(
    count: int, level: Tensor, denoised: Callable[[Tensor], Tensor], next_level: Callable[[Tensor], Tensor]
) -> Iterator[Pass]:
    """Passes of which each after the first takes its noise level from what the last has found."""
    for index in range(1, count + 1):
        estimate = denoised(level)
        yield Pass(index, level.square().mean().sqrt().item(), estimate)
        if index < count:
            level = next_level(estimate)


def _brightness(image: Tensor) -> Tensor:
    grey = image.mean(1, keepdim=True)
    padded = functional.pad(grey, [_BRIGHTNESS // 2] * 4, mode="replicate")
    return functional.avg_pool2d(padded, _BRIGHTNESS, 1)


def _lost(image: Tensor) -> Tensor:
    """Pixels that are black or white in all channels and far from the median around them, (1, 1, H, W)."""
    extreme = (image <= 0).all(1, keepdim=True) | (image >= 1).all(1, keepdim=True)
    grey = image.mean(1, keepdim=True)
    windows = functional.pad(grey, [2] * 4, mode="reflect")[0, 0].unfold(0, 5, 1).unfold(1, 5, 1)
    lost = torch.zeros_like(grey)
    for part in extreme[0, 0].nonzero().split(_AT_ONCE):
        rows, columns = part.unbind(1)
        median = windows[rows, columns].flatten(1).median(1).values
        lost[0, 0, rows, columns] = ((grey[0, 0, rows, columns] - median).abs() > _OUTLIER).to(lost)
    return lost
