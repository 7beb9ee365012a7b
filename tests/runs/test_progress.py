"""What a run says while it goes on."""

from __future__ import annotations

import io
from itertools import count
from types import SimpleNamespace

import pytest
from rich.console import Console

from enhance.runs import progress
from enhance.runs.history import Row
from enhance.runs.progress import Progress


def said(monkeypatch: pytest.MonkeyPatch, steps: int, seconds: float, terminal: bool) -> list[str]:
    """What a run writes whose steps take so many seconds."""
    clock, file = count(0, seconds), io.StringIO()
    monkeypatch.setattr(progress, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    monkeypatch.setattr(
        progress, "Console", lambda **_: Console(file=file, force_terminal=terminal, width=120, color_system=None)
    )
    with Progress(steps, "a run") as shown:
        for step in range(steps + 1):
            shown.show(Row(step, 0.5, 0.7, 0.1, 20.0, 0.9, 0.0))
            shown._bar.refresh()
        shown.conclude()
    return file.getvalue().splitlines()


@pytest.mark.parametrize(("seconds", "lines"), [(40, 301), (16, 151), (0.25, 11)])
def test_without_a_terminal_there_are_ten_lines_and_one_each_half_minute(
    seconds: float, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    title, *shown, end = said(monkeypatch, 300, seconds, terminal=False)
    assert (title, end) == ("a run", "drawing figures and report")
    assert len(shown) == lines
    assert shown[0] == "step 0/300  loss 0.5  PSNR 20.00 dB"
    assert shown[-1] == f"step 300/300  loss 0.5  PSNR 20.00 dB  {seconds:.2f} s/step"


@pytest.mark.parametrize("terminal", [False, True])
def test_the_time_left_shows_however_long_a_step_takes(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = said(monkeypatch, 4, 3600, terminal)
    assert any("3600.00 s/step  2:00:00 left" in line for line in lines)
    assert "drawing figures and report" in lines[-1]
