"""From white to a photograph, with trained filters: in 120 steps what the published recipe shows after thousands."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import pytest
import torch
from helpers import optimise

from enhance.metrics.deep.named import DEEP_METRICS
from enhance.metrics.psnr_ssim import psnr, ssim
from enhance.optim.inputs import read_inputs
from enhance.optim.parametrizations import Pyramid
from enhance.optim.schedules import graduated

FILTERS = Path(__file__).parents[3] / "shared" / "weights" / "vgg16_features.safetensors"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FILTERS.exists(), reason=f"needs trained VGG16 filters as {FILTERS}"),
]


@pytest.mark.parametrize(("name", "steps"), [("deepjsd", 120), ("deepskld", 120), ("deepwsd", 120)])
def test_a_photograph_from_white_reaches_33_db(name: str, steps: int) -> None:
    inputs = read_inputs("astronaut", "white", {})
    metric = DEEP_METRICS[name]("vgg16", FILTERS, prefilter=False, padding="up")
    steps_made = optimise(
        metric,
        inputs.reference,
        Pyramid(inputs.initial),
        steps=steps,
        learning_rate=0.02,
        smoothing=graduated(100),
    )
    final = deque(steps_made, maxlen=1).pop()
    assert psnr(final.image, inputs.reference) >= 33


@pytest.mark.parametrize("name", list(DEEP_METRICS))
@pytest.mark.parametrize(
    "degradation",
    [
        {"name": "gaussian_noise", "sigma": 50},
        {"name": "gaussian_blur", "sigma": 3},
        {"name": "jpeg", "quality": 10},
    ],
    ids=lambda degradation: degradation["name"],
)
def test_a_degraded_photograph_gets_better_by_every_measure(name: str, degradation: dict[str, object]) -> None:
    inputs = read_inputs("chelsea", "degraded", degradation, size=128)
    metric = DEEP_METRICS[name]("vgg16", FILTERS, prefilter=False, padding="up")
    best = min(
        optimise(
            metric,
            inputs.reference,
            Pyramid(inputs.initial, gain=20),
            steps=40,
            learning_rate=0.005,
            smoothing=graduated(100),
        ),
        key=lambda step: step.loss,
    )
    assert psnr(best.image, inputs.reference) >= psnr(inputs.initial, inputs.reference)
    assert torch.all(ssim(best.image, inputs.reference) > ssim(inputs.initial, inputs.reference))
