"""Errors that end a run, in a sentence that says how to mend them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from enhance.images.arrays import ImageError
from enhance.utils.errors import SettingsError
from enhance.utils.files import sentence
from enhance.utils.memory import is_out_of_memory


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """Say how to go on where the disk does not take any more, or a second Ctrl-C stops at once."""
    try:
        yield
    except KeyboardInterrupt:
        if folder.is_dir():
            print(f"stopped at once; {resume_command(folder)} goes on", file=sys.stderr)
        raise
    except (OSError, ImageError) as error:
        if not folder.is_dir():
            raise OSError(f"The run had to stop: its folder {folder} was removed or moved while it ran.") from error
        raise OSError(
            f"The run had to stop: {sentence(error)} What is written is whole; once that is mended, "
            f"{resume_command(folder)} goes on."
        ) from error


@contextmanager
def explained(compiled: bool) -> Iterator[None]:
    """Say which setting asks too much of this machine: its memory, or `compile` where it was asked for."""
    try:
        yield
    except (RuntimeError, AssertionError, MemoryError) as error:
        if is_out_of_memory(error):
            raise SettingsError(
                "The run needs more memory than there is; make it smaller: size=N, tile=256."
            ) from error
        if compiled:
            reason = str(error).partition("\n")[0][:120]
            raise SettingsError(f"compile=true does not work here ({reason}); leave it out.") from error
        raise


def resume_command(folder: Path) -> str:
    """The command that resumes a run."""
    return f"python -m enhance {shlex.quote(f'resume={folder}')}"
