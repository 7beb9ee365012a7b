"""`deterministic` is scoped, says what torch does not have, and changes no bit where all is deterministic already."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from helpers import QUICK, settings

from enhance.experiment.run import run
from enhance.optim.determinism import deterministic
from enhance.runs.history import read


def state() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def test_it_lasts_as_long_as_it_is_entered() -> None:
    def fail() -> None:
        with deterministic(True, print):
            assert state() == (True, True)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert state() == (False, False)
    with deterministic(False, print):
        assert state() == (False, False)


def test_what_torch_does_not_have_is_said_once() -> None:
    said: list[str] = []
    with deterministic(True, said.append):
        for _ in range(3):
            torch.zeros(3).put_(torch.tensor([0, 0]), torch.ones(2))
    assert len(said) == 1
    assert said[0].startswith("deterministic=true: torch has no deterministic put_")


def test_other_warnings_stay() -> None:
    with pytest.warns(UserWarning, match="something else"), deterministic(True, print):
        warnings.warn("something else", stacklevel=1)


def test_a_run_on_a_processor_is_the_same_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = []
    for wanted in ("false", "true"):
        folder = tmp_path / wanted
        folder.mkdir()
        run(settings("metric=deepjsd", *QUICK, f"deterministic={wanted}"), folder, "a test")
        losses.append([(row.loss, row.psnr) for row in read(folder / "history.csv")])
    assert losses[0] == losses[1]
