"""Commands whose output nobody takes, or that lack memory: they end in a sentence, and a run keeps what it made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = "metric=mse size=16 steps=2 frames.count=2 threads=1 figures=false hydra.run.dir=made"
pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`enhance` stands for the command in a line of a shell."""
    line = line.replace("enhance", f"'{sys.executable}' -m enhance")
    return subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("enhance --version >&-", 0, ""),
        ("enhance --version <&- >&- 2>&-", 0, ""),
        ("enhance --version >/dev/full", 2, "enhance: Standard output cannot be written (No space left on device).\n"),
        ("enhance stepz=1 2>&-", 2, ""),
        ("enhance stepz=1 2>/dev/full", 2, ""),
        ("python() { PYTHONUNBUFFERED=1 enhance --version; }; python >/dev/full", 2, "enhance: Standard output cannot"),
    ],
)
def test_streams_that_take_nothing(line: str, code: int, said: str, tmp_path: Path) -> None:
    ended = shell(line, tmp_path)
    assert (ended.returncode, ended.stderr[: len(said)], "Traceback" in ended.stderr) == (code, said, False)
    assert bool(ended.stderr) == bool(said)


@pytest.mark.parametrize(
    ("redirected", "said"),
    [
        pytest.param(">&- 2>&-", "", marks=pytest.mark.slow),
        pytest.param("2>&1 | head -c 1 >&2", "r", marks=pytest.mark.slow),
        (">/dev/full", "note: Standard output cannot be written (No space left on device). The results are in "),
    ],
)
def test_a_run_of_which_nobody_reads_ends_as_any_other(redirected: str, said: str, tmp_path: Path) -> None:
    ended = shell(f"set -o pipefail; enhance {RUN} {redirected}", tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert said in ended.stderr
    assert json.loads((tmp_path / "made" / "metrics.json").read_text())["status"] == "finished"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
def test_too_little_memory_to_begin_is_a_sentence(tmp_path: Path) -> None:
    ended = shell(f"ulimit -v 1000000; enhance {RUN}", tmp_path)
    assert ended.returncode == 2
    assert "enhance: There is too little memory to begin; close other programs, or raise ulimit -v.\n" in ended.stderr
    assert "Traceback" not in ended.stderr
