"""Parity with the published code, on values and gradients that it computed. Where those are absent the tests skip."""

from __future__ import annotations

import copy
import json
from functools import cache

import golden
import numpy as np
import pytest
import torch

from enhance.metrics.deep.distance import DEEP_METRICS, DeepDistance
from enhance.metrics.deep.published import PUBLISHED_PAIRS, network_for

pytestmark = pytest.mark.skipif(
    not golden.GOLDEN.is_dir(), reason="the golden values of the published code are not here"
)

TORCHVISION = {
    "vgg19": "vgg19",
    "squeezenet": "squeezenet1_1",
    "squeezenet1_0": "squeezenet1_0",
    "mobilenet": "mobilenet_v3_small",
    "efficientnet": "efficientnet_b7",
}
state = cache(golden.features)


@cache
def build(measure: str, backbone: str) -> DeepDistance:
    return DEEP_METRICS[measure](backbone, state(TORCHVISION[network_for(measure, backbone)]), reduction="none")


def published(measure: str, backbone: str) -> list[dict]:
    values = json.loads((golden.GOLDEN / "published_values.json").read_text())
    theirs = "vgg" if backbone == "vgg19" else backbone
    return [
        value for value in values if (value["measure"], value["backbone"]) == (measure.removeprefix("deep"), theirs)
    ]


@pytest.mark.parametrize(("measure", "backbone"), PUBLISHED_PAIRS)
def test_values(measure: str, backbone: str) -> None:
    module = build(measure, backbone)
    cases = published(measure, backbone)
    assert cases
    for case in cases:
        with torch.no_grad():
            loss = module(*golden.pair(case["pair"])).item()
        score = module.score(*golden.pair(case["pair"])).item()
        assert loss == pytest.approx(case["loss"], rel=1e-4, abs=1e-6), case["pair"]
        assert score == pytest.approx(case["score"], rel=1e-4, abs=1e-6), case["pair"]


@pytest.mark.parametrize(("measure", "backbone"), PUBLISHED_PAIRS)
def test_gradients(measure: str, backbone: str) -> None:
    theirs = "vgg" if backbone == "vgg19" else backbone
    with np.load(golden.GOLDEN / "published_gradients.npz") as arrays:
        expected = torch.from_numpy(arrays[f"{measure.removeprefix('deep')}.{theirs}.astronaut256_noise"])
    module = build(measure, backbone)
    if backbone == "mobilenet" and measure != "deepwsd":
        # A unit of this untrained network lies on its kink: moving the pixels by 1e-7 changes the gradient by 4e-3.
        # In double precision it falls on the side on which it fell for the published code.
        module = copy.deepcopy(module).double()
    image, reference = (each.to(module.dtype) for each in golden.pair("astronaut256_noise"))
    module(image.requires_grad_(), reference).backward()
    assert image.grad is not None
    error = (image.grad[0] - expected).norm() / expected.norm()
    assert error < (1e-2 if measure == "deepwsd" else 1e-3)
