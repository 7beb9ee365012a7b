"""PSNR, SSIM and MS-SSIM as scikit-image, piq and the authors' code have them; a sentence for what cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from enhance.metrics.psnr_ssim import ms_ssim, psnr, ssim

CLASSIC = {"psnr": psnr, "ssim": ssim, "ms_ssim": ms_ssim}


def noisy(size: tuple[int, int], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Smooth images with noise on them, and without: (2, 3, H, W) both."""
    reference = torch.nn.functional.avg_pool2d(torch.rand(2, 3, *size, generator=generator), 3, 1, 1)
    return (reference + 0.1 * torch.randn(reference.shape, generator=generator)).clamp(0, 1), reference


@pytest.mark.parametrize("size", [(11, 11), (11, 40), (12, 15), (23, 17), (64, 64), (161, 120)])
def test_psnr_and_ssim_are_those_of_scikit_image(
    size: tuple[int, int], generator: torch.Generator, device: torch.device
) -> None:
    image, reference = noisy(size, generator)
    found, decibels = (metric(image.to(device), reference.to(device)).cpu() for metric in (ssim, psnr))
    for place in range(len(image)):
        ours, theirs = (batch[place].movedim(0, -1).double().numpy() for batch in (image, reference))
        expected = peak_signal_noise_ratio(theirs, ours, data_range=1.0)
        assert decibels[place].item() == pytest.approx(float(expected), rel=1e-4)
        window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        similarity: Any = structural_similarity(theirs, ours, data_range=1.0, channel_axis=-1, **window)
        assert similarity < 0.9
        assert found[place].item() == pytest.approx(float(similarity), abs=2e-5)


@pytest.mark.parametrize("size", [(11, 11), (11, 40), (23, 17), (64, 64), (161, 120)])
def test_psnr_and_ssim_are_those_of_piq(size: tuple[int, int], generator: torch.Generator) -> None:
    piq = pytest.importorskip("piq", reason="piq, an extra, is not installed")
    image, reference = noisy(size, generator)
    expected = piq.ssim(image, reference, downsample=False, reduction="none")
    assert torch.allclose(ssim(image, reference), expected, atol=2e-5)
    assert torch.allclose(psnr(image, reference), piq.psnr(image, reference, reduction="none"), rtol=1e-4)


@pytest.mark.parametrize("size", [(176, 176), (192, 240)])  # halved four times without a remainder, where all agree
def test_ms_ssim_is_that_of_piq_and_of_its_authors(size: tuple[int, int], generator: torch.Generator) -> None:
    piq = pytest.importorskip("piq", reason="piq, an extra, is not installed")
    image, reference = noisy(size, generator)
    expected = piq.multi_scale_ssim(image, reference, reduction="none")
    assert torch.allclose(ms_ssim(image, reference), expected, atol=2e-5)
    grey = [batch[:1, :1].expand(-1, 3, -1, -1) for batch in (image, reference)]
    assert ms_ssim(*grey).item() == pytest.approx(
        as_its_authors(*(each[0, 0].double().numpy() for each in grey)), abs=2e-5
    )


@pytest.mark.parametrize("size", [(161, 203), (177, 190)])
def test_ms_ssim_of_odd_sides_is_that_of_its_authors(size: tuple[int, int], generator: torch.Generator) -> None:
    grey = [batch[:1, :1].expand(-1, 3, -1, -1) for batch in noisy(size, generator)]
    assert ms_ssim(*grey).item() == pytest.approx(
        as_its_authors(*(each[0, 0].double().numpy() for each in grey)), abs=2e-5
    )


def as_its_authors(image: np.ndarray, reference: np.ndarray) -> float:
    """Multi-scale SSIM as in msssim.m: `filter2(window, ..., "valid")`, `imfilter(..., ones(2) / 4, "symmetric")`."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()

    def blurred(values: np.ndarray) -> np.ndarray:
        return convolve2d(values, window, "valid")

    result = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        if scale:
            image, reference = (
                (wide[:-1, :-1] + wide[1:, :-1] + wide[:-1, 1:] + wide[1:, 1:])[::2, ::2] / 4
                for wide in (np.pad(values, ((0, 1), (0, 1)), mode="symmetric") for values in (image, reference))
            )
        mean, mean_r = blurred(image), blurred(reference)
        variances = blurred(image**2) - mean**2 + blurred(reference**2) - mean_r**2
        contrast = (2 * (blurred(image * reference) - mean * mean_r) + 0.0009) / (variances + 0.0009)
        luminance = (2 * mean * mean_r + 0.0001) / (mean**2 + mean_r**2 + 0.0001)
        result *= float(np.mean(contrast * luminance if scale == 4 else contrast)) ** weight
    return result


@pytest.mark.parametrize("name", CLASSIC)
def test_a_batch_equals_its_images_and_is_differentiable(
    name: str, generator: torch.Generator, device: torch.device
) -> None:
    image, reference = (torch.rand(2, 3, 176, 180, generator=generator).to(device) for _ in range(2))
    values = CLASSIC[name](image.requires_grad_(), reference)
    assert values.shape == (2,)
    (gradient,) = torch.autograd.grad(values.sum(), image, retain_graph=True)
    assert gradient.isfinite().all()
    assert gradient.any()
    for place in range(2):
        alone = CLASSIC[name](image[place : place + 1], reference[place : place + 1])
        assert alone.item() == pytest.approx(values[place].item(), abs=1e-5)


def test_equal_images(generator: torch.Generator, device: torch.device) -> None:
    image = torch.rand(1, 3, 176, 176, generator=generator).to(device)
    assert psnr(image, image).item() == float("inf")
    assert ssim(image, image).item() == pytest.approx(1.0)
    assert ms_ssim(image, image).item() == pytest.approx(1.0)


@pytest.mark.parametrize("size", [(11, 11), (11, 40), (12, 13)])
def test_small_images_have_a_structural_similarity(size: tuple[int, int], generator: torch.Generator) -> None:
    image, reference = (torch.rand(1, 3, *size, generator=generator) for _ in range(2))
    assert -1 <= ssim(image, reference).item() < 0.9
    assert ssim(image, image).item() == pytest.approx(1.0)


@pytest.mark.parametrize(("name", "size"), [("ssim", (10, 40)), ("ms_ssim", (160, 300)), ("ms_ssim", (8, 8))])
def test_an_image_smaller_than_the_window_is_refused(name: str, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"needs sides of at least \d+ pixels, got {size[1]} x {size[0]}"):
        CLASSIC[name](torch.zeros(1, 3, *size), torch.zeros(1, 3, *size))


@pytest.mark.parametrize("name", CLASSIC)
def test_images_of_different_shapes_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="one shape"):
        CLASSIC[name](torch.zeros(1, 3, 200, 200), torch.zeros(1, 3, 200, 190))
    with pytest.raises(ValueError, match="one shape"):
        CLASSIC[name](torch.zeros(3, 200, 200), torch.zeros(3, 200, 200))


@pytest.mark.parametrize("name", ["ssim", "ms_ssim"])
def test_large_images_are_measured_in_strips(
    name: str, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = torch.rand(2, 3, 24, 20, generator=generator).repeat_interleave(24, -2).repeat_interleave(12, -1)
    image = (reference + 0.1 * torch.randn(reference.shape, generator=generator)).clamp(0, 1)
    whole = CLASSIC[name](image, reference)
    monkeypatch.setattr("enhance.metrics.psnr_ssim._STRIP", 50_000)
    assert torch.allclose(CLASSIC[name](image, reference), whole, atol=1e-6)


def test_ssim_of_flat_images_is_at_most_one(device: torch.device) -> None:
    for level in torch.linspace(0.05, 0.95, 19):
        flat = torch.full((1, 3, 24, 31), level.item(), device=device)
        assert ssim((flat + 1e-7).clamp(0, 1), flat).item() <= 1
