"""Metrics in several processes: loss, gradient and score of two ranks are those of one on the whole batch."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from enhance.metrics.loading import load_metric

RANKS = 2

pytestmark = pytest.mark.skipif(not dist.is_available() or not dist.is_gloo_available(), reason="needs gloo")


class Model(nn.Module):
    """A layer that learns beside the loss that teaches it."""

    def __init__(self, metric: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.metric = nn.Conv2d(3, 3, 3, padding=1), load_metric(metric)

    def forward(self, image: Tensor, reference: Tensor) -> Tensor:
        return self.metric(torch.sigmoid(self.layer(image)), reference)


def batch() -> tuple[Tensor, Tensor]:
    image, reference = torch.rand(2, 2 * RANKS, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    return image, reference


def results(model: nn.Module, layer: nn.Module, images: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    loss = model(*images)
    loss.backward()
    grads = {name: _whole(parameter.grad) for name, parameter in layer.named_parameters() if parameter.grad is not None}
    return {"loss": loss.detach()} | grads


def _whole(grad: Any) -> Tensor:
    return grad.full_tensor() if hasattr(grad, "full_tensor") else grad


def score(metric: str, images: tuple[Tensor, Tensor]) -> Tensor:
    from enhance.metrics.torchmetrics import MeanScore  # torchmetrics takes longer to import than a rank to run

    quality = MeanScore(load_metric(metric))
    quality.update(*images)
    return quality.compute()


def of_one_rank(metric: str) -> dict[str, Tensor]:
    model, images = Model(metric), batch()
    return results(model, model.layer, images) | {"score": score(metric, images)}


def ddp(metric: str, images: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    model = Model(metric)
    return results(DistributedDataParallel(model), model.layer, images) | {"score": score(metric, images)}


def fsdp(metric: str, images: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    model = Model(metric)
    fully_shard(model.metric)  # type: ignore[arg-type]
    fully_shard(model)
    found = results(model, model.layer, images)
    assert not any(parameter.requires_grad for parameter in model.metric.parameters())  # type: ignore[attr-defined]
    assert list(model.state_dict()) == ["layer.weight", "layer.bias"]
    return found


def _rank(rank: int, work: Callable[..., dict[str, Tensor]], metric: str, folder: Path) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=RANKS, timeout=timedelta(seconds=120))
    try:
        found = work(metric, tuple(each.chunk(RANKS)[rank] for each in batch()))
        dist.all_reduce(found["loss"])
        found["loss"] /= RANKS
        torch.save(found, folder / f"{rank}.pt")
    finally:
        dist.destroy_process_group()


def of_two_ranks(work: Callable[..., dict[str, Tensor]], metric: str, folder: Path) -> list[dict[str, Tensor]]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["enhance.metrics.loading", "torch.distributed.fsdp"])
    processes = [context.Process(target=_rank, args=(rank, work, metric, folder)) for rank in range(1, RANKS)]
    for process in processes:
        process.start()
    _rank(0, work, metric, folder)  # this process has imported all that another would first have to
    for process in processes:
        process.join(300)
    assert not any(process.exitcode for process in processes)
    return [torch.load(folder / f"{rank}.pt") for rank in range(RANKS)]


@pytest.mark.parametrize(
    ("work", "metric"), [(ddp, "ssim"), pytest.param(ddp, "deepjsd", marks=pytest.mark.slow), (fsdp, "deepjsd")]
)
def test_two_ranks_are_one_on_the_whole_batch(work: Callable[..., Any], metric: str, tmp_path: Path) -> None:
    expected = of_one_rank(metric)
    for found in of_two_ranks(work, metric, tmp_path):
        for name, value in found.items():
            torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-7)
        assert {"loss", "weight", "bias"} <= set(found)
