"""The loop: what it yields, that it converges, and that it survives lost numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from helpers import network, optimise
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import enhance
from enhance.metrics.deep.distance import DeepDistance
from enhance.metrics.deep.named import DEEP_METRICS
from enhance.optim.guard import Diverged
from enhance.optim.loop import minimize
from enhance.optim.objective import Objective, Term
from enhance.optim.parametrizations import Parametrization, Pixels, Pyramid
from enhance.optim.schedules import constant, cosine, graduated, halving, warm_up


def metrics_on(device: torch.device, dtype: torch.dtype = torch.float32) -> dict[str, DeepDistance]:
    backbone = network("squeezenet", device=device, dtype=dtype)
    return {name: kind(backbone, padding="up", prefilter=False) for name, kind in DEEP_METRICS.items()}


@pytest.fixture(scope="module")
def metrics() -> dict[str, DeepDistance]:
    return metrics_on(torch.device("cpu"))


@pytest.fixture
def reference(images: tuple[Tensor, Tensor]) -> Tensor:
    return images[1][:1, :, :24, :27]


@pytest.mark.parametrize("name", list(DEEP_METRICS))
@pytest.mark.parametrize("kind", [Pixels, Pyramid])
def test_every_step_reports_the_exact_loss_of_its_image_in_range(
    name: str, kind: type[Pixels | Pyramid], reference: Tensor, device: torch.device, dtype: torch.dtype
) -> None:
    metric, reference = metrics_on(device, dtype)[name], reference.to(device, dtype)
    steps = optimise(
        metric, reference, kind(torch.ones_like(reference)), steps=6, learning_rate=0.02, smoothing=graduated(5)
    )
    indices, losses = [], []
    for step in steps:
        assert (step.image.device.type, step.image.dtype) == (device.type, dtype)
        assert step.image.min() >= 0
        assert step.image.max() <= 1
        assert step.loss == pytest.approx(metric(step.image, reference).item(), rel=1e-5)
        indices.append(step.index)
        losses.append(step.loss)
    assert indices == list(range(7))
    assert losses[-1] < losses[0]


def final(metric: DeepDistance, reference: Tensor, start: Parametrization, **settings: object) -> float:
    return list(optimise(metric, reference, start, steps=40, learning_rate=0.02, **settings))[-1].loss  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["deepjsd", "deepskld"])
def test_the_pyramid_and_the_logarithm_each_converge_faster(
    metrics: dict[str, DeepDistance], name: str, reference: Tensor
) -> None:
    white = torch.ones_like(reference)
    metric = metrics[name]
    ours = final(metric, reference, Pyramid(white))
    assert ours < 0.5 * final(metric, reference, Pixels(white))
    assert ours < final(metric, reference, Pyramid(white), log_loss=False)


@pytest.mark.parametrize("name", list(DEEP_METRICS))
def test_a_start_at_the_optimum_stays_there(name: str, reference: Tensor, device: torch.device) -> None:
    metric, reference = metrics_on(device)[name], reference.to(device)
    for step in optimise(metric, reference, Pyramid(reference), steps=3, learning_rate=1e-3):
        assert step.loss == pytest.approx(0, abs=1e-9)
        torch.testing.assert_close(step.image, reference, rtol=0, atol=1e-6)


class Breaking(torch.autograd.Function):
    """The identity, whose gradient is no number."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: object, grad_output: Tensor) -> Tensor:
        return grad_output * math.nan


class Fragile(enhance.DeepJSD):
    """Its value or only its gradient is no number at some of its calls."""

    calls = 0
    broken: Sequence[int] = ()
    value_too = True

    def smoothed(self, amount: float) -> Fragile:
        return self  # a copy would count calls of its own

    def losses(self, image: Tensor, reference: object, mask: Tensor | None = None) -> Tensor:
        self.calls += 1
        loss = super().losses(image, reference, mask)  # type: ignore[arg-type]
        if self.calls not in self.broken:
            return loss
        return loss * math.nan if self.value_too else Breaking.apply(loss)  # type: ignore[return-value]


def fragile(broken: Sequence[int], value_too: bool = True) -> Fragile:
    metric = Fragile(network("squeezenet"), padding="up")
    metric.broken, metric.value_too = broken, value_too
    return metric


@pytest.mark.parametrize("value_too", [True, False])
def test_lost_numbers_bring_back_the_best_image_and_are_reported(reference: Tensor, value_too: bool) -> None:
    white = torch.ones_like(reference)
    steps = list(optimise(fragile((4,), value_too), reference, Pyramid(white), steps=8, learning_rate=0.02))
    notes = [step.note for step in steps if step.note]
    assert len(notes) == 1
    assert "back to the best image" in notes[0]
    assert steps[-1].index == 8
    assert all(math.isfinite(step.loss) and step.image.isfinite().all() for step in steps)
    with pytest.raises(Diverged, match="back to the best image"):
        list(optimise(fragile(range(3, 30), value_too), reference, Pyramid(white), steps=20, learning_rate=0.02))


@pytest.mark.parametrize("kind", [Pixels, Pyramid])
def test_lost_numbers_at_the_last_step_bring_back_the_best_image_in_its_place(
    reference: Tensor, kind: type[Pixels] | type[Pyramid]
) -> None:
    white = torch.ones_like(reference)
    losses, note = [], ""
    for step in optimise(fragile((9,)), reference, kind(white), steps=8, learning_rate=0.02):
        losses.append(step.loss)
        note = step.note
    assert len(losses) == 9
    assert losses[-1] == pytest.approx(min(losses[:-1]), rel=1e-6)
    assert note.startswith("step 8 was not finite: back to the best image")
    with pytest.raises(Diverged, match="step 8, again and again: back to the best image"):
        list(optimise(fragile(range(9, 20)), reference, kind(white), steps=8, learning_rate=0.02))


@given(height=st.integers(1, 70), width=st.integers(1, 70), levels=st.integers(1, 9))
def test_a_pyramid_starts_at_its_image_and_a_white_start_has_a_gradient(height: int, width: int, levels: int) -> None:
    generator = torch.Generator().manual_seed(height * 100 + width)
    initial = torch.rand(1, 3, height, width, generator=generator)
    assert torch.equal(Pyramid(initial, levels).image(), initial)
    white = Pyramid(torch.ones_like(initial), levels)
    white.image().sum().backward()
    assert all(level.grad is not None and level.grad.abs().sum() > 0 for level in white.levels)


def test_one_unit_of_luma_is_grey_and_colours_leave_luma_alone() -> None:
    pyramid = Pyramid(torch.full((1, 3, 8, 8), 0.5), levels=1, chroma=0.5)
    with torch.no_grad():
        pyramid.levels[0][:, 0] += 0.1
        assert torch.allclose(pyramid.image(), torch.full((1, 3, 8, 8), 0.6))
        pyramid.levels[0][:, 1:] += 0.1
        assert torch.allclose(pyramid.image().mean(1), torch.full((1, 8, 8), 0.6))


@given(steps=st.integers(1, 500), warmup=st.integers(0, 20))
def test_schedules_stay_between_zero_and_one(steps: int, warmup: int) -> None:
    for schedule in (constant, cosine, halving(7), graduated(1), warm_up(cosine, min(warmup, steps - 1))):
        factors = [schedule(index, steps) for index in range(steps)]
        assert all(0 <= factor <= 1 for factor in factors)
    assert graduated(5)(steps, steps) == 0


@pytest.mark.parametrize("warmup", [0, 2])
def test_moments_start_anew_where_the_rate_is_halved(
    metrics: dict[str, DeepDistance], reference: Tensor, warmup: int
) -> None:
    start, schedule = Pixels(torch.ones_like(reference)), warm_up(halving(4), warmup)
    run = optimise(
        metrics["deepjsd"], reference, start, steps=12, learning_rate=0.02, schedule=schedule, reset_moments=True
    )
    updates, rates = [], []
    for step in run:
        moments = step.state()["optimizer"]["state"]
        updates.append(int(moments[0]["step"]) if moments else 0)
        rates.append(step.learning_rate)
    anew = [index for index in range(12) if updates[index + 1] != updates[index] + 1]
    assert anew == [index for index in range(1, 12) if rates[index] < rates[index - 1]]
    assert len(anew) == 2


def test_gains_belong_to_starts_with_detail_and_scale_their_bands() -> None:
    generator = torch.Generator().manual_seed(0)
    noisy = (0.5 + 0.1 * torch.randn(1, 3, 40, 33, generator=generator)).clamp(0, 1)
    assert len(Pyramid(torch.ones_like(noisy)).parameters()) == len(Pyramid(noisy).parameters()) - 1
    assert len(Pyramid(noisy, gain=0).parameters()) == len(Pyramid(noisy).parameters()) - 1
    pyramid = Pyramid(noisy, gain=5)
    with torch.no_grad():
        pyramid.gains.sub_(1 / 5)  # every band gone
        assert pyramid.image().std() < 0.2 * noisy.std()
        assert torch.allclose(pyramid.image().mean(), noisy.mean(), atol=1e-2)


@pytest.mark.parametrize("value_too", [True, False])
@pytest.mark.parametrize("steps", [1, 20])
def test_a_start_without_numbers_is_refused_before_any_step(reference: Tensor, steps: int, value_too: bool) -> None:
    metric = fragile(range(50), value_too)
    with pytest.raises(Diverged, match=f"the {'loss' if value_too else 'gradient'} of the initial image"):
        next(optimise(metric, reference, Pyramid(torch.ones_like(reference)), steps=steps, learning_rate=0.02))
    assert metric.calls == 1


@pytest.mark.parametrize("parametrization", [Pixels, Pyramid])
def test_an_image_that_was_changed_in_place_is_refused(
    metrics: dict[str, DeepDistance], reference: Tensor, parametrization: type[Pixels] | type[Pyramid]
) -> None:
    steps = optimise(
        metrics["deepjsd"], reference, parametrization(torch.ones_like(reference)), steps=3, learning_rate=0.02
    )
    next(steps).image.fill_(math.nan)
    with pytest.raises(ValueError, match=r"image\.clone\(\)"):
        next(steps)


def test_no_grad_around_it_changes_nothing(metrics: dict[str, DeepDistance], reference: Tensor) -> None:
    def losses() -> list[float]:
        start = Pyramid(torch.ones_like(reference))
        return [step.loss for step in optimise(metrics["deepjsd"], reference, start, steps=3, learning_rate=0.02)]

    with torch.no_grad():
        inside = losses()
    assert inside == losses()


@pytest.mark.parametrize(
    ("number", "word"),
    [
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": math.nan}, "learning_rate"),
        ({"learning_rate": 1e38}, "at most"),
    ],
)
def test_a_learning_rate_or_betas_out_of_range_are_refused(
    metrics: dict[str, DeepDistance], reference: Tensor, number: dict[str, Any], word: str
) -> None:
    chosen: dict[str, Any] = {"steps": 3, "learning_rate": 0.02} | number
    with pytest.raises(ValueError, match=word):
        next(optimise(metrics["deepjsd"], reference, Pyramid(torch.ones_like(reference)), **chosen))


class _Growing(Pixels):
    """Twice as bright at each call."""

    def image(self) -> Tensor:
        with torch.no_grad():
            self.pixels *= 2
        return self.pixels * 1.0


def test_a_range_is_checked_at_the_first_step_and_whenever_an_objective_is_called(
    images: tuple[Tensor, Tensor],
) -> None:
    reference = images[1][:1]
    objective = Objective([Term(enhance.load_metric("mse", check_range=True))], reference)
    with pytest.raises(ValueError, match="must lie in"):
        next(minimize(objective, _Growing(reference), steps=1, learning_rate=0.1))
    assert len(list(minimize(objective, _Growing(reference / 4), steps=3, learning_rate=0.1))) == 4
    with pytest.raises(ValueError, match="must lie in"):
        objective(reference + 2)
