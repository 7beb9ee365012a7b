"""Grey pictures: one noise in three equal channels, restored well and still grey."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import camera
from torch import Tensor

import enhance
from enhance.images.degradations import degrade
from enhance.restoration.blur_estimation import estimate_blurs
from enhance.restoration.denoisers import load_denoiser


def clean() -> Tensor:
    return torch.from_numpy(camera()[100:228, 160:288].copy())[None, None].expand(-1, 3, -1, -1) / 255


def noisy(sigma: float) -> Tensor:
    noise = torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(0))
    return (clean() + sigma / 255 * noise).clamp(0, 1)


def psnr(image: Tensor) -> float:
    return -10 * math.log10((image - clean()).square().mean().item())


@pytest.mark.parametrize("sigma", [15, 50])
def test_noise_of_a_grey_picture_goes(sigma: float) -> None:
    given: dict[str, Any] = {"name": "gaussian_noise", "sigma": sigma}
    restored = enhance.restore(noisy(sigma), degradation=given)
    plain = load_denoiser().function(noisy(sigma), torch.full((1, 1, 128, 128), sigma / 255))
    assert psnr(restored.image) > psnr(plain) + 2


def _degraded(task: str, folder: Path) -> Any:
    if task == "jpeg":
        Image.fromarray((clean()[0, 0] * 255).round().byte().numpy()).save(folder / "grey.jpg", quality=20)
        return folder / "grey.jpg"
    return noisy(10)


@pytest.mark.parametrize(
    ("task", "settings"),
    [
        ("denoise", {}),
        ("denoise", {"degradation": "poisson_gaussian_noise"}),
        ("denoise", {"degradation": {"name": "gaussian_noise", "sigma": 30}}),
        ("deblur", {"degradation": {"name": "gaussian_blur", "sigma": 1.5}}),
        ("upscale", {}),
        ("jpeg", {}),
    ],
)
def test_a_grey_picture_stays_grey(task: str, settings: dict[str, Any], tmp_path: Path) -> None:
    tints = torch.tensor([0.9, 1.0, 1.1])[:, None, None]
    restored = enhance.restore(_degraded(task, tmp_path), task, denoiser=lambda image, _: image * tints, **settings)
    assert torch.equal(restored.image, restored.image[:, :1].expand(-1, 3, -1, -1))


@pytest.mark.parametrize(("task", "share"), [("denoise", math.sqrt(3)), ("jpeg", 1.0)])
def test_the_denoiser_is_given_a_level_of_independent_channels(task: str, share: float, tmp_path: Path) -> None:
    levels: list[float] = []
    restored = enhance.restore(
        _degraded(task, tmp_path), task, denoiser=lambda image, noise: levels.append(255 * noise.mean().item()) or image
    )
    assert levels[0] == pytest.approx(share * next(iter(restored.estimated.values())), rel=1e-2)


def test_the_noise_of_a_grey_picture_is_not_taken_for_sharpness() -> None:
    blurred = (degrade(clean(), "gaussian_blur", sigma=1.5) + (noisy(6) - clean())).clamp(0, 1)
    restored = enhance.restore(blurred, "deblur", degradation="gaussian_blur", denoiser=lambda image, _: image)
    expected = next(each for each in estimate_blurs(blurred, restored.estimated["noise"] / 255) if each.values)
    assert expected.name == "gaussian_blur"
    assert restored.estimated["blur_sigma"] == pytest.approx(expected.values[0], abs=0.01)


def test_a_grey_picture_in_a_jpeg_of_reduced_colours_keeps_its_noise(tmp_path: Path) -> None:
    pixels = (noisy(20)[0].permute(1, 2, 0) * 255).round().byte().numpy()
    Image.fromarray(np.ascontiguousarray(pixels)).save(tmp_path / "grey.jpg", quality=98, subsampling=2)
    restored = enhance.restore(tmp_path / "grey.jpg", denoiser=lambda image, _: image)
    assert restored.estimated["sigma"] == pytest.approx(20, rel=0.15)
