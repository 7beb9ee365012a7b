"""Checkpoints are whole, of this run, and hold nothing that runs."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from enhance.runs import checkpoint
from enhance.runs.checkpoint import Checkpoints
from enhance.runs.layout import CHECKPOINTS

ME = {"steps": "100", "seed": "0"}


def saved(folder: Path, *values: float) -> Checkpoints:
    checkpoints = Checkpoints(folder, 0, ME)
    for value in values:
        checkpoints.save({"value": value, "image": torch.full((3, 4), value)})
    return checkpoints


def damage(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def test_the_last_state_comes_back_and_goes_when_the_run_has_ended(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path)
    assert checkpoints.load() is None
    checkpoints = saved(tmp_path, 1.0, 2.0, 3.0)
    state = checkpoints.load()
    assert state is not None
    assert state["value"] == 3
    assert torch.equal(state["image"], torch.full((3, 4), 3.0))
    checkpoints.remove()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", [0, 40, 500, -40])
def test_a_single_wrong_bit_brings_the_state_before(place: int, tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1.0, 2.0)
    damage(tmp_path / CHECKPOINTS[0], place)
    state = checkpoints.load()
    assert state is not None
    assert state["value"] == 1
    damage(tmp_path / CHECKPOINTS[1], place)
    with pytest.raises(ValueError, match=r"delete checkpoint\.pt and checkpoint\.before\.pt"):
        checkpoints.load()


@pytest.mark.parametrize("length", [0, 10, 32, 400])
def test_a_file_that_was_cut_off_brings_the_state_before(length: int, tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1.0, 2.0)
    os.truncate(tmp_path / CHECKPOINTS[0], length)
    state = checkpoints.load()
    assert state is not None
    assert state["value"] == 1


def test_a_state_of_other_settings_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, 1.0)
    with pytest.raises(ValueError, match="of another run: seed is 0 there and 1 here"):
        Checkpoints(tmp_path, 0, ME | {"seed": "1"}).load()


class Code:
    def __reduce__(self) -> tuple:
        return os.system, ("touch executed",)


def test_pickled_code_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps({"identity": ME, "value": Code()})
    (tmp_path / CHECKPOINTS[0]).write_bytes(hashlib.sha256(data).digest() + data)
    with pytest.raises(ValueError, match="can be read"):
        Checkpoints(tmp_path, 0, ME).load()
    assert not (tmp_path / "executed").exists()


class Clock:
    """Time that passes where the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(checkpoint, "time", SimpleNamespace(perf_counter=lambda: self.now))


def test_a_state_is_due_after_the_seconds_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    checkpoints = Checkpoints(tmp_path, 60, ME)
    for now, due in ((0, False), (59, False), (60, True)):
        clock.now = now
        assert checkpoints.due() == due
    checkpoints.save({})
    for now, due in ((60, False), (119, False), (120, True)):
        clock.now = now
        assert checkpoints.due() == due


def test_saving_takes_at_most_two_percent_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    checkpoints = Checkpoints(tmp_path, 10, ME)

    def slow(path: Path, data: bytes) -> None:
        clock.now += 3

    monkeypatch.setattr(checkpoint, "write_bytes", slow)
    checkpoints.save({})
    for now, due in ((3, False), (3 + 149, False), (3 + 150, True)):
        clock.now = now
        assert checkpoints.due() == due
