"""python -m enhance."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Entry point of `enhance` and of `python -m enhance`: Ctrl-C ends it without a traceback, at any moment."""
    try:
        from enhance.cli import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to do but to exit with the right code


if __name__ == "__main__":
    main()
