"""The measures against POT, SciPy's formulas and finite differences."""

from __future__ import annotations

import numpy as np
import ot
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from enhance.metrics.deep.measures import SymmetricKL, apply_measure, jensen_shannon, symmetric_kl, wasserstein

FUNCTIONS = {"wasserstein": wasserstein, "jensen_shannon": jensen_shannon, "symmetric_kl": symmetric_kl}
LOGITS = arrays(np.float64, (5, 3), elements=st.floats(-20, 20))


@st.composite
def distributions(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Two (n, columns) matrices of non-negative distributions, with unequal totals, ties, zeros and empty columns."""
    shape = (draw(st.integers(1, 12)), draw(st.integers(1, 4)))
    entries = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0]))
    return tuple(torch.from_numpy(draw(arrays(np.float64, shape, elements=entries))) for _ in range(2))  # type: ignore[return-value]


def oracle(x: Tensor, y: Tensor, p: float) -> Tensor:
    grid = torch.arange(len(x), dtype=x.dtype)[:, None].expand_as(x)
    return ot.wasserstein_1d(grid, grid, x, y, p=p)  # type: ignore[return-value, arg-type]


@given(pair=distributions(), p=st.sampled_from([1.0, 1.5, 2.0, 3.0]))
def test_wasserstein_is_what_pot_says(pair: tuple[Tensor, Tensor], p: float) -> None:
    x, y = pair
    expected = oracle(x, y, p)
    assert torch.allclose(wasserstein(x, y, p, dim=0), expected, rtol=1e-10, atol=1e-10)


@given(
    seed=st.integers(0, 10**6), n=st.integers(2, 64), p=st.sampled_from([1.0, 1.5, 2.0, 3.0]), scale=st.floats(0.3, 3)
)
def test_its_gradient_is_what_pot_says_away_from_ties(seed: int, n: int, p: float, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.rand(n, 4, dtype=torch.float64, generator=generator).requires_grad_() for _ in range(2))
    ours = torch.autograd.grad(wasserstein(x, y * scale, p, dim=0).sum(), (x, y))
    theirs = torch.autograd.grad(oracle(x, y * scale, p).sum(), (x, y))
    for our, their in zip(ours, theirs, strict=True):
        assert torch.allclose(our, their, rtol=1e-8, atol=1e-8)


@given(x=LOGITS, y=LOGITS)
def test_jensen_shannon_and_symmetric_kl_are_the_textbook_formulas(x: np.ndarray, y: np.ndarray) -> None:
    p, q = (np.exp(v - v.max(0)) / np.exp(v - v.max(0)).sum(0) for v in (x, y))
    m = (p + q) / 2
    expected = {
        "jensen_shannon": ((p * np.log(p / m)).sum(0) + (q * np.log(q / m)).sum(0)) / 2,
        "symmetric_kl": ((p * np.log(p / q)).sum(0) + (q * np.log(q / p)).sum(0)) / 2,
    }
    for name, values in expected.items():
        ours = FUNCTIONS[name](torch.from_numpy(x), torch.from_numpy(y), dim=0)
        assert np.allclose(ours.numpy(), values, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients_are_those_of_the_cpu_in_double_precision(
    name: str, device: torch.device, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 40, 64, dtype=torch.float64, generator=generator)
    exact = x.clone().requires_grad_()
    expected = FUNCTIONS[name](exact, y)
    expected.sum().backward()
    image = x.to(device, dtype).requires_grad_()
    value = FUNCTIONS[name](image, y.to(device, dtype))
    value.sum().backward()
    assert (value.device.type, value.dtype) == (device.type, dtype)
    assert image.grad is not None
    assert exact.grad is not None
    torch.testing.assert_close(value.detach().cpu().double(), expected.detach(), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(
        image.grad.cpu().double(), exact.grad, rtol=1e-2, atol=1e-3 * exact.grad.abs().max().item()
    )


@pytest.mark.parametrize("name", ["jensen_shannon", "symmetric_kl"])
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(3, 7, dtype=torch.float64, generator=generator).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: FUNCTIONS[name](a, b), (x, y))


def test_the_floor_is_added_inside_the_log_of_the_second_argument() -> None:
    x, y = (
        torch.tensor([[0.0], [-60.0], [2.0]], dtype=torch.float64),
        torch.tensor([[-70.0], [0.0], [1.0]], dtype=torch.float64),
    )
    p, q = torch.softmax(x, 0), torch.softmax(y, 0)
    floor = 1e-17
    expected = ((p * (p.log() - (q + floor).log())).sum(0) + (q * (q.log() - (p + floor).log())).sum(0)) / 2
    measure = SymmetricKL(floor)
    assert torch.allclose(apply_measure(measure, x, y, 0), expected, rtol=1e-9)
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda a: apply_measure(measure, a, y, 0), (x,))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(64,), (3, 64), (2, 3, 64)])
def test_zero_with_zero_gradient_at_identity(
    name: str, shape: tuple[int, ...], device: torch.device, dtype: torch.dtype
) -> None:
    x = torch.rand(shape, dtype=dtype, generator=torch.Generator().manual_seed(0)).to(device).requires_grad_()
    value = FUNCTIONS[name](x, x.detach().clone())
    assert value.shape == shape[:-1]
    assert (value == 0).all()
    value.sum().backward()
    assert x.grad is not None
    assert x.grad.abs().max() < 1e-7


@pytest.mark.parametrize("name", ["jensen_shannon", "symmetric_kl"])
def test_extreme_logits_stay_finite(name: str, device: torch.device, dtype: torch.dtype) -> None:
    x = torch.tensor([500.0, -500.0, 0.0], device=device, dtype=dtype).requires_grad_()
    value = FUNCTIONS[name](x, torch.tensor([-500.0, 500.0, 0.0], device=device, dtype=dtype))
    value.backward()
    assert x.grad is not None
    assert torch.isfinite(value)
    assert torch.isfinite(x.grad).all()


def test_any_dimension_can_be_reduced(device: torch.device, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.rand(4, 5, 6, generator=generator, dtype=dtype).to(device) for _ in range(2))
    for dim in (0, 1, 2):
        moved = wasserstein(x.movedim(dim, -1), y.movedim(dim, -1))
        assert torch.allclose(wasserstein(x, y, dim=dim), moved)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_no_columns_are_no_distances(p: int) -> None:
    assert wasserstein(torch.rand(0, 3), torch.rand(0, 3), p).shape == (0,)


def test_unequal_shapes_absent_dims_and_p_below_one_are_refused() -> None:
    x = torch.rand(4)
    with pytest.raises(ValueError, match="same shape"):
        wasserstein(x, torch.rand(5))
    with pytest.raises(ValueError, match="at least 1"):
        wasserstein(x, x, p=0.5)
    with pytest.raises(ValueError, match="Both must be tensors"):
        wasserstein(x, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no dim=-1"):
        wasserstein(torch.tensor(1.0), torch.tensor(1.0))
    with pytest.raises(ValueError, match="no dim=9"):
        wasserstein(x, x, dim=9)
    with pytest.raises(ValueError, match="at least one entry"):
        wasserstein(torch.zeros(2, 0), torch.zeros(2, 0))
