"""How long `import enhance` and `enhance --help` take, each in a process of its own: the best and the median.

    python benchmarks/import_time.py --times 7

What Python itself needs to start is measured too and not subtracted.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import time

from enhance.utils.machine import processor

COMMANDS = {
    "python alone": ["-c", "pass"],
    "import enhance": ["-c", "import enhance"],
    "enhance --help": ["-m", "enhance", "--help"],
    "enhance stepz=1 (a typo)": ["-m", "enhance", "stepz=1"],
    "import enhance.metrics (torch)": ["-c", "import enhance.metrics"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=7)
    times = parser.parse_args().times
    print(f"Python {platform.python_version()}, {processor()}")
    print(f"{'':32}{'best':>9}{'median':>9}")
    for name, arguments in COMMANDS.items():
        seconds = []
        for _ in range(times):
            started = time.perf_counter()
            subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
            seconds.append(time.perf_counter() - started)
        print(f"{name:32}{min(seconds):7.3f} s{statistics.median(seconds):7.3f} s")


if __name__ == "__main__":
    main()
