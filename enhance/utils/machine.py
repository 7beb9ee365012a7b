"""The version of this program, the name of the machine's processor, and how its memory is used."""

from __future__ import annotations

import ctypes
import platform
import sys
from pathlib import Path

VERSION = "0.2.0"
_CPUS = Path("/proc/cpuinfo")  # Linux

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)


def keep_freed_memory() -> None:
    """Let this process keep what it frees, for its next step, where the C library is glibc; elsewhere nothing happens.

    Each step of a run frees and asks for the same few hundred megabytes. By default glibc hands them back and the
    system clears every page anew, depending on what happens to lie on top: up to a fifth of a step's time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:  # musl, macOS, Windows
        return
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    if not mallopt(_MMAP_THRESHOLD, 2**30):
        mallopt(_MMAP_THRESHOLD, 2**25)  # the most that glibc before 2.35 takes


def processor() -> str:
    """The model of the processor, e.g. `AMD EPYC 7763 64-Core Processor`; its architecture if unknown."""
    try:
        lines = _CPUS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
