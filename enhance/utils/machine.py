"""The version of this program, and the name of the machine's processor."""

from __future__ import annotations

import platform
from pathlib import Path

VERSION = "0.2.0"
_CPUS = Path("/proc/cpuinfo")  # Linux


def processor() -> str:
    """The model of the processor, e.g. `AMD EPYC 7763 64-Core Processor`; its architecture if unknown."""
    try:
        lines = _CPUS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
