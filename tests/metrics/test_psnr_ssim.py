"""PSNR, SSIM and MS-SSIM: per image, at every size, in agreement with scikit-image; a sentence for what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from enhance.metrics.psnr_ssim import ms_ssim, psnr, ssim

CLASSIC = {"psnr": psnr, "ssim": ssim, "ms_ssim": ms_ssim}


def test_they_agree_with_scikit_image(images: tuple[Tensor, Tensor], device: torch.device, dtype: torch.dtype) -> None:
    """Distorted far from the border only, which scikit-image extends differently."""
    image, reference = (batch.to(device, dtype) for batch in images)
    inside = torch.zeros_like(image, dtype=torch.bool)
    inside[..., 11:-11, 11:-11] = True
    image = torch.where(inside, image, reference)
    for place in range(len(image)):
        ours, theirs = (batch[place].movedim(0, -1).cpu().double().numpy() for batch in (image, reference))
        expected = peak_signal_noise_ratio(theirs, ours, data_range=1.0)
        assert psnr(image, reference)[place].item() == pytest.approx(float(expected), rel=1e-4)
        similarity = structural_similarity(
            theirs,
            ours,
            data_range=1.0,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )[1]
        assert np.mean(similarity) < 0.95
        assert ssim(image, reference)[place].item() == pytest.approx(float(np.mean(similarity)), abs=1e-5)


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


@pytest.mark.parametrize("size", [(6, 6), (8, 8), (8, 40), (11, 12)])
def test_small_images_have_a_structural_similarity(size: tuple[int, int], generator: torch.Generator) -> None:
    image, reference = (torch.rand(1, 3, *size, generator=generator) for _ in range(2))
    assert -1 <= ssim(image, reference).item() < 0.9
    assert ssim(image, image).item() == pytest.approx(1.0)


@pytest.mark.parametrize(("name", "size"), [("ssim", (5, 40)), ("ms_ssim", (175, 300)), ("ms_ssim", (8, 8))])
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
    for limit in ("_LARGE", "_STRIP"):
        monkeypatch.setattr(f"enhance.metrics.psnr_ssim.{limit}", 50_000)
    in_strips = CLASSIC[name](image, reference)
    assert not torch.equal(in_strips, whole)
    assert torch.allclose(in_strips, whole, atol=5e-3)


def test_ssim_of_flat_images_is_at_most_one(device: torch.device) -> None:
    for level in torch.linspace(0.05, 0.95, 19):
        flat = torch.full((1, 3, 24, 31), level.item(), device=device)
        assert ssim((flat + 1e-7).clamp(0, 1), flat).item() <= 1
