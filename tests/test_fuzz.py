"""Any size, shape and setting: no crash, no NaN, and a batch is its single images."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import network
from helpers import settings as composed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enhance.experiment.run import run
from enhance.images.writing import save_image
from enhance.metrics.deep.named import DEEP_METRICS

BACKBONES = ("squeezenet", "mobilenet", "vgg_compact")
SIDE, SMALL = st.integers(8, 300), st.integers(8, 100)


def picture(height: int, width: int, seed: int, kind: str) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    if kind == "flat":
        return torch.full((1, 3, height, width), torch.rand((), generator=generator).item())
    if kind == "extreme":
        return torch.randint(0, 2, (1, 3, height, width), generator=generator).float()
    coarse = torch.rand(1, 3, -(-height // 7), -(-width // 7), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)
    return smooth if kind == "smooth" else (smooth + 0.1 * torch.randn(smooth.shape, generator=generator)).clamp(0, 1)


KIND = st.sampled_from(["flat", "extreme", "smooth", "noisy"])
SETTINGS = st.fixed_dictionaries(
    {
        "metric": st.sampled_from(sorted(DEEP_METRICS)),
        "backbone": st.sampled_from(BACKBONES),
        "kinds": st.tuples(KIND, KIND, KIND),
        "layout": st.sampled_from(["strided", "spatial"]),
        "prefilter": st.booleans(),
        "padding": st.sampled_from(["published", "up"]),
        "seed": st.integers(0, 1000),
    }
)


def measured(height: int, width: int, pair: dict[str, Any]) -> None:
    """Losses and gradients are finite, and those of a batch are those of its images."""
    metric = DEEP_METRICS[pair["metric"]](
        network(pair["backbone"]),
        layout=pair["layout"],
        prefilter=pair["prefilter"],
        padding=pair["padding"],
        reduction="none",
    )
    seed = pair["seed"]
    images = torch.cat([picture(height, width, seed + place, kind) for place, kind in enumerate(pair["kinds"])])
    reference = picture(height, width, seed + 9, "noisy")
    batch = images.clone().requires_grad_()
    losses = metric(batch, reference)
    losses.sum().backward()
    assert losses.isfinite().all()
    assert (losses >= 0).all()
    assert batch.grad is not None
    assert batch.grad.isfinite().all()
    for loss, grad, kind in zip(losses, batch.grad, pair["kinds"], strict=True):
        if kind == "noisy":  # as is the reference, of another seed
            assert loss > 0
            assert grad.abs().max() > 0
    single = torch.cat([metric(image[None], reference) for image in images])
    # a convolution rounds a batch otherwise than its images; of a loss of some hundred that is its fifth digit
    torch.testing.assert_close(losses.detach(), single.detach(), rtol=2e-4, atol=1e-7)
    assert metric(reference, reference).item() == pytest.approx(0, abs=1e-7)
    assert metric.score(images, reference).isfinite().all()


def _float(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False).map(lambda value: float(f"{value:.4g}"))


RUN = st.fixed_dictionaries(
    {
        "metric": st.sampled_from(sorted(DEEP_METRICS)),
        "task": st.sampled_from(["recover", "denoise", "deblur", "jpeg"]),
        "schedule": st.sampled_from(["constant", "cosine", "halving"]),
        "metric.layout": st.sampled_from(["strided", "spatial"]),
        "steps": st.integers(1, 4),
        "seed": st.integers(0, 2**63 - 1),
        "initial": st.sampled_from(["null", "white", "grey", "black", "noise"]),
        "optimizer.learning_rate": st.one_of(st.just("null"), _float(1e-6, 1e3)),
        "optimizer.log_loss": st.booleans(),
        "optimizer.smoothing": _float(0, 1e6),
        "optimizer.betas": st.tuples(_float(0, 0.999), _float(0, 0.999)).map(list),
        "parametrization.levels": st.integers(1, 16),
        "parametrization.chroma": _float(1e-3, 100),
        "parametrization.gain": _float(0, 1e3),
        "parametrization.gain_degraded": _float(0, 1e3),
        "frames.count": st.integers(2, 9),
        "frames.spacing": st.sampled_from(["geometric", "fixed"]),
        "stopping.patience": st.one_of(st.just("null"), st.integers(1, 5)),
    }
)


def ran(height: int, width: int, kind: str, chosen: dict[str, Any]) -> None:
    """A run ends, its figures are finite, and its best image is no worse than its first."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        folder.mkdir()
        save_image(picture(height, width, 1, kind), Path(name) / "reference.png")
        given_settings = [f"{key}={value}" for key, value in chosen.items()]
        fixed = ["backbone=squeezenet", "backbone.weights=untrained", f"reference={name}/reference.png"]
        run(composed(*given_settings, *fixed), folder, "a test")
        results = json.loads((folder / "metrics.json").read_text())
        assert results["status"] == "finished"
        assert (folder / "report.html").is_file()
        assert math.isfinite(results["best"]["loss"])
        assert results["best"]["loss"] <= results["initial"]["loss"]


def fuzzed(examples: int) -> Callable[[Any], Any]:
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@fuzzed(12)
@given(SMALL, SMALL, SETTINGS)
def test_any_pair_is_measured(height: int, width: int, pair: dict[str, Any]) -> None:
    measured(height, width, pair)


@fuzzed(3)
@given(SMALL, SMALL, KIND, RUN)
def test_any_settings_run(height: int, width: int, kind: str, chosen: dict[str, Any]) -> None:
    ran(height, width, kind, chosen)


@pytest.mark.slow
@fuzzed(600)
@given(SIDE, SIDE, SETTINGS)
def test_any_pair_of_many_is_measured(height: int, width: int, pair: dict[str, Any]) -> None:
    measured(height, width, pair)


@pytest.mark.slow
@fuzzed(150)
@given(SIDE, SIDE, KIND, RUN)
def test_any_settings_of_many_run(height: int, width: int, kind: str, chosen: dict[str, Any]) -> None:
    ran(height, width, kind, chosen)
