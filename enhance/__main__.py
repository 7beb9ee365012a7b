"""python -m enhance."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from types import FrameType

# OpenMP's threads that wait for each other spin, then sleep. If they spin long, at each of a thousand small operators,
# a step takes ten times as long wherever another program takes a core; if they sleep at once, a step on an idle
# machine takes nearly twice as long. The variable is read when torch loads.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

_HANGUP = getattr(signal, "SIGHUP", signal.SIGTERM)  # Windows has none
_NO_ROOM = ("failed to map segment", "annot allocate memory")  # of the dynamic linker, about a library
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)


def main() -> None:
    """Entry point of `enhance` and of `python -m enhance`: it ends without a traceback, with Ctrl-C and SIGTERM, a
    terminal that is closed, output that nobody reads, or too little memory to begin.
    """
    from enhance.cli.streams import OutputError, mend_streams

    mend_streams()
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    if signal.getsignal(_HANGUP) is signal.SIG_DFL:  # not with nohup
        signal.signal(_HANGUP, _as_ctrl_c)
    try:
        from enhance.cli.main import main as command

        keep_freed_memory()
        try:
            command()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read, `head` say, has seen enough; nothing may be flushed at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except (MemoryError, ImportError) as error:
        if isinstance(error, ImportError) and not any(said in str(error) for said in _NO_ROOM):
            raise
        print(
            "enhance: There is too little memory to begin; close other programs, or raise ulimit -v.", file=sys.stderr
        )
        sys.exit(2)
    except OutputError as error:
        print(f"enhance: {error}", file=sys.stderr)
        sys.exit(2)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to do but to exit with the right code


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


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    """What schedulers and containers send before they kill does what Ctrl-C does, also where that is ignored."""
    if number == _HANGUP:  # a shell that ends sends another
        signal.signal(number, signal.SIG_IGN)
    answer = signal.getsignal(signal.SIGINT)
    if not callable(answer):
        raise KeyboardInterrupt
    answer(number, frame)


if __name__ == "__main__":
    main()
