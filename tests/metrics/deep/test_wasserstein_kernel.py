"""The fused Triton kernel: on CUDA where there is one, else by Triton's interpreter, in a process that has it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

pytest.importorskip("triton", reason="Triton is not installed")

from enhance.metrics.deep.fusion import Compared, PreparedLevels, compare, level_distances
from enhance.metrics.deep.kernels import _works, uses_triton
from enhance.metrics.deep.measures import JensenShannon, Wasserstein
from enhance.metrics.deep.named import DeepWSD
from enhance.metrics.deep.published import LevelSpec, level_spec
from enhance.metrics.deep.smoothing import smoothed

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
ROWS = 8 if INTERPRETED else 64  # any power of two; the interpreter's time grows with them
PRECISIONS = (torch.float32, torch.float64)
SIZES = (4, 5)  # not a multiple of what a program takes

runs = pytest.mark.skipif(DEVICE.type != "cuda" and not INTERPRETED, reason="runs in the interpreter's process")


@pytest.mark.skipif(DEVICE.type == "cuda" or INTERPRETED, reason="the kernel runs here")
def test_the_interpreter_passes_these_tests() -> None:
    """Triton reads the variable when it is imported, and other tests import it."""
    command = [sys.executable, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", __file__]
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.split()[0].count(".") == 10, f"one is skipped there: {ended.stdout}"


def columns(dtype: torch.dtype, rows: int = ROWS) -> tuple[Tensor, Tensor]:
    """Features of which many are zero, some columns equal and some empty."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, rows, 2, sum(SIZES), dtype=dtype, generator=generator).sub(0.4).clamp_min(0)
    x[:, 0, :3] = y[:, 0, :3]
    x[:, 1, 5], y[:, 1, 5:7] = 0, 0
    return x.to(DEVICE), y.to(DEVICE)


def both(spec: LevelSpec, dtype: torch.dtype, references: int, gradient: bool) -> tuple[Compared, Compared]:
    x, y = columns(dtype)
    prepared = PreparedLevels(SIZES, y[:, :references])
    fused, plain = (compare(x, prepared, replace(spec, kernel=kernel), gradient) for kernel in ("triton", "torch"))
    return fused, plain


PUBLISHED, RAW = level_spec("deepwsd", "vgg19"), LevelSpec(Wasserstein(2), eps=None)
CASES = [(*case, precision) for case in product((PUBLISHED, RAW), (0.0, 3.0)) for precision in PRECISIONS]
if INTERPRETED:  # each two of the three together once
    CASES = [CASES[index] for index in (0, 3, 5, 6)]


@runs
@pytest.mark.parametrize(("spec", "amount", "precision"), CASES)
def test_it_equals_the_operators_of_torch(spec: LevelSpec, amount: float, precision: torch.dtype) -> None:
    fused, plain = both(smoothed(spec, amount), precision, 2 if amount else 1, True)
    tolerance = 1e-6 if precision == torch.float32 else 1e-13
    for one, other in zip(vars(fused).values(), vars(plain).values(), strict=True):
        if other is None:
            assert one is None
            continue
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * other.abs().max().item())


@runs
def test_it_equals_pot_in_double_precision() -> None:
    ot = pytest.importorskip("ot")
    x, y = (each[:, :1] + 1e-3 for each in columns(torch.float64, 64))
    x, y = x / x.sum(0), y / y.sum(0)
    spec = LevelSpec(Wasserstein(2), eps=None, kernel="triton")
    found = compare(x, PreparedLevels(SIZES, y), spec, False).distances.cpu().numpy()
    grid = np.arange(64.0)
    expected = [
        ot.wasserstein_1d(grid, grid, one, other, p=2)
        for one, other in zip(*(given.cpu().numpy().reshape(64, -1).T for given in (x, y)), strict=True)
    ]
    np.testing.assert_allclose(found.reshape(-1), expected, rtol=1e-9, atol=1e-12)


@runs
def test_equal_columns_have_zero_distance_and_gradient() -> None:
    _, y = columns(torch.float32)
    x = y.clone().requires_grad_()
    spec = level_spec("deepwsd", "vgg19")
    distances = level_distances(x, PreparedLevels(SIZES, y), replace(spec, kernel="triton"))
    distances.sum().backward()
    assert not distances.any()
    assert x.grad is not None
    assert not x.grad.any()


def test_auto_takes_it_on_cuda_only() -> None:
    x, _ = columns(torch.float32)
    spec = level_spec("deepwsd", "vgg19")
    assert uses_triton(spec, x) == (DEVICE.type == "cuda")
    assert not uses_triton(spec, x.cpu())
    assert not uses_triton(replace(spec, measure=JensenShannon()), x)


def test_what_it_cannot_compare_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    x = columns(torch.float32)[0].cpu()
    spec = replace(level_spec("deepwsd", "vgg19"), kernel="triton")
    with pytest.raises(ValueError, match="order 2"):
        uses_triton(replace(spec, measure=Wasserstein(1)), x)
    with pytest.raises(ValueError, match="order 2"):
        uses_triton(replace(spec, distributions="softmax"), x)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(ValueError, match="runs on CUDA"):
        uses_triton(spec, x)
    with pytest.raises(ValueError, match="kernel"):
        DeepWSD(kernel="cuda")


@runs
@pytest.mark.parametrize("fails", [False, True])
def test_where_the_kernel_does_not_run_torch_does(
    fails: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no C compiler")

    if fails:
        monkeypatch.setattr("enhance.metrics.deep.wasserstein_kernel.fused_wasserstein", broken)
    assert _works.__wrapped__(DEVICE) == (not fails)
    assert ("no C compiler" in caplog.text) == fails
