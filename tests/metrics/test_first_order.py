"""There is no second derivative, and whoever asks for one gets a sentence, also where another term has one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import enhance
from enhance.metrics.deep.measures import jensen_shannon, symmetric_kl, wasserstein
from enhance.metrics.tiles import Tiled

MODULE = enhance.DeepJSD(prefilter=False, padding="up")
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "deepwsd": enhance.DeepWSD(MODULE.backbone),
    "deepjsd": MODULE,
    "deepskld": enhance.DeepSKLD(MODULE.backbone),
    "tiled": Tiled(MODULE, 16, 4),
    "wasserstein": lambda x, y: wasserstein(x, y).sum(),
    "jensen_shannon": lambda x, y: jensen_shannon(x, y).sum(),
    "symmetric_kl": lambda x, y: symmetric_kl(x, y).sum(),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("backward", [True, False])
def test_a_second_derivative_is_refused(name: str, alone: bool, backward: bool, generator: torch.Generator) -> None:
    image, reference = torch.rand(2, 1, 3, 24, 24, generator=generator)
    image.requires_grad_()
    loss = LOSSES[name](image, reference)
    (first,) = torch.autograd.grad(loss if alone else loss + image.square().sum(), image, create_graph=True)
    with pytest.raises(RuntimeError, match="first derivatives only"):
        first.sum().backward() if backward else torch.autograd.grad(first.sum(), image)
