"""Which kernel compares the columns: the fused one of Triton, or operators of torch."""

from __future__ import annotations

import logging
import os
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from enhance.metrics.deep.measures import Wasserstein
from enhance.metrics.deep.published import LevelSpec
from enhance.metrics.deep.smoothing import SmoothedWasserstein

_log = logging.getLogger(__name__)

KERNELS = ("auto", "torch", "triton")


def uses_triton(spec: LevelSpec, columns: Tensor) -> bool:
    """Whether the fused kernel compares columns (64, B, N).

    Under torch.compile `auto` is `torch`, whose operators the compiler fuses itself.

    Raises:
        ValueError: if `kernel="triton"` is asked for where the kernel cannot run.
    """
    measure = spec.measure
    exact = isinstance(measure, Wasserstein) and measure.p == 2
    fits = exact and type(measure) in (Wasserstein, SmoothedWasserstein) and spec.distributions != "softmax"
    if spec.kernel == "auto":
        return fits and columns.device.type == "cuda" and not torch.compiler.is_compiling() and _works(columns.device)
    return spec.kernel == "triton" and _checked(fits, columns)


def _checked(fits: bool, columns: Tensor) -> bool:
    if not fits:
        raise ValueError(
            'kernel="triton" exists for Wasserstein distances of order 2, those of DeepWSD with most backbones; '
            'pass kernel="auto".'
        )
    if not has_triton():
        raise ValueError('kernel="triton" needs Triton: python -m pip install triton; or pass kernel="auto".')
    if columns.device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        raise ValueError(
            f'kernel="triton" runs on CUDA, and the images are on {columns.device}; pass kernel="auto", or to try the '
            "kernel without a GPU, slowly, set the environment variable TRITON_INTERPRET=1."
        )
    return True


@cache
def _works(device: torch.device) -> bool:
    """Whether the kernel runs on a device, tried once: Triton compiles it there, which needs a compiler of C."""
    if not has_triton():
        return False
    from enhance.metrics.deep.wasserstein_kernel import fused_wasserstein

    x = torch.rand(64, 1, 8, device=device)
    try:
        fused_wasserstein(x, x, None, None, None, gradient=True)
    except Exception as error:  # of a compiler, a driver, a linker: whatever it is, torch's operators remain
        _log.warning("Triton cannot run here, so DeepWSD takes torch's operators, which are slower: %s", error)
        return False
    return True


@cache
def has_triton() -> bool:
    """Whether Triton is installed."""
    return find_spec("triton") is not None
