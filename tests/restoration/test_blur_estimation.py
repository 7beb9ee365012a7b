"""The blur of a photograph that was blurred by a known Gaussian."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.data import astronaut
from torch import Tensor

import enhance
from enhance.degradations import degrade
from enhance.images.arrays import from_array
from enhance.restoration.blur_estimation import blur_sigma


def _photograph() -> Tensor:
    return from_array(np.ascontiguousarray(astronaut()[:256, 100:356]))


def _blurred(sigma: float) -> Tensor:
    return degrade(degrade(_photograph(), "gaussian_blur", sigma=sigma), "gaussian_noise", sigma=1)


@pytest.mark.parametrize("sigma", [1.2, 2, 3])
def test_a_blur_is_found(sigma: float) -> None:
    found = blur_sigma(_blurred(sigma), noise=1 / 255 / 3**0.5)
    assert found is not None
    assert found.sigma == pytest.approx(sigma, rel=0.15)
    assert found.low <= found.sigma <= found.high


def test_a_sharp_photograph_is_not_blurred() -> None:
    assert blur_sigma(_photograph(), noise=1 / 255 / 3**0.5) is None


def test_deblur_estimates_what_is_not_given() -> None:
    restored = enhance.restore(_blurred(2), "deblur", denoiser=lambda image, noise: image)
    assert restored.estimated["blur_sigma"] == pytest.approx(2, rel=0.15)
    assert restored.estimated["noise"] == pytest.approx(1, abs=0.5)


def test_a_picture_of_noise_alone_has_no_blur() -> None:
    noise = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert blur_sigma(noise, noise=0.29 / 3**0.5) is None
