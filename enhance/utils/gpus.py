"""A GPU for each process of a sweep on this machine. Ray and Slurm give their jobs GPUs themselves."""

from __future__ import annotations

import getpass
import os
import re
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

POOL = "ENHANCE_GPUS"  # the names of the GPUs that a sweep may use, e.g. 0,1
VISIBLE = "CUDA_VISIBLE_DEVICES"
_ANY = ("auto", "cuda")  # devices that leave it open which GPU is meant

_PROCESSES = "joblib"  # the launcher whose jobs are processes of this machine
_locks: list[Any] = []  # the lock of this process, until it ends


def available() -> list[str]:
    """The GPUs that a sweep may use, by the names that CUDA_VISIBLE_DEVICES takes; empty where there are none.

    The variable ENHANCE_GPUS names them; without it they are those that torch finds.
    """
    if (given := os.environ.get(POOL)) is not None:
        return _names(given)
    import torch

    found = torch.cuda.device_count()  # asks the driver's library, and leaves CUDA as it is
    return _names(os.environ.get(VISIBLE, ",".join(map(str, range(found)))))[:found]


def jobs_at_once(device: str) -> int:
    """How many jobs run side by side: one for each GPU, or -1, one for each core, where none is used."""
    return (len(available()) if device in _ANY else 0) or -1


def gpus_per_job(device: str, address: str | None = None) -> int:
    """How many GPUs each job asks Ray for.

    Args:
        device: of the run. `auto` is a GPU where this machine has one and the cluster is this machine.
        address: of the cluster; None: this machine.
    """
    if device.startswith("cuda"):
        return 1
    return int(device == "auto" and address is None and bool(available()))


def offer(launcher: str, device: str) -> None:
    """Let the processes that a launcher starts take GPUs from a pool; called before there are any.

    Args:
        launcher: the class.
        device: of the runs.
    """
    if _PROCESSES in launcher and device in _ANY and (names := available()):
        os.environ[POOL] = ",".join(names)


def of_job(launcher: str, device: str) -> str | None:
    """The GPUs that a job has to itself, as CUDA_VISIBLE_DEVICES names them; None where it has none.

    It must be called before CUDA is used.

    Args:
        launcher: the class; those of Ray and Slurm have chosen already.
        device: of the run.
    """
    if device not in _ANY:
        return None
    return take() if _PROCESSES in launcher else os.environ.get(VISIBLE)


def take() -> str | None:
    """Show CUDA one GPU of the pool for as long as this process lives, and return its name; None without a pool.

    Each process has a GPU of its own; where there are more processes, in this sweep or another of this user, the GPU is
    one that the fewest of them have.
    """
    names = _names(os.environ.get(POOL, ""))
    if not names:
        return None
    if not _locks:
        os.environ[VISIBLE] = _locked(names)
    return os.environ[VISIBLE]


def _locked(names: list[str]) -> str:
    """The first GPU that is free, which this process locks; the system unlocks it however the process ends."""
    from filelock import FileLock, Timeout

    folder = Path(tempfile.gettempdir()) / f"enhance-gpus-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for share in count():
        for name in names:
            lock = FileLock(folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', name)}.{share}.lock")
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
            _locks.append(lock)
            return name
    raise AssertionError("count() does not end")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
