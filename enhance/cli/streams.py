"""Standard streams that are closed, full, or whose reader has gone."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO


class OutputError(OSError):
    """Standard output takes no more."""


def mend_streams() -> None:
    """Make this process's standard streams such that no remark can end its work.

    What is closed is opened on the null device, lest the next file take its place. Errors of standard error, which
    carries remarks only, are ignored: its terminal or its reader may have gone. Those of standard output are raised
    once, as a BrokenPipeError or an OutputError.

    Streams that were replaced, by tests or notebooks, are left as they are.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            os.set_inheritable(opened, True)
    sys.stdin = sys.stdin or io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout = _mended(sys.stdout, sys.__stdout__, _Stream(1))
    sys.stderr = _mended(sys.stderr, sys.__stderr__, _Stream(2))


class _Stream(io.FileIO):
    """A standard stream, which goes to the null device after its first error."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)

    def write(self, data: Any, /) -> int | None:  # type: ignore[override]
        """Write bytes and return how many."""
        try:
            return super().write(data)
        except OSError as error:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            if isinstance(error, BrokenPipeError) and self.fileno() == 1:
                raise
            if self.fileno() == 1:
                raise OutputError(f"Standard output cannot be written ({error.strerror}).") from error
        return len(data)


def _mended(stream: TextIO | None, original: TextIO | None, raw: _Stream) -> TextIO:
    if stream is None:
        return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace")
    if stream is not original or os.name == "nt" or not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    buffer: Any = raw if stream.write_through else io.BufferedWriter(raw)  # the first with `python -u`
    return io.TextIOWrapper(
        buffer,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
