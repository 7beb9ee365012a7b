"""SHA-256 of files, tensors and scripts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_tensor(tensor: Tensor) -> str:
    """SHA-256 of a tensor's values, in hexadecimal."""
    return hashlib.sha256(_bytes(tensor)).hexdigest()


def hash_tensors(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of named tensors such as a state dict, in hexadecimal; their order does not count.

    Example:
        >>> import torch
        >>> hash_tensors(torch.nn.ReLU().state_dict())[:8]
        'e3b0c442'
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()  # numpy has no bfloat16
