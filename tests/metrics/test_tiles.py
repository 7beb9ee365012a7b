"""Tiles: every pixel is seen, the loss is their mean, and an image of one tile is measured as ever."""

from __future__ import annotations

import itertools

import pytest
import torch
from helpers import network
from hypothesis import given
from hypothesis import strategies as st

import enhance
from enhance.metrics.tiles import Tiled, boxes


@pytest.fixture
def metric(device: torch.device) -> enhance.DeepJSD:
    return enhance.DeepJSD(network("vgg_compact", device=device), prefilter=False, padding="up")


@given(height=st.integers(8, 300), width=st.integers(8, 300), size=st.integers(16, 64), overlap=st.integers(0, 15))
def test_tiles_cover_every_pixel_and_overlap(height: int, width: int, size: int, overlap: int) -> None:
    seen = torch.zeros(height, width)
    for box in boxes(height, width, size, overlap):
        seen[box] += 1
        assert seen[box].shape == (min(size, height), min(size, width))
    assert seen.min() >= 1
    for side in (height, width):
        spans = [box[0] for box in boxes(side, 8, size, overlap)]
        assert all(left.stop - right.start >= overlap for left, right in itertools.pairwise(spans))


def test_an_image_of_one_tile_is_measured_as_ever(metric: enhance.DeepJSD, generator: torch.Generator) -> None:
    image, reference = (torch.rand(1, 3, 40, 33, generator=generator).to(metric.device) for _ in range(2))
    tiled = Tiled(metric, 64)
    assert torch.equal(tiled(image, tiled.prepare(reference)), metric(image, reference))


def test_the_gradient_is_that_of_the_mean_over_tiles(metric: enhance.DeepJSD, generator: torch.Generator) -> None:
    image, reference = (torch.rand(1, 3, 50, 70, generator=generator).to(metric.device) for _ in range(2))
    tiled = Tiled(metric, 32, 8)
    image.requires_grad_()
    places = boxes(50, 70, 32, 8)
    plain = torch.stack([metric(image[..., *box], reference[..., *box]) for box in places]).mean()
    (expected,) = torch.autograd.grad(plain, image)
    loss = tiled(image, reference)
    (gradient,) = torch.autograd.grad(2 * loss, image)
    assert torch.allclose(loss, plain)
    assert torch.allclose(gradient, 2 * expected, atol=1e-9)


def test_equal_images_have_no_loss_and_no_gradient(metric: enhance.DeepJSD, generator: torch.Generator) -> None:
    image = torch.rand(1, 3, 40, 40, generator=generator).to(metric.device).requires_grad_()
    loss = Tiled(metric, 16, 4)(image, image.detach())
    loss.backward()
    assert loss == 0
    assert image.grad is not None
    assert not image.grad.any()


@pytest.mark.parametrize(("size", "overlap"), [(4, 0), (32, 32), (32, -1)])
def test_a_tile_without_room_for_its_overlap_is_refused(metric: enhance.DeepJSD, size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="overlap"):
        Tiled(metric, size, overlap)
