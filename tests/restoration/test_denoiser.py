"""The denoiser: any size, both ways of scaling, and a gradient."""

from __future__ import annotations

import pytest
import torch

import enhance
from enhance.restoration.denoiser import STRIDE, Denoiser


@pytest.mark.parametrize("size", [(STRIDE, STRIDE), (30, 41), (9, 64)])
def test_an_image_keeps_its_size_and_twice_of_all_gives_twice(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    denoiser = Denoiser().double()
    image, noise = torch.rand(2, 3, *size).double(), torch.full((2, 1, *size), 0.1).double()
    found = denoiser(image, noise)
    assert found.shape == image.shape
    assert not torch.equal(found, image)
    torch.testing.assert_close(denoiser(2 * image, 2 * noise), 2 * found)


def test_its_file_is_small() -> None:
    assert 2 * sum(parameter.numel() for parameter in Denoiser().parameters()) < 4_000_000


@pytest.mark.parametrize(("height", "width"), [(64, 67), (67, 64)])
def test_noise_of_the_last_column_or_row_leaves_no_streaks(height: int, width: int) -> None:
    clean = torch.full((1, 3, height, width), 0.5)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    restored = enhance.restore(clean + 0.1 * noise, degradation={"name": "gaussian_noise", "sigma": 25.5}).image
    error = (restored - clean).square().mean((0, 1, 3) if height > width else (0, 1, 2)).sqrt()
    assert error.max() < 0.01
