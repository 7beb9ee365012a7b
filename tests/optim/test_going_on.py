"""An optimisation that goes on from any of its Steps makes the Steps that it would have made."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from helpers import network, optimise
from torch import Tensor

import enhance
from enhance.metrics.deep.distance import DeepDistance
from enhance.optim.parametrizations import Parametrization, Pixels, Pyramid
from enhance.optim.schedules import graduated, halving
from enhance.optim.step import Step
from enhance.optim.stopping import Budget, EarlyStopping, Plateau

STEPS = 8


@pytest.fixture(scope="module")
def metric() -> DeepDistance:
    return enhance.DeepJSD(network("squeezenet"), padding="up", prefilter=False)


@pytest.fixture
def pair(images: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return images[0][:1, :, :24, :27], images[1][:1, :, :24, :27]


def stored(state: dict) -> dict:
    """As it comes back from a file."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


class Fragile(enhance.DeepJSD):
    """No number at one of its calls, as a measure may be."""

    calls = 0

    def smoothed(self, amount: float) -> Fragile:
        return self  # a copy would count calls of its own

    def losses(self, image: Tensor, reference: object, mask: Tensor | None = None) -> Tensor:
        self.calls += 1
        return super().losses(image, reference, mask) * (math.nan if self.calls == 3 else 1)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("kind", [Pixels, Pyramid])
@pytest.mark.parametrize("fragile", [False, True])
@pytest.mark.parametrize("published", [False, True])
def test_a_descent_goes_on_to_the_last_bit(
    metric: DeepDistance,
    pair: tuple[Tensor, Tensor],
    kind: Callable[[Tensor], Parametrization],
    fragile: bool,
    published: bool,
) -> None:
    initial, reference = pair
    measure = Fragile(metric.backbone, padding="up", prefilter=False) if fragile else metric
    run = partial(optimise, measure, reference, steps=STEPS, learning_rate=0.02, smoothing=graduated(5))
    if published:
        run = partial(run, schedule=halving(3), reset_moments=True, log_loss=False)
    whole, states = [], []
    for step in run(kind(initial)):
        whole.append((step.index, step.loss, step.learning_rate, step.image.clone()))
        states.append(stored(step.state()))
    assert len(whole) == STEPS + 1 - fragile
    for place, state in enumerate(states):
        if fragile and state["index"] < 2:  # it breaks at its third call, and a run that goes on makes later ones
            continue
        rest = whole[place + 1 :]
        for step in run(kind(initial), resume=state):
            index, loss, rate, image = rest.pop(0)
            assert (step.index, step.loss, step.learning_rate) == (index, loss, rate)
            assert torch.equal(step.image, image)
            assert step.seconds >= state["seconds"]
        assert not rest


@pytest.mark.parametrize("side", [None, 20])
def test_the_state_of_another_run_is_refused(
    metric: DeepDistance, pair: tuple[Tensor, Tensor], side: int | None
) -> None:
    run = partial(optimise, metric, steps=2, learning_rate=0.02)
    initial, reference = pair
    other = (image[..., :side, :side] for image in pair)
    state = next(iter(run(next(other), Pixels(next(other))))).state() if side else {}
    with pytest.raises(ValueError, match="resume= is not the state"):
        next(iter(run(reference, Pixels(initial), resume=state)))


def made(first: int = 0) -> Iterator[Step]:
    for index, loss in list(enumerate([4, 3, 2.99, 2.98, 1, 0.999, 0.998, 0.997, 0.5]))[first:]:
        yield Step(index, loss, loss, {}, 0.1, float(index), torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize("at", range(8))
def test_rules_remember_what_they_have_seen(at: int) -> None:
    def rules() -> list[Plateau | Budget]:
        return [Plateau(3, 0.01), Budget(20)]

    whole = EarlyStopping(made(), rules())
    last = [step.index for step in whole][-1]
    begun = EarlyStopping(made(), rules())
    for step in begun:
        if step.index == at:
            break
    resumed = EarlyStopping(made(at + 1), rules(), stored(begun.state()))
    assert max([step.index for step in resumed], default=at) == last
    assert resumed.reason == whole.reason
