"""How much memory there is, and whether an error means that it has run out."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache

_UNKNOWN = 4 * 2**30  # taken where the system does not say
_KERNELS = "64"  # of oneDNN, which keeps 1024 else: 0.4 GB where images have many sizes


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory of the host or of a device has run out.

    Example:
        >>> is_out_of_memory(MemoryError())
        True
    """
    text = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
    )


def total_memory() -> int:
    """The machine's memory in bytes; 4 GB where the system does not say.

    Example:
        >>> total_memory() > 2**20
        True
    """
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN


def limit_kernels() -> None:
    """Nothing; oneDNN, which makes a kernel for each layer and size of image, keeps few of them.

    It takes effect in a process that has not computed a convolution on the CPU yet. The environment may say otherwise.

    Example:
        >>> limit_kernels()
        >>> "ONEDNN_PRIMITIVE_CACHE_CAPACITY" in os.environ
        True
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", _KERNELS)


def give_back() -> None:
    """Nothing; memory that this process has freed goes back to the system, where its C library is the GNU one.

    Images of many sizes leave gaps between what lives longer, and the next size fits into none of them.
    """
    if trim := _trim():
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another library; Windows
        return None
