"""A smoothed measure: the exact value, and a gradient that fades at the optimum and turns exact as smoothing ends."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from enhance.metrics.deep.measures import JensenShannon, Measure, SymmetricKL, Wasserstein
from enhance.metrics.deep.published import LevelSpec
from enhance.metrics.deep.smoothing import Damped, SmoothedWasserstein, smoothed


def distributions(seed: int, columns: int = 50) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.rand(2, 64, columns, dtype=torch.float64, generator=generator).sub(0.5).clamp_min(0)
    return x, y


@given(seed=st.integers(0, 1000), p=st.sampled_from([1.0, 2.0, 3.0]), amount=st.floats(1e-3, 100))
def test_the_value_is_exact(seed: int, p: float, amount: float) -> None:
    x, y = distributions(seed)
    exact, rounded = Wasserstein(p), SmoothedWasserstein(p, amount)
    assert torch.equal(exact.compare(x, exact.prepare(y), False)[0], rounded.compare(x, rounded.prepare(y), True)[0])


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_without_width_the_gradient_is_the_exact_one(p: float) -> None:
    x, y = distributions(0)
    exact = Wasserstein(p).compare(x, Wasserstein(p).prepare(y), True)[1]
    rounded = SmoothedWasserstein(p, amount=1e-9, lags=64)
    nearer = rounded.compare(x, rounded.prepare(y), True)[1]
    assert exact is not None
    assert nearer is not None
    share = torch.isclose(exact, nearer).double().mean()
    assert share > 0.99


@given(seed=st.integers(0, 1000), amount=st.floats(0.01, 100))
def test_the_gradient_vanishes_at_the_optimum_and_in_proportion(seed: int, amount: float) -> None:
    x, y = distributions(seed)
    rounded = SmoothedWasserstein(2.0, amount)
    at_optimum = rounded.compare(y, rounded.prepare(y), True)[1]
    assert at_optimum is not None
    assert at_optimum.abs().max() < 1e-9
    far, nearer = (rounded.compare(y + t * (x - y), rounded.prepare(y), True)[1] for t in (1e-4, 1e-5))
    assert far is not None
    assert nearer is not None
    assert torch.allclose(far.norm() / nearer.norm(), torch.tensor(10.0, dtype=far.dtype), rtol=0.2)


@pytest.mark.parametrize("measure", [JensenShannon(), SymmetricKL(), SymmetricKL(1e-17)])
def test_a_damped_divergence_keeps_its_value_and_shortens_its_gradient(measure: Measure) -> None:
    x, y = distributions(0)
    damped = Damped(measure, 4.0)
    value, grad = measure.compare(x, measure.prepare(y), True)
    damped_value, damped_grad = damped.compare(x, damped.prepare(y), True)
    assert torch.equal(value, damped_value)
    assert grad is not None
    assert damped_grad is not None
    assert torch.allclose(damped_grad * 5, grad)
    assert damped.compare(x, damped.prepare(y), False)[1] is None


def test_each_rule_is_smoothed_in_its_own_way() -> None:
    assert smoothed(LevelSpec(JensenShannon()), 2.0) == LevelSpec(Damped(JensenShannon(), 2.0))
    assert smoothed(LevelSpec(Wasserstein(1)), 2.0) == LevelSpec(SmoothedWasserstein(1, 2.0))
    alone = LevelSpec(JensenShannon(), eps=None)
    assert smoothed(alone, 2.0) is alone
    assert smoothed(alone, 0.0) is alone
