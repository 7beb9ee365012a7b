"""Noise that is alike from pixel to pixel is distinguished from white noise and from texture, and removed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.data import astronaut, chelsea
from torch import Tensor
from torch.nn import functional

import enhance
from enhance.images.arrays import from_array
from enhance.restoration.correlated_noise import CorrelatedNoise, Levels, correlated_noise, doubled, halved


def clean(odd: int = 0) -> Tensor:
    return 0.1 + 0.8 * from_array(np.ascontiguousarray(astronaut()[: 192 + odd, 100 : 292 + odd]))


def smooth_noise(image: Tensor) -> Tensor:
    """Of variance 1, blurred as bilinear demosaicking blurs it."""
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    line = torch.tensor([1.0, 2.0, 1.0])
    kernel = (line[:, None] * line / line.square().sum()).expand(3, 1, 3, 3)
    return functional.conv2d(functional.pad(noise, [1] * 4, mode="reflect"), kernel, groups=3)


def psnr(image: Tensor, other: Tensor) -> float:
    return -10 * math.log10((image - other).square().mean().item())


@pytest.mark.parametrize(
    ("photograph", "sigma"), [(astronaut, 0), (astronaut, 5), (astronaut, 40), (chelsea, 2), (chelsea, 15)]
)
def test_white_noise_and_texture_are_not_taken_for_it(sigma: float, photograph: object) -> None:
    image = from_array(np.ascontiguousarray(photograph()[:256, :256]))  # type: ignore[operator]
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    assert correlated_noise((image + sigma / 255 * noise).clamp(0, 1)) is None


@pytest.mark.parametrize("sigma", [6, 15])
def test_its_levels_are_found(sigma: float) -> None:
    noise = smooth_noise(clean())
    found = correlated_noise(clean() + sigma / 255 * noise)
    assert found is not None
    for levels, share in ((found.whole, noise.std().item()), (found.half, halved(noise).std().item())):
        estimated = 255 * levels.at(torch.linspace(0.1, 0.9, 9))
        assert estimated.mean().item() == pytest.approx(share * sigma, rel=0.25)


def test_noise_that_falls_with_brightness_is_followed() -> None:
    found = correlated_noise(clean() + 0.08 * (1.2 - clean()) * smooth_noise(clean()))
    assert found is not None
    dark, bright = found.whole.at(torch.tensor([0.15, 0.85]))
    assert dark > 1.5 * bright


@pytest.mark.parametrize("odd", [0, 1])
def test_it_is_removed_as_white_noise_of_the_right_level_is_not(odd: int) -> None:
    image = clean(odd)
    noisy = (image + 12 / 255 * smooth_noise(image)).clamp(0, 1)
    found = enhance.restore(noisy)
    assert found.image.shape == image.shape
    assert found.estimated.keys() == {"sigma", "sigma_at_half_size"}
    assert any("alike from pixel to pixel" in note for note in found.notes)
    given = enhance.restore(noisy, degradation={"name": "gaussian_noise", "sigma": 12})
    assert not any("alike" in note for note in given.notes)
    assert psnr(found.image, image) > psnr(given.image, image) + 0.3
    assert psnr(found.image, image) > psnr(noisy, image) + 2


def test_a_picture_holds_no_less_noise_than_its_half() -> None:
    brightness = torch.tensor([0.2, 0.6])
    even = CorrelatedNoise(
        Levels(brightness, torch.tensor([0.01, 0.10])), Levels(brightness, torch.tensor([0.04, 0.04]))
    )
    torch.testing.assert_close(even.at(brightness), torch.tensor([0.05, 0.10]))


def test_grey_pictures_and_small_ones_are_left_to_the_white_estimate() -> None:
    noisy = clean() + 0.06 * smooth_noise(clean())
    assert correlated_noise(noisy) is not None
    assert correlated_noise(noisy[:, :1].expand(-1, 3, -1, -1)) is None
    assert correlated_noise(noisy[..., :63]) is None


def test_half_the_size_keeps_means_and_place() -> None:
    ramp = torch.linspace(0, 1, 31).expand(1, 3, 9, 31)
    half = halved(ramp)
    assert half.shape == (1, 3, 5, 16)
    torch.testing.assert_close(half[..., 0], ramp[..., :2].mean(-1)[..., :5])
    torch.testing.assert_close(doubled(half, ramp)[..., 1:-2], ramp[..., 1:-2])
