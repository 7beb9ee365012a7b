"""Maximum differentiation: one metric moves, the level of the other stays."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from helpers import network
from torch import Tensor

from enhance.images.degradations import degrade
from enhance.images.pictures import load_image
from enhance.metrics.loading import load_metric
from enhance.metrics.metric import Metric
from enhance.metrics.registry import METRICS
from enhance.optim.level_set import TOLERANCE, LevelSet
from enhance.optim.loop import minimize
from enhance.optim.objective import Objective, Term
from enhance.optim.step import Step

Images = tuple[Tensor, Tensor]
QUICK = [("deepwsd", "gmsd"), ("mse", "deepjsd"), ("lpips_squeeze", "mae"), ("haarpsi", "psnr"), ("ssim", "lpips")]
RING = [pair for pair in pairwise([*METRICS, next(iter(METRICS))]) if pair not in QUICK]


def pair_of(height: int, width: int) -> Images:
    """A reference and a noisy copy."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 4, 5, generator=generator) * 0.8 + 0.1
    reference = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)
    return reference, (reference + 0.12 * torch.randn(reference.shape, generator=generator)).clamp(0, 1)


@pytest.fixture
def pair() -> Images:
    return pair_of(32, 40)


def loaded(name: str) -> Metric:
    if METRICS[name].deep:
        return load_metric(name, backbone=network("vgg_compact"), prefilter=False, padding="up")
    return load_metric(name, weights="untrained") if METRICS[name].trunk else load_metric(name)


def walk(first: Metric, second: Metric, pair: Images, worst: bool, steps: int = 40, rate: float = 0.05) -> list[Step]:
    objective = Objective([Term(first, -1.0 if worst else 1.0, "moved"), Term(second, 0.0, "fixed")], pair[0])
    settings = {"steps": steps, "learning_rate": rate, "log_loss": not worst, "smoothing": None}
    return list(minimize(objective, LevelSet(second, *pair), **settings))


@pytest.mark.parametrize(("first", "second"), [("ssim", "mse"), ("mse", "ssim"), ("mae", "gmsd"), ("haarpsi", "psnr")])
def test_one_metric_opens_a_gap_and_the_other_stays_at_its_level(first: str, second: str, pair: Images) -> None:
    moving, holding, ends = loaded(first), loaded(second), {}
    level = holding.losses(pair[1], pair[0]).item()
    for worst in (False, True):
        steps = walk(moving, holding, pair, worst, steps=20)
        assert [step.index for step in steps] == list(range(21))
        for step in steps:
            assert step.terms["fixed"] == pytest.approx(level, rel=TOLERANCE)
            assert step.image.min() >= 0
            assert step.image.max() <= 1
        assert holding.losses(steps[-1].image, pair[0]).item() == pytest.approx(level, rel=TOLERANCE)
        assert torch.equal(steps[0].image, pair[1])
        ends[worst] = steps[-1].terms["moved"]
    assert ends[False] < steps[0].terms["moved"] < ends[True]


def test_ssim_at_equal_mse_has_the_gap_of_the_textbook(pair: Images) -> None:
    ssim, mse = loaded("ssim"), loaded("mse")
    best, worst = (walk(ssim, mse, pair, worst, steps=100)[-1].score for worst in (False, True))
    assert best > 0.9
    assert worst < 0.2


@pytest.mark.parametrize(("first", "second"), QUICK + [pytest.param(*pair, marks=pytest.mark.slow) for pair in RING])
def test_any_two_metrics_of_the_registry(first: str, second: str) -> None:
    side = max(METRICS[first].min_size, METRICS[second].min_size, 64)
    reference = load_image("astronaut")[..., 100 : 100 + side, 180 : 180 + side]
    pair = reference, degrade(reference, "gaussian_noise", seed=0, sigma=30)
    moving, holding = loaded(first), loaded(second)
    best, worst = (walk(moving, holding, pair, worst, steps=2, rate=0.01) for worst in (False, True))
    for steps in (best, worst):
        level = steps[0].terms["fixed"]
        assert len(steps) == 3
        assert all(step.terms["fixed"] == pytest.approx(level, rel=TOLERANCE) for step in steps)
    assert min(step.terms["moved"] for step in best) < best[0].terms["moved"]
    assert max(step.terms["moved"] for step in worst) > worst[0].terms["moved"]


@pytest.mark.parametrize("scale", [1.0, 3.0, -0.5])
def test_parallel_gradients_leave_no_step(scale: float, pair: Images) -> None:
    mse = loaded("mse")
    objective = Objective([Term(mse, scale)], pair[0])
    assert LevelSet(mse, *pair).parallel(objective)
    assert not LevelSet(loaded("mae"), *pair).parallel(objective)


def test_a_step_that_finds_no_way_back_is_not_made(pair: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = LevelSet(loaded("mse"), *pair)
    before = pixels.image().detach().clone()
    monkeypatch.setattr(pixels, "_loss", lambda image: torch.tensor(torch.nan))
    with torch.no_grad():
        pixels.pixels.add_(0.1)
    pixels.project()
    assert torch.equal(pixels.pixels, before)
    assert "no step" in pixels.reason


def test_the_reference_itself_has_no_level(pair: Images) -> None:
    with pytest.raises(ValueError, match="cannot be kept fixed"):
        LevelSet(loaded("mse"), pair[0], pair[0])


@pytest.mark.parametrize("power", [1, 2, 4])
@pytest.mark.parametrize("level", [0.02, 0.3, 0.95])
def test_the_level_is_found_on_both_sides_and_on_curves(power: int, level: float) -> None:
    class Power:
        name = "power"

        def prepare(self, reference: Tensor) -> Tensor:
            return reference

        def losses(self, image: Tensor, reference: Tensor) -> Tensor:
            return image.mean()[None] ** power

    initial = torch.full((1, 3, 4, 4), level ** (1 / power))
    pixels = LevelSet(Power(), initial, initial)  # type: ignore[arg-type]
    pixels.image()
    with torch.no_grad():
        pixels.pixels.fill_(0.5)
    pixels.project()
    assert pixels.pixels.mean().item() ** power == pytest.approx(level, rel=TOLERANCE)
    assert not pixels.reason


def test_an_image_on_the_way_back_is_one_wait_for_the_device(pair: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[str] = []
    measured: list[Tensor] = []

    def counted(name: str) -> None:
        original = getattr(Tensor, name)
        monkeypatch.setattr(Tensor, name, lambda *given: (waits.append(name), original(*given))[1])

    pixels = LevelSet(load_metric("mse", check_range=False), *pair)  # as a run has it
    pixels.image()
    loss = pixels._loss
    monkeypatch.setattr(pixels, "_loss", lambda image: (measured.append(image), loss(image))[1])
    with torch.no_grad():
        pixels.pixels.add_(0.05)
    for name in ("item", "tolist", "__float__", "__bool__", "cpu"):
        counted(name)
    pixels.project()
    assert not pixels.reason
    assert len(measured) > 1
    assert waits == ["tolist"] * len(measured)
