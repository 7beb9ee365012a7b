"""The device of a run or a command."""

from __future__ import annotations

import torch

from enhance.utils.errors import SettingsError

_CPU = torch.device("cpu")


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is a CUDA device, else the GPU of a Mac, else the CPU: the first that computes.

    Raises:
        SettingsError: for a device that this machine does not have.
    """
    if name == "auto":
        found = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
        return next((torch.device(kind) for kind, there in found.items() if there() and _computes(kind)), _CPU)
    if not _computes(name):
        raise SettingsError(
            f"device={name} is not available here; take device=auto, device=cpu or, with a GPU, device=cuda."
        )
    return torch.device(name)


def _computes(name: str) -> bool:
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError, NotImplementedError):
        return False
    return True
