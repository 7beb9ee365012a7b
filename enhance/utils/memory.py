"""Whether an error means that memory has run out."""

from __future__ import annotations


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
