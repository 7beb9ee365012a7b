"""Coarse to fine: steps of the whole image, exact losses, the same bits after a resume, and small images as ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from helpers import network, optimise
from torch import Tensor

import enhance
from enhance.optim.coarse_to_fine import coarse_to_fine
from enhance.optim.objective import Objective, Term
from enhance.optim.parametrizations import Pyramid
from enhance.optim.step import Step
from enhance.optim.stopping import Plateau

_METRIC = enhance.DeepJSD(network("squeezenet"), prefilter=False, padding="up")
_SETTINGS: dict[str, Any] = {"steps": 20, "learning_rate": 0.03, "smoothing": None}


def _objective(reference: Tensor, mask: Tensor | None) -> Objective:
    return Objective([Term(_METRIC)], reference, mask)


def _pyramid(image: Tensor, mask: Tensor | None) -> Pyramid:
    return Pyramid(image)


@pytest.fixture
def reference(generator: torch.Generator) -> Tensor:
    coarse = torch.rand(1, 3, 5, 6, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=(131, 150), mode="bicubic").clamp(0, 1)


def walk(reference: Tensor, resume: Mapping[str, Any] | None = None) -> list[tuple[Step, Tensor]]:
    white = torch.ones_like(reference)
    steps = coarse_to_fine(_objective, reference, white, _pyramid, **_SETTINGS, resume=resume)
    return [(step, step.image.clone()) for step in steps]


def test_images_are_whole_and_losses_exact(reference: Tensor) -> None:
    steps = walk(reference)
    assert [step.index for step, _ in steps] == [0, 5, *range(7, 21)]  # at scale 4 a side would have 33 pixels
    assert torch.equal(steps[0][1], torch.ones_like(reference))
    for step, image in steps:
        assert image.shape == reference.shape
        assert step.loss == pytest.approx(_METRIC(image, reference).item(), rel=1e-5)
    assert steps[-1][0].loss < 0.5 * steps[0][0].loss
    seconds = [step.seconds for step, _ in steps]
    assert seconds == sorted(seconds)


def test_a_plateau_on_a_copy_ends_no_run(reference: Tensor) -> None:
    steps = walk(reference)
    assert [step.reduced for step, _ in steps] == [step.index < 7 for step, _ in steps]
    rule = Plateau(patience=3, tolerance=0.9999)  # nothing is ever so much better
    assert next(step.index for step, _ in steps if rule(step)) == 7 + 3


def test_an_image_too_small_for_copies_descends_as_ever(reference: Tensor) -> None:
    small = reference[..., :40, :40].contiguous()
    found = walk(small)
    steps = optimise(_METRIC, small, Pyramid(torch.ones_like(small)), steps=20, learning_rate=0.03)
    assert [step.loss for step, _ in found] == [step.loss for step in steps]


@pytest.mark.parametrize("at", [1, 4])
def test_a_resumed_walk_takes_the_same_steps(reference: Tensor, at: int) -> None:
    whole = walk(reference)
    saved = coarse_to_fine(_objective, reference, torch.ones_like(reference), _pyramid, **_SETTINGS)
    state = next(step.state() for number, step in enumerate(saved) if number == at)
    again = walk(reference, state)
    assert [step.index for step, _ in again] == [step.index for step, _ in whole[at + 1 :]]
    assert torch.equal(again[-1][1], whole[-1][1])
    assert again[-1][0].loss == whole[-1][0].loss
