"""Maximum differentiation: one metric moves, the level of the other stays."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from enhance.metrics.registry import load_metric
from enhance.optim.duel import TOLERANCE, DuelStep, duel, level_again

Images = tuple[Tensor, Tensor]


@pytest.fixture
def pair() -> Images:
    """A reference and a noisy copy, (1, 3, 32, 40)."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 4, 5, generator=generator) * 0.8 + 0.1
    reference = torch.nn.functional.interpolate(coarse, size=(32, 40), mode="bicubic").clamp(0, 1)
    return reference, (reference + 0.12 * torch.randn(reference.shape, generator=generator)).clamp(0, 1)


def way(first: str, second: str, pair: Images, worst: bool, steps: int = 40) -> list[DuelStep]:
    moving, holding = load_metric(first), load_metric(second)
    return list(duel(moving, holding, *pair, worst=worst, steps=steps, learning_rate=0.05))


@pytest.mark.parametrize(("first", "second"), [("ssim", "mse"), ("mse", "ssim"), ("mae", "gmsd"), ("haarpsi", "psnr")])
def test_one_metric_opens_a_gap_and_the_other_stays_at_its_level(first: str, second: str, pair: Images) -> None:
    ends = {}
    for worst in (False, True):
        steps = way(first, second, pair, worst)
        assert [step.index for step in steps] == list(range(len(steps)))
        assert all(abs(step.held / steps[0].held - 1) <= TOLERANCE for step in steps)
        assert all(step.image.min() >= 0 and step.image.max() <= 1 for step in steps)
        held = load_metric(second).losses(steps[-1].image, pair[0]).item()
        assert held == pytest.approx(steps[-1].held, rel=1e-5)
        ends[worst] = steps[-1].moved
    assert torch.equal(steps[0].image, pair[1])
    assert ends[False] < steps[0].moved < ends[True]


def test_ssim_at_equal_mse_has_the_gap_of_the_textbook(pair: Images) -> None:
    best, worst = (1 - way("ssim", "mse", pair, worst, steps=100)[-1].moved for worst in (False, True))
    assert best > 0.9
    assert worst < 0.2


def test_a_metric_against_itself_has_no_gap(pair: Images) -> None:
    (only,) = way("ssim", "ssim", pair, worst=True)
    assert torch.equal(only.image, pair[1])
    assert "parallel" in only.reason


def test_the_same_arguments_give_the_same_images(pair: Images) -> None:
    first, second = (way("ssim", "mse", pair, False, steps=5) for _ in range(2))
    assert all(torch.equal(one.image, other.image) for one, other in zip(first, second, strict=True))
    assert len({step.image.sum().item() for step in first}) == len(first)


def test_the_reference_itself_has_no_level(pair: Images) -> None:
    mse = load_metric("mse")
    with pytest.raises(ValueError, match="no level to be held"):
        next(duel(mse, mse, pair[0], pair[0], worst=False, steps=1, learning_rate=0.1))


@pytest.mark.parametrize("power", [1, 2, 4])
@pytest.mark.parametrize("level", [0.02, 0.5])
def test_the_level_is_found_on_both_sides_and_on_curves(power: int, level: float) -> None:
    image = torch.full((1, 3, 4, 4), 0.5)

    def loss(given: Tensor) -> float:
        return given.mean().item() ** power

    found = level_again(image, torch.ones_like(image), loss, level)
    assert found is not None
    assert loss(found) == pytest.approx(level, rel=TOLERANCE)


def test_a_level_out_of_reach_is_not_found() -> None:
    image = torch.full((1, 3, 4, 4), 0.5)
    assert level_again(image, torch.ones_like(image), lambda given: given.mean().item(), 2.0) is None
    assert level_again(image, torch.zeros_like(image), lambda given: given.mean().item(), 0.4) is None
    values = itertools.cycle([1.0, float("nan")])
    assert level_again(image, torch.ones_like(image), lambda _: next(values), 0.1) is None
