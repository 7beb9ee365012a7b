"""A run that was saved at any Step and resumed goes on to the last bit, whatever the optimizer."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from conftest import Ended
from torch import Tensor

import enhance
from enhance.config.schema import OptimizerConfig
from enhance.optim.loop import minimize
from enhance.optim.objective import Objective, Term
from enhance.optim.optimizers import OPTIMIZERS, make_optimizer
from enhance.optim.parametrizations import Pixels, Pyramid
from enhance.optim.step import Step
from enhance.runs.history import Row
from enhance.runs.progress import Progress

STEPS = 6


def stored(state: dict) -> dict:
    """As it comes back from a file."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("log_loss", [True, False])
@pytest.mark.parametrize("kind", [Pixels, Pyramid])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_resumed_run_has_the_same_losses(
    name: str, kind: type[Pixels | Pyramid], log_loss: bool, images: tuple[Tensor, Tensor]
) -> None:
    initial, reference = (image[:1] for image in images)
    terms = [Term(enhance.load_metric("ssim")), Term(enhance.load_metric("mse"), 0.5)]
    objective = Objective(terms, reference)
    rate = OPTIMIZERS[name].learning_rate or 0.02

    def run(resume: dict | None = None) -> Iterator[Step]:
        return minimize(
            objective,
            kind(initial),
            steps=STEPS,
            learning_rate=rate,
            optimizer=make_optimizer(OptimizerConfig(name)),
            log_loss=log_loss,
            resume=resume,
        )

    whole, states = list[tuple[float, Tensor]](), list[dict]()
    for step in run():
        whole.append((step.loss, step.image.clone()))
        states.append(stored(step.state()))
    assert len({loss for loss, _ in whole}) > 2
    for index, state in enumerate(states):
        rest = [(step.loss, step.image.clone()) for step in run(state)]
        assert [loss for loss, _ in rest] == [loss for loss, _ in whole[index + 1 :]]
        assert all(torch.equal(image, other) for (_, image), (_, other) in zip(rest, whole[index + 1 :], strict=True))


@pytest.mark.parametrize("name", ["lbfgs", "nadam"])
def test_a_command_that_is_cut_off_resumes_to_the_same_losses(
    name: str, enhance: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enhance.report.render.render", lambda folder: [])
    arguments = [f"optimizer={name}", "metric=ssim", "size=24", "steps=6", "frames.count=2", "checkpoint=0"]
    assert enhance(*arguments, "hydra.run.dir=whole").code == 0
    show = Progress.show

    def full(self: Progress, row: Row) -> None:
        show(self, row)
        if row.step == 4:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "show", full)
        assert enhance(*arguments, "hydra.run.dir=cut").code == 2
    assert enhance("resume=cut").code == 0

    def losses(run: str) -> list[str]:
        return [",".join(line.split(",")[:3]) for line in (tmp_path / run / "history.csv").read_text().splitlines()]

    assert losses("cut") == losses("whole")
    whole, cut = (json.loads((tmp_path / run / "metrics.json").read_text()) for run in ("whole", "cut"))
    assert (cut["best"]["loss"], cut["best"]["step"]) == (whole["best"]["loss"], whole["best"]["step"])
