"""Threads and batches change no result; a long run takes no more memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from helpers import QUICK, network, settings
from torch import Tensor

from enhance.experiment.run import run
from enhance.metrics.deep.fusion import _scales
from enhance.metrics.deep.named import DEEP_METRICS
from enhance.optim.frames import MOST
from enhance.runs.history import Row, read
from enhance.runs.progress import Progress


@pytest.mark.parametrize("name", DEEP_METRICS)
@pytest.mark.parametrize("backbone", ["squeezenet", "mobilenet"])
def test_threads_and_batches_change_no_result(name: str, backbone: str, images: tuple[Tensor, Tensor]) -> None:
    metric = DEEP_METRICS[name](network(backbone), padding="up", reduction="none")
    threads = torch.get_num_threads()
    values, gradients = {}, {}
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            image = images[0].clone().requires_grad_()
            loss = metric(image, images[1])
            loss.sum().backward()
            values[count], gradients[count] = loss.detach(), image.grad
    finally:
        torch.set_num_threads(threads)
    single = torch.cat([metric(image[None], reference[None]) for image, reference in zip(*images, strict=True)])
    for other in (values[3], single.detach()):
        torch.testing.assert_close(other, values[1], rtol=1e-5, atol=0)
    torch.testing.assert_close(gradients[3], gradients[1], rtol=0, atol=1e-5 * gradients[1].abs().max().item())


def test_threads_change_no_bit_of_a_large_sum(generator: torch.Generator) -> None:
    """Torch shares a sum among threads from 32,768 entries on, and rounds it otherwise for each number of them."""
    threads, scales = torch.get_num_threads(), []
    levels = [torch.rand(64, 40_000, generator=generator) ** 3 for _ in range(8)]
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            scales.append([_scales(level[:, None], (40_000,)).item() for level in levels])
    finally:
        torch.set_num_threads(threads)
    assert scales[0] == scales[1]


def test_threads_change_no_run(tmp_path: Path) -> None:
    threads, losses = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            folder = tmp_path / str(count)
            folder.mkdir()
            run(settings("metric=deepjsd", *QUICK, "steps=5", f"threads={count}"), folder, "a test")
            losses.append([row.loss for row in read(folder / "history.csv")])
    finally:
        torch.set_num_threads(threads)
    assert losses[0] == pytest.approx(losses[1], abs=1e-5, rel=0)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not report the memory in use")
@pytest.mark.slow
def test_ten_thousand_steps_hold_no_more_memory_than_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    used: list[int] = []
    show = Progress.show

    def watch(self: Progress, row: Row) -> None:
        show(self, row)
        if row.step % 1000 == 0:
            used.append(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))

    monkeypatch.setattr(Progress, "show", watch)
    quick = [argument for argument in QUICK if not argument.startswith(("steps=", "size=", "frames."))]
    frames = ["frames.spacing=fixed", "frames.every=1", "checkpoint=1"]
    run(settings("metric=deepjsd", *quick, "size=16", "steps=10000", *frames), tmp_path, "a test")
    with capsys.disabled():
        print([f"{value / 2**20:.1f} MiB" for value in used])
    assert used[-1] - used[2] < 8 * 2**20
    assert len(list((tmp_path / "frames").iterdir())) <= MOST + 1
    assert len(read(tmp_path / "history.csv")) == 10_001
    log = tmp_path / "run.log"
    assert not log.exists() or log.stat().st_size < 100_000
