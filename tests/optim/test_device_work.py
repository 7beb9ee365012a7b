"""What a step asks of an accelerator, counted on a device that is none: operators, and what the host waits for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from helpers import picture
from torch import Tensor
from virtual_device import DEVICE, VirtualDevice

import enhance
from enhance.optim.coarse_to_fine import coarse_to_fine
from enhance.optim.enlargement import Products, Stencils, octaves
from enhance.optim.frames import FramePlan
from enhance.optim.loop import minimize
from enhance.optim.objective import Objective, Term
from enhance.optim.parametrizations import Masked, Pixels, Pyramid
from enhance.optim.step import Step
from enhance.optim.stopping import Budget, EarlyStopping, Plateau
from enhance.runs.progress import Progress
from enhance.runs.recorder import Recorder

STEPS = 6


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualDevice]:
    monkeypatch.setattr(torch, "autocast", lambda *args, **kwargs: nullcontext())  # meta has none
    with VirtualDevice() as entered:
        yield entered


def noise(height: int = 40, width: int = 56) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def deep(name: str = "deepjsd") -> Term:
    return Term(enhance.load_metric(name, prefilter=False, padding="up").to(DEVICE))


def mask(height: int = 40, width: int = 56) -> Tensor:
    found = torch.zeros(1, 1, height, width)
    found[..., : height // 2, : width // 2] = 1
    return found


@pytest.mark.parametrize("initial", [torch.ones(1, 3, 256, 256), noise(256, 256)])
def test_a_pyramid_of_seven_levels_takes_at_most_thirty_operators(initial: Tensor, counted: VirtualDevice) -> None:
    pyramid = Pyramid(initial.to(DEVICE))
    counted.clear()
    image = pyramid.image()
    gradient = torch.zeros_like(image)
    forward = counted.operators.total() - 1
    counted.clear()
    image.backward(gradient)
    assert len(pyramid.levels) == 7
    assert 10 < forward + counted.operators.total() <= 30
    assert not counted.waits


@pytest.mark.parametrize("size", [(64, 64), (37, 51), (9, 200), (1, 3)])
def test_products_are_the_sums_that_torchs_enlargement_gives(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.rand(2, 3, *size, generator=generator, dtype=torch.float64)
    pyramid = Pyramid(start)
    weight = torch.rand(start.shape, generator=generator, dtype=torch.float64)
    levels = [torch.rand(level.shape, generator=generator, dtype=torch.float64) for level in pyramid.levels]
    bands = octaves(start)
    gains = torch.rand(len(bands), 2, 3, 1, 1, generator=generator, dtype=torch.float64)
    found = []
    for sums in (Stencils(), Products(levels)):
        parameters = [parameter.clone().requires_grad_() for parameter in (*levels, gains)]
        image = sums.banded(sums.levels(parameters[:-1]), parameters[-1], bands)
        found.append([image.detach(), *torch.autograd.grad(image, parameters, weight)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", ["pyramid", "pixels", "masked", "tiled", "checked", "coarse", "several"])
def test_a_step_waits_once_and_copies_frames_alone(case: str, counted: VirtualDevice, tmp_path: Path) -> None:
    size = (256, 272) if case == "coarse" else (40, 56)
    reference, initial = picture(*size).to(DEVICE), noise(*size).to(DEVICE)
    within = mask(*size).to(DEVICE) if case in ("masked", "tiled") else None
    terms = [Term(enhance.load_metric("mse").to(DEVICE))] if case in ("coarse", "tiled") else [deep()]
    if case in ("checked", "several"):
        terms.append(Term(enhance.load_metric("ssim", check_range=True).to(DEVICE)))
    if case == "several":
        terms.append(Term(lambda image: image.square().mean(), 0.1, "squares"))
    objective = Objective(terms, reference, within, tile=24 if case == "tiled" else 0)

    def parametrized(start: Tensor, of: Tensor | None) -> Pixels | Pyramid | Masked:
        made = Pixels(start) if case == "pixels" else Pyramid(start)
        return made if of is None else Masked(made, start, of)

    if case == "coarse":
        run = coarse_to_fine(
            lambda *pair: Objective(terms, *pair), reference, initial, parametrized, steps=16, learning_rate=0.01
        )
    else:
        run = minimize(objective, parametrized(initial, within), steps=STEPS, learning_rate=0.01)
    waited = dict(recorded(run, counted, tmp_path, objective, size))
    if case == "coarse":  # what begins at a stage waits before its first step
        waited = {index: waits for index, waits in waited.items() if index > 13}
    assert len(waited) >= 2
    assert all(len(waits) == 1 for waits in waited.values()), waited
    assert torch.float64 not in counted.dtypes  # a Mac's GPU has none


def recorded(
    run: Iterator[Step], counted: VirtualDevice, folder: Path, objective: Objective, size: tuple[int, int]
) -> Iterator[tuple[int, list[str]]]:
    """The index of each Step, and what loop, recorder, stopping and progress waited for since the one before."""
    plan = FramePlan("fixed", every=1000, steps=STEPS)
    metadata = {"objective": objective.describe()}
    recorder = Recorder(folder, picture(*size), noise(*size), metadata=metadata, frames=plan)
    with Progress(STEPS, "a test") as progress:
        for step in EarlyStopping(run, [Plateau(20), Budget(600)]):
            progress.show(recorder.record(step))
            if step.index not in plan.chosen():
                yield step.index, list(counted.waits)
            counted.clear()
