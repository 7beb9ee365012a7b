"""The distance that was published for MobileNet is POT's to the last bit, its gradient too."""

from __future__ import annotations

import ot
import pytest
import torch

from enhance.metrics.deep.quantiles import quantile_distance


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize("masses", ["signed", "positive", "tied"])
def test_value_and_gradient_are_those_of_pot(p: float, precision: torch.dtype, masses: str) -> None:
    generator = torch.Generator().manual_seed(5)
    x, y = (torch.randn(17, 300, dtype=precision, generator=generator) for _ in range(2))
    if masses == "positive":
        x, y = x.abs(), y.abs()
    if masses == "tied":
        x, y = x.round(), y.round()
    grid = torch.arange(len(x), dtype=precision)[:, None].expand_as(x)
    x.requires_grad_()
    theirs = ot.wasserstein_1d(grid, grid, x, y, p=p)  # type: ignore[arg-type]
    ours = quantile_distance(x, y, p)
    assert torch.equal(ours, theirs)  # type: ignore[arg-type]
    gradients = [torch.autograd.grad(value.sum(), x)[0] for value in (ours, theirs)]  # type: ignore[union-attr]
    assert torch.equal(*gradients)
    assert gradients[0].abs().sum() > 0
