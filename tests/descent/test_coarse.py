"""A coarse start is of full size, nearer to the reference, and skips scales that leave too little."""

from __future__ import annotations

import torch

import enhance
from enhance.descent.coarse import coarse_start


def test_a_coarse_start_is_nearer_and_of_full_size() -> None:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 5, 6, generator=generator)
    reference = torch.nn.functional.interpolate(coarse, size=(131, 150), mode="bicubic").clamp(0, 1)
    white = torch.ones_like(reference)
    metric = enhance.DeepJSD("squeezenet", "untrained", rounding="up")
    images = list(coarse_start(metric, reference, white, steps=15, learning_rate=0.03, scales=(4, 2)))
    assert len(images) == 16  # at scale 4 a side would have 33 pixels
    assert all(image.shape == reference.shape for image in images)
    assert torch.equal(images[0], white)
    assert (images[-1] - reference).square().mean() < 0.3 * (white - reference).square().mean()
    assert metric(images[-1], reference) < 0.5 * metric(white, reference)
