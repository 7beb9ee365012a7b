"""Reading ahead: the same images in the same order from processes, threads and this process; what is bounded."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

from enhance.images.pictures import load_image
from enhance.images.reading import Picture
from enhance.images.writing import save_image
from enhance.scoring import Pair, reading
from enhance.scoring.reading import (
    Item,
    Read,
    Reader,
    default_workers,
    in_order,
    packed,
    read_ahead,
    read_in_threads,
    shared_references,
    unpacked,
)
from enhance.scoring.sources import open_source


@pytest.fixture
def items(tmp_path: Path, generator: torch.Generator) -> list[Item]:
    pairs = []
    for number in range(12):
        files = [tmp_path / f"{kind}{number}.png" for kind in ("r", "i")]
        for file in files:
            save_image(torch.rand(1, 3, 8 + number, 9, generator=generator), file)
        pairs.append(Pair(str(files[0]), str(files[1])))
    (tmp_path / "i5.png").write_text("no image")
    return in_order([*pairs, Pair(pairs[0].reference, pairs[1].image)], shared_references(pairs))


def compared(read: Read) -> tuple[object, ...]:
    sums = (None if image is None else float(unpacked(image).sum()) for image in (read.image, read.reference))
    return (read.item, *sums, read.reasons, read.digests, read.large)


def test_processes_threads_and_this_process_read_the_same(items: list[Item]) -> None:
    alone = [compared(read) for read in read_ahead(items, workers=0)]
    assert [compared(read) for read in read_ahead(items, workers=2)] == alone
    assert [compared(read) for read in read_in_threads(items, open_source, 3)] == alone
    assert sum(bool(read[3][0]) for read in alone) == 1  # type: ignore[index]


def test_images_too_large_to_wait_are_read_by_whoever_scores(
    items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [compared(read) for read in read_ahead(items, workers=0)]
    assert sum(read.large for read in map(Reader(items, most=2 * 12 * 9).__getitem__, range(len(items)))) == 6
    monkeypatch.setattr(reading, "_room", lambda workers: 2 * 12 * 9)
    assert [compared(read) for read in read_ahead(items, workers=1)] == alone


def test_what_waits_takes_a_share_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "total_memory", lambda: 2**30)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 64 * 2**20}))
    assert reading._room(2) * 2 * reading._AHEAD * 12 <= 2**30 / 8
    if os.path.isdir("/dev/shm"):
        assert reading._room(2) * 2 * reading._AHEAD * 12 == 32 * 2**20


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # torch raises in destructors too
def test_a_worker_that_is_killed_loses_nothing(items: list[Item]) -> None:
    alone = [compared(read) for read in read_ahead(items, workers=0)]
    parent = os.getpid()

    def killed(name: str) -> Picture:
        if os.getpid() != parent and name.endswith("i7.png"):
            os.kill(os.getpid(), signal.SIGKILL)
        return open_source(name)

    said: list[str] = []
    assert [compared(read) for read in read_ahead(items, killed, workers=2, say=said.append)] == alone
    assert len(said) == 1
    assert "was killed" in said[0]


@pytest.mark.parametrize("depth", [8, 16])
def test_packed_images_come_back_in_every_bit(depth: int, tmp_path: Path, generator: torch.Generator) -> None:
    image = torch.rand(1, 3, 9, 9, generator=generator)
    if depth == 8:
        save_image(image, tmp_path / "a.png")
        image = load_image(tmp_path / "a.png")
    assert packed(image).dtype == (torch.uint8 if depth == 8 else torch.float32)
    assert torch.equal(unpacked(packed(image)), image)


@pytest.mark.parametrize(("pairs", "cores", "workers"), [(3, 8, 0), (500, 1, 1), (500, 2, 1), (500, 64, 8)])
def test_few_pairs_start_no_workers(pairs: int, cores: int, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(cores), raising=False)
    assert default_workers(pairs) == workers
