"""What a run shows while it goes on: a live bar on a terminal or in a notebook with ipywidgets, a line now
and then elsewhere."""

from __future__ import annotations

import io
import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Column, Table

from enhance.runs.history import Row
from enhance.utils.files import sentence

_LINES, _SILENCE = 10, 30.0  # without a terminal: how many lines, and the seconds after which there is one more
_RECENT = 20  # steps from which the time left is estimated


def in_notebook() -> bool:
    """Whether output goes to a cell of a notebook."""
    return Console().is_jupyter


class Progress:
    """Step, loss, PSNR, step time and what remains, on standard error; the summary at the end on standard output."""

    def __init__(self, steps: int, title: str, notes: Sequence[str] = ()) -> None:
        self._steps, self._said = steps, time.perf_counter()
        self._times: deque[tuple[int, float]] = deque(maxlen=_RECENT)  # a step, and when it was shown
        self._console = Console(stderr=True, highlight=False)
        widgets = self._console.is_jupyter and find_spec("ipywidgets") is not None
        self._live = self._console.is_terminal or widgets
        for note in notes:
            self._console.print(f"note: {note}", markup=False)
        columns = (
            BarColumn(bar_width=None),
            TextColumn("{task.completed}/{task.total}", table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[figures]}", table_column=Column(no_wrap=True)),
        )
        self._bar = Bar(*columns, console=self._console, disable=not self._live)
        self._task = self._bar.add_task(title, total=steps, figures="")
        self._console.print(title, markup=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, row: Row) -> None:
        """Show one step."""
        now = time.perf_counter()
        quality = "the reference itself" if math.isinf(row.psnr) else f"PSNR {row.psnr:.2f} dB"
        figures = f"loss {row.loss:.4g}  {quality}{self._pace(row.step, now)}"
        self._bar.update(self._task, completed=row.step, figures=figures)
        due = row.step % max(1, self._steps // _LINES) == 0 or now - self._said >= _SILENCE
        if not self._live and due:
            self._said = now
            self._console.print(f"step {row.step}/{self._steps}  {figures}", markup=False)

    def _pace(self, step: int, now: float) -> str:
        """How long a step takes, and the rest if it goes on like this."""
        self._times.append((step, now))
        first, began = self._times[0]
        if step == first:
            return ""
        seconds = (now - began) / (step - first)
        left = timedelta(seconds=round(seconds * (self._steps - step)))
        return f"  {seconds:.2f} s/step" + (f"  {left} left" if left else "")

    def conclude(self) -> None:
        """Say that all steps are made, and what takes the time that is left."""
        self._bar.stop()
        self._console.print("drawing figures and report", markup=False)

    def summarise(self, results: Mapping[str, Any], folder: Path) -> None:
        """Print the results and the folder; a stream that is closed is no error."""
        self._bar.stop()
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("", "loss", "score", "PSNR dB", "SSIM"):
            table.add_column(heading, justify="left" if not heading else "right")
        for name in ("initial", "best"):
            figures = results[name]
            table.add_row(
                name,
                *(
                    _figure(figures.get(key), digits)
                    for key, digits in (("loss", 5), ("score", 4), ("psnr", 2), ("ssim", 4))
                ),
            )
        text = io.StringIO()
        seen = Console(highlight=False)
        console = Console(file=text, highlight=False, width=seen.width, force_terminal=seen.is_terminal)
        console.print(table)
        console.print(
            f"{_backbone(results)}{results['seconds']:.1f} s, {results['stop_reason']}",
            markup=False,
            soft_wrap=True,
        )
        console.print(f"results in {folder}", markup=False, soft_wrap=True)
        try:
            print(text.getvalue(), end="", flush=True)
        except OSError as error:  # the files are all there
            self._console.print(f"note: {sentence(error)} The results are in {folder}", markup=False, soft_wrap=True)


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _backbone(results: Mapping[str, Any]) -> str:
    backbone = results.get("backbone")
    return f"backbone {backbone['name']} ({backbone['weights']}), " if backbone else ""
