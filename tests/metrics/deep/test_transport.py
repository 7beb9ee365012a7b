"""The merge beneath the Wasserstein distance: places in the union, ties, and the gradient at kinks."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from enhance.metrics.deep import transport


def ascending(seed: int, n: int, columns: int, ties: bool, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    steps = torch.rand(n, columns, dtype=dtype, generator=generator)
    grain = 4 if ties else 1024  # levels differ by more than what makes them distinct, or not at all
    return (steps * grain).floor().cumsum(0) / grain


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 64),
    ties=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_places_are_those_in_the_union_and_the_earlier_row_comes_first_in_a_tie(
    seed: int, n: int, ties: bool, dtype: torch.dtype
) -> None:
    f, g = (ascending(seed + k, n, 5, ties, dtype) for k in range(2))
    row = torch.arange(n)
    tied, earlier = g[None] == f[:, None], (row[None] < row[:, None])[..., None]
    before_f = (g[None] < f[:, None]).sum(1) + (tied & earlier).sum(1)
    before_g = (f[None] < g[:, None]).sum(1) + (tied.transpose(0, 1) & earlier).sum(1)
    both = tied.diagonal().T  # F_i = G_i: either may come first
    place_f, place_g = (2 * row[:, None] - lead for lead in transport.rank_differences(f, transport.reversed_keys(g)))
    assert ((place_f == before_f + row[:, None]) | both).all()
    assert ((place_g == before_g + row[:, None]) | both).all()
    union = torch.cat([place_f, place_g]).sort(0).values
    assert torch.equal(union, torch.arange(2 * n)[:, None].expand(-1, 5))


def test_empty_columns_and_columns_without_an_end_are_equal_to_themselves(
    device: torch.device, dtype: torch.dtype
) -> None:
    values = torch.zeros(64, 3, device=device, dtype=dtype)
    values[10:20, 1] = 0.25
    values[:, 2] = 1e-30
    f = transport.cumulative(values)
    for p in (1.0, 1.5, 2.0, 3.0):
        value, grad = transport.distance(f, f.clone(), p, True)
        assert grad is not None
        assert (value == 0).all()
        assert (grad == 0).all()


@given(seed=st.integers(0, 10**6), row=st.integers(0, 14), p=st.sampled_from([1.0, 1.5, 2.0, 3.0]))
def test_at_a_kink_the_gradient_is_between_those_of_both_sides_and_zero_between_equals(
    seed: int, row: int, p: float
) -> None:
    f, g = (ascending(seed + k, 15, 8, True, torch.float64) + torch.arange(15.0)[:, None] for k in range(2))
    at, found = transport.distance(f, g, p, True)
    assert found is not None
    ours = found[row] - found[row + 1]
    sides = []
    for move in (-0.5, 0.5):  # the levels are whole numbers, and W is linear between them
        moved = f.clone()
        moved[row] += move
        sides.append((transport.distance(moved, g, p, False)[0] - at) / move)
    assert (ours >= sides[0] - 1e-9).all()
    assert (ours <= sides[1] + 1e-9).all()
    assert (ours[f[row] == g[row]] == 0).all()


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0])
def test_single_precision_agrees_with_double(p: float) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.rand(64, 1000, generator=generator).sub_(0.6).clamp_min_(0).square_() for _ in range(2))
    values = []
    for dtype in (torch.float32, torch.float64):
        f, g = (transport.cumulative(values.to(dtype)) for values in (x, y))
        values.append(transport.distance(f, g, p, False)[0].double())
    assert torch.allclose(*values, rtol=1e-4, atol=1e-5)


def test_cumulative_sums_never_fall(generator: torch.Generator, device: torch.device, dtype: torch.dtype) -> None:
    found = torch.rand(64, 5000, generator=generator).square_()
    total = transport.cumulative(found.to(device, dtype))
    assert (total[1:] >= total[:-1]).all()
