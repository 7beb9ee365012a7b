"""References: prepared ones travel, and those that ask for a gradient get it."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from helpers import network
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from enhance.metrics.deep.distance import DeepDistance
from enhance.metrics.deep.named import DEEP_METRICS
from enhance.metrics.deep.pairs import Prepared
from enhance.metrics.encode import encode_once

BATCH = 2


def metric(name: str = "deepwsd", **settings: object) -> DeepDistance:
    return DEEP_METRICS[name](network("squeezenet"), padding="up", **settings)  # type: ignore[arg-type]


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    x, y = torch.rand(2, BATCH, 3, 32, 24, generator=torch.Generator().manual_seed(0))
    return x, y


class References(Dataset):
    def __init__(self, targets: list[Prepared]) -> None:
        self.targets = targets

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> Prepared:
        return self.targets[index]


def saved(target: Prepared) -> Prepared:
    file = io.BytesIO()
    torch.save(target, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def from_a_worker(target: Prepared) -> Prepared:
    return next(iter(DataLoader(References([target]), batch_size=None, num_workers=1)))


@pytest.mark.parametrize("travel", [deepcopy, lambda given: pickle.loads(pickle.dumps(given)), saved, from_a_worker])
def test_a_prepared_reference_travels(travel: Callable[[Prepared], Prepared], pair: tuple[Tensor, Tensor]) -> None:
    image, reference = pair
    deep = metric()
    target = travel(deep.prepare(reference))
    assert torch.equal(deep(image, target), deep(image, reference))
    assert torch.equal(deepcopy(deep)(image, target), deep(image, reference))


def test_a_prepared_reference_holds_no_network(pair: tuple[Tensor, Tensor]) -> None:
    target = metric().prepare(pair[1])
    tensors = [tensor for level in target.levels for tensor in (level.columns, *level.measured)]
    assert len(pickle.dumps(target)) < 1.1 * sum(tensor.nbytes for tensor in tensors)


def test_a_reference_of_other_settings_is_refused(pair: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(ValueError, match="another metric"):
        metric()(pair[0], metric(layout="spatial").prepare(pair[1]))


@pytest.mark.parametrize("references", [1, BATCH])
@pytest.mark.parametrize("name", DEEP_METRICS)
def test_both_get_their_gradients(name: str, references: int, pair: tuple[Tensor, Tensor]) -> None:
    deep = metric(name)
    image, reference = (given.clone().requires_grad_() for given in (pair[0], pair[1][:references]))
    loss = deep(image, reference)
    loss.backward()
    alone = pair[0].clone().requires_grad_()
    assert torch.equal(deep(alone, reference.detach()), loss)
    deep(alone, reference.detach()).backward()
    assert image.grad is not None
    assert alone.grad is not None
    assert torch.equal(image.grad, alone.grad)
    swapped = reference.detach().expand_as(image).clone().requires_grad_()
    deep(swapped, pair[0]).backward()
    assert swapped.grad is not None
    expected = swapped.grad if references == BATCH else swapped.grad.sum(0, keepdim=True)
    torch.testing.assert_close(reference.grad, expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


def test_the_gradient_of_a_masked_reference_is_that_of_finite_differences(pair: tuple[Tensor, Tensor]) -> None:
    deep = DEEP_METRICS["deepjsd"](deepcopy(network("vgg_compact")), padding="up").double()
    image, reference = (given[:1].double() for given in pair)
    mask = torch.zeros(1, 1, 32, 24, dtype=torch.float64)
    mask[..., 8:24, 4:20] = 1
    reference = reference.requires_grad_()
    deep(image, reference, mask).backward()
    assert reference.grad is not None
    direction = torch.rand(1, 3, 32, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) - 0.5
    with torch.no_grad():
        step = 1e-5 * direction
        rise = (deep(image, reference + step, mask) - deep(image, reference - step, mask)) / 2e-5
    torch.testing.assert_close((reference.grad * direction).sum(), rise, rtol=1e-4, atol=0)


def test_features_without_a_graph_are_not_taken_for_those_with_one(pair: tuple[Tensor, Tensor]) -> None:
    deep = metric()
    image = pair[0].clone().requires_grad_()
    with encode_once():
        deep.score(image, pair[1])
        deep(image, pair[1]).backward()
    assert image.grad is not None
