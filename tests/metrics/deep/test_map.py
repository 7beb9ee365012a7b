"""Distance maps sum to the loss, and are bright where the images differ."""

from __future__ import annotations

import pytest
import torch
from helpers import network
from hypothesis import given, settings
from hypothesis import strategies as st

from enhance.metrics.deep.named import DEEP_METRICS

KINDS = [(measure, backbone) for measure in DEEP_METRICS for backbone in ("vgg_compact", "squeezenet", "mobilenet")]


@pytest.mark.parametrize("layout", ["strided", "spatial"])
@pytest.mark.parametrize(("measure", "backbone"), KINDS)
def test_the_map_sums_to_the_loss(
    measure: str, backbone: str, layout: str, generator: torch.Generator, device: torch.device
) -> None:
    metric = DEEP_METRICS[measure](network(backbone, device=device), layout=layout, reduction="none", padding="up")
    image, reference = (torch.rand(2, 3, 40, 52, generator=generator).to(device) for _ in range(2))
    found = metric.map(image, metric.prepare(reference))
    assert found.shape == (2, 40, 52)
    if measure != "deepwsd" or backbone != "mobilenet":  # of features of either sign it may be negative
        assert found.min() >= 0
    torch.testing.assert_close(found.sum((1, 2)), metric(image, reference), rtol=1e-3, atol=1e-6)


@settings(max_examples=10)
@given(height=st.integers(8, 60), width=st.integers(8, 60), seed=st.integers(0, 99))
def test_the_map_of_any_size_sums_to_the_loss(height: int, width: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    metric = DEEP_METRICS["deepjsd"](network("vgg_compact"), padding="up")
    image, reference = (torch.rand(1, 3, height, width, generator=generator) for _ in range(2))
    torch.testing.assert_close(metric.map(image, reference).sum(), metric(image, reference), rtol=1e-3, atol=1e-6)


def test_a_large_image_is_mapped_at_its_own_size(generator: torch.Generator) -> None:
    metric = DEEP_METRICS["deepjsd"](network("vgg_compact"))
    image, reference = (torch.rand(1, 3, 400, 640, generator=generator) for _ in range(2))
    found = metric.map(image, reference)
    assert found.shape == (1, 400, 640)
    torch.testing.assert_close(found.sum(), metric(image, reference), rtol=1e-3, atol=1e-6)


def test_it_is_bright_where_the_images_differ(generator: torch.Generator) -> None:
    reference = torch.rand(1, 3, 12, 12, generator=generator).repeat_interleave(8, -1).repeat_interleave(8, -2)
    image = reference.clone()
    image[..., 16:32, 64:80] = torch.rand(1, 3, 16, 16, generator=generator)
    found = DEEP_METRICS["deepjsd"](network("vgg_compact")).map(image, reference)[0]
    inside = found[8:40, 56:88].sum()
    assert inside > 0.6 * found.sum()
    assert DEEP_METRICS["deepjsd"](network("vgg_compact")).map(reference, reference).abs().max() == 0
