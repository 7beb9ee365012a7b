"""TF32 is off where scores and losses are computed, and nowhere else; half precision has finite gradients."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import torch
from helpers import network, picture
from torch import Tensor, nn

import enhance
from enhance.backbones.network import as_backbone
from enhance.backbones.pooling import L2Pooling
from enhance.metrics.deep.named import DEEP_METRICS
from enhance.optim.loop import minimize
from enhance.optim.objective import Objective, Term
from enhance.optim.parametrizations import Pixels
from enhance.utils.precision import full_precision

HALVES = (torch.float16, torch.bfloat16)
NETWORKS = [name for name in enhance.BACKBONES if name != "torchvision"]
MEASURES = list(DEEP_METRICS)
PAIRS = [
    pytest.param(backbone, name, marks=[] if quick else pytest.mark.slow)
    for place, backbone in enumerate(NETWORKS)
    for turn, name in enumerate(MEASURES)
    for quick in [backbone == "vgg_compact" or turn == place % len(MEASURES)]  # one in rotation, all of the default
]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if a GPU were in use: the switches are there without one."""
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    assert rounds()
    yield
    assert rounds()


def rounds() -> bool:
    return torch.backends.cudnn.allow_tf32


class Watch(torch.autograd.Function):
    """The identity, which notes whether TF32 is on when it is computed and when it is differentiated."""

    seen: dict[str, bool]

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        Watch.seen = {"forward": rounds()}
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        Watch.seen["backward"] = rounds()
        return grad_output


class Watched(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 64, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return Watch.apply(self.layer(x))  # type: ignore[no-any-return]


@pytest.mark.usefixtures("gpu")
def test_full_precision_lasts_as_long_as_it_is_entered() -> None:
    with full_precision(False):
        assert rounds()

    def fail() -> None:
        with full_precision():
            assert not rounds()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert rounds()


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("precision", ["medium", "high", "highest"])
def test_matrix_products_are_exact_meanwhile(precision: str) -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        with full_precision():
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.usefixtures("gpu")
@pytest.mark.skipif(not hasattr(torch.backends.cudnn, "conv"), reason="settings of torch 2.9")
def test_torchs_newer_settings_are_restored_too() -> None:
    cudnn: Any = torch.backends.cudnn
    before = cudnn.rnn.fp32_precision
    cudnn.rnn.fp32_precision = "ieee"  # now the older setting cannot be read
    try:
        with full_precision():
            assert cudnn.conv.fp32_precision == "ieee"
        assert cudnn.conv.fp32_precision == "tf32"
    finally:
        cudnn.rnn.fp32_precision = before


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("tf32", [False, True])
def test_a_run_rounds_to_tf32_only_where_it_is_allowed(tf32: bool) -> None:
    backbone = as_backbone([Watched()], "watched")
    backbone.tf32 = tf32
    metric = enhance.load_metric("deepjsd", backbone=backbone, prefilter=False)
    objective = Objective([Term(metric)], picture(16, 16))
    steps = minimize(objective, Pixels(torch.ones(1, 3, 16, 16)), steps=1, learning_rate=0.1, tf32=tf32)
    next(steps)
    assert Watch.seen == {"forward": tf32, "backward": tf32}
    assert rounds()
    metric.scores(picture(16, 16), picture(16, 16))
    assert Watch.seen == {"forward": tf32}


@pytest.mark.usefixtures("gpu")
def test_functions_of_libraries_are_compared_in_full_precision() -> None:
    seen = []

    def compare(image: Tensor, reference: Tensor) -> Tensor:
        seen.append(rounds())
        return (image - reference).abs().mean()

    enhance.as_metric(compare)(picture(16, 16), picture(16, 16))
    assert seen == [False]


@pytest.mark.parametrize("half", HALVES)
def test_pooling_of_zeros_has_a_finite_gradient_in_half_precision(half: torch.dtype) -> None:
    features = torch.zeros(1, 2, 8, 8, dtype=half, requires_grad=True)
    pooled = L2Pooling()(features)
    pooled.sum().backward()
    assert pooled.dtype == half
    assert features.grad is not None
    assert features.grad.isfinite().all()


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_autocast_does_not_take_pooling_of_single_precision_to_half(half: torch.dtype) -> None:
    features = torch.zeros(1, 2, 8, 8, requires_grad=True)
    with torch.autocast("cpu", half):
        pooled = L2Pooling()(features)
    pooled.sum().backward()
    assert pooled.dtype == torch.float32
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_pooling_in_half_precision_holds_squares_beyond_its_range() -> None:
    features = torch.full((1, 1, 8, 8), 1000.0)
    with torch.autocast("cpu", torch.float16):
        pooled = L2Pooling()(features.half())
    torch.testing.assert_close(pooled[..., 1:-1, 1:-1], torch.full((1, 1, 2, 2), 1000.0).half())


@cache
def _gradient(backbone: str, name: str, autocast: torch.dtype | None) -> Tensor:
    metric = DEEP_METRICS[name](network(backbone), padding="up", prefilter=False, autocast=autocast)
    image = picture(32, 32).mul(0.5).requires_grad_()
    metric(image, picture(32, 32)).backward()
    assert image.grad is not None
    return image.grad.flatten()


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(("backbone", "name"), PAIRS)
def test_autocast_has_finite_gradients(backbone: str, name: str, half: torch.dtype) -> None:
    found = _gradient(backbone, name, half)
    assert found.isfinite().all()
    alike = 0.7 if (backbone, half) == ("resnet", torch.bfloat16) else 0.8
    assert torch.cosine_similarity(found, _gradient(backbone, name, None), dim=0) > alike
