"""Noise levels and curves of photographs to which known noise was added."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.data import astronaut
from torch import Tensor

from enhance.images.arrays import from_array
from enhance.restoration.noise_estimation import NoiseCurve, noise_curve, noise_level


def _clean() -> Tensor:
    return 0.1 + 0.8 * from_array(np.ascontiguousarray(astronaut()[:256, 100:356]))


def _normal(image: Tensor) -> Tensor:
    return torch.randn(image.shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("sigma", [5, 15, 40])
def test_a_noise_level_is_found(sigma: float) -> None:
    clean = _clean()
    found = noise_level(clean + sigma / 255 * _normal(clean))
    assert 255 * found.sigma == pytest.approx(sigma, rel=0.06)
    assert 0 < found.error < 0.05 * found.sigma + 0.5 / 255


def test_a_clean_photograph_has_little_noise() -> None:
    assert noise_level(_clean()).sigma < 2 / 255


def test_a_flat_picture_has_none() -> None:
    assert noise_level(torch.full((1, 3, 8, 9), 0.5)).sigma < 1e-6


@pytest.mark.parametrize("given", [NoiseCurve(0.02, 0.0005), NoiseCurve(0.0, 0.004)])
def test_a_noise_curve_is_found(given: NoiseCurve) -> None:
    clean = _clean()
    found = noise_curve(clean + given.level(clean) * _normal(clean))
    for brightness in (0.2, 0.5, 0.8):
        at = torch.tensor(brightness)
        assert found.level(at).item() == pytest.approx(given.level(at).item(), rel=0.2)


def test_noise_that_falls_with_brightness_is_taken_as_even() -> None:
    clean = _clean()
    assert noise_curve(clean + 0.1 * (1 - clean) * _normal(clean)).gain == 0
