"""What a step dispatches on a GPU and holds there, counted on meta tensors, which take the same branch."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from helpers import network
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from enhance.backbones.network import Backbone, load
from enhance.metrics.deep import folding
from enhance.metrics.deep.distance import DeepDistance
from enhance.metrics.deep.fusion import prepare_levels
from enhance.metrics.deep.named import DEEP_METRICS
from enhance.metrics.deep.published import level_spec

BEYOND_NETWORK = {"deepwsd": 350, "deepjsd": 120, "deepskld": 120}
SIDE_OF_2_MEGAPIXELS = 1408


class Counted(TorchDispatchMode):
    """Counts operators that are no views, and the bytes that live at most in tensors made while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.operators = self.bytes = self.most = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._known.update(self._storages(args, kwargs))
        result = func(*args, **(kwargs or {}))
        self.operators += not (func.is_view or func is torch.ops.aten.detach.default)
        for key, storage in self._storages(result).items():
            if key not in self._known:
                self._known.add(key)
                self.bytes += storage.nbytes()
                self.most = max(self.most, self.bytes)
                weakref.finalize(storage, self._freed, key, storage.nbytes())
        return result

    def _freed(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.bytes -= size

    @staticmethod
    def _storages(*given: Any) -> dict[int, torch.UntypedStorage]:
        tensors = (leaf for leaf in tree_leaves(given) if isinstance(leaf, Tensor))
        return {(storage := tensor.untyped_storage())._cdata: storage for tensor in tensors}


@pytest.fixture(scope="module")
def vgg19() -> Backbone:
    return load("vgg19", "untrained").to("meta")


def count(work: Callable[[], object]) -> Counted:
    with Counted() as counted:
        work()
    return counted


def image(batch: int, size: int) -> Tensor:
    return torch.empty(batch, 3, size, size, device="meta", requires_grad=True)


def metric(name: str, backbone: Backbone) -> DeepDistance:
    return DEEP_METRICS[name](backbone, prefilter=False, check_range=False, kernel="torch").smoothed(100.0)


def of_network(backbone: Backbone, batch: int, size: int) -> Counted:
    """A pass forward and one backward from all feature maps."""
    with torch.no_grad():
        like = [torch.empty_like(level) for level in backbone(image(batch, size))]
    return count(lambda: torch.autograd.backward(backbone(image(batch, size)), like))


def of_step(name: str, backbone: Backbone, batch: int, references: int, size: int) -> Counted:
    deep = metric(name, backbone)
    target = deep.prepare(image(references, size).detach())
    return count(lambda: deep(image(batch, size), target).backward())


@pytest.mark.parametrize("name", DEEP_METRICS)
def test_a_step_dispatches_few_operators(name: str, vgg19: Backbone) -> None:
    operators = of_step(name, vgg19, 1, 1, 256).operators - of_network(vgg19, 1, 256).operators
    assert operators <= BEYOND_NETWORK[name]


@pytest.mark.parametrize("size", [256, 512])
@pytest.mark.parametrize("name", DEEP_METRICS)
def test_a_step_dispatches_as_many_operators_for_a_batch_as_for_an_image(name: str, size: int, vgg19: Backbone) -> None:
    one, eight, beside_one = (of_step(name, vgg19, *batches, size).operators for batches in ((1, 1), (8, 8), (8, 1)))
    assert eight <= 1.05 * one
    assert beside_one <= 1.12 * one  # one reference is repeated for all images


@pytest.mark.parametrize("size", [256, 512])
@pytest.mark.parametrize("name", DEEP_METRICS)
def test_scoring_dispatches_as_many_operators_for_a_batch_as_for_an_image(
    name: str, size: int, vgg19: Backbone
) -> None:
    deep = DEEP_METRICS[name](vgg19, prefilter=False, check_range=False, kernel="torch")
    one, eight = (
        count(lambda batch=batch: deep.scores(image(batch, size), image(batch, size))).operators for batch in (1, 8)
    )
    assert eight <= 1.05 * one
    assert size > 256 or one <= 300


@pytest.mark.parametrize("name", DEEP_METRICS)
def test_blocks_bound_the_memory_of_a_large_step(name: str, vgg19: Backbone) -> None:
    step, alone = of_step(name, vgg19, 1, 1, SIDE_OF_2_MEGAPIXELS), of_network(vgg19, 1, SIDE_OF_2_MEGAPIXELS)
    assert step.most - alone.most <= 1.5e9


@pytest.mark.parametrize("name", DEEP_METRICS)
def test_blocks_bound_the_memory_of_a_large_batch(name: str, vgg19: Backbone) -> None:
    """Beyond 8 images the blocks stay as large: only the gradient and the columns grow."""
    beyond = {
        batch: of_step(name, vgg19, batch, batch, 256).most - of_network(vgg19, batch, 256).most for batch in (8, 32)
    }
    assert beyond[32] <= 2.5 * beyond[8]


def test_a_reference_for_the_fused_kernel_holds_its_columns_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = torch.rand(64, 1, 6)
    spec = level_spec("deepwsd", "vgg19")
    assert prepare_levels(columns, (6,), spec).measured
    monkeypatch.setattr("enhance.metrics.deep.fusion.uses_triton", lambda *_: True)
    assert not prepare_levels(columns, (6,), spec).measured


@pytest.mark.parametrize(
    ("name", "backbone", "amount", "reference_batch"),
    [
        *((name, "vgg_compact", amount, batch) for name in DEEP_METRICS for amount, batch in ((0.0, 1), (10.0, 3))),
        *(("deepwsd", backbone, 0.0, 3) for backbone in ("mobilenet", "efficientnet")),
    ],
)
def test_levels_side_by_side_are_compared_as_one_by_one(
    name: str, backbone: str, amount: float, reference_batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The branch of the GPU, computed on a CPU, with several groups of levels and blocks."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 3, 3, 32, 24, generator=generator)
    deep = DEEP_METRICS[name](network(backbone), padding="up", prefilter=False, kernel="torch").smoothed(amount)

    def results() -> tuple[Tensor, Tensor, Tensor]:
        given, reference = x.clone().requires_grad_(), y[:reference_batch]
        layers = deep.layers(given, reference)
        assert torch.equal(layers, deep.layers(given, deep.prepare(reference)))
        deep(given, reference).backward()
        assert given.grad is not None
        return layers.detach(), given.grad, deep.map(x, reference)

    expected = results()
    monkeypatch.setattr(folding, "cached", lambda device: False)
    for columns in (folding.LAUNCHED, 70):
        monkeypatch.setattr(folding, "LAUNCHED", columns)
        for found, wanted in zip(results(), expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5 * wanted.abs().max().item())
