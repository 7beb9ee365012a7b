"""Results written where they belong."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def write(out: Tensor, operation: Callable[..., Tensor], *operands: Tensor) -> None:
    """Write operation(*operands) into `out`, which may be a part of a tensor: without a copy, but under torch.compile,
    which accepts no such `out=`.
    """
    if torch.compiler.is_compiling():
        out.copy_(operation(*operands))
    else:
        operation(*operands, out=out)
