"""An evaluation on a terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from enhance.scoring.evaluation import ALL, Evaluation
from enhance.scoring.statistics import MEASURES

_MOST_COMPARED = 12  # metrics in the table of comparisons; comparisons.csv has all


def show(evaluation: Evaluation) -> None:
    """Print the correlations over all images, SRCC of each type, and which metrics differ."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=240)
    data = evaluation.data
    for note in data.notes:
        console.print(f"note: {note}", markup=False)
    console.print(
        f"{len(data.images)} images, opinions: {data.opinion}; in brackets 95 % of {evaluation.resamples} resamples",
        markup=False,
    )
    console.print(_overall(evaluation))
    for metric, found in evaluation.agreements.items():
        whole = found[ALL]
        if whole.note:
            console.print(f"{metric}: {whole.note}.", markup=False)
        if whole.curve and not whole.curve.monotone:
            console.print(f"{metric}: its logistic is not monotone, so its PLCC flatters it.", markup=False)
    if len(next(iter(evaluation.agreements.values()))) > 1:
        console.print("\nSRCC by type", markup=False)
        console.print(_by_type(evaluation))
    if 1 < len(evaluation.agreements) <= _MOST_COMPARED:
        console.print(
            "\nSRCC of the row less SRCC of the column; * where they differ "
            "(paired bootstrap, p < 0.05 after Holm's correction)",
            markup=False,
        )
        console.print(_compared(evaluation))


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        table.add_column(Text(heading), justify="right" if place else "left", no_wrap=True)
    return table


def _overall(evaluation: Evaluation) -> Table:
    table = _table("metric", "as opinions rise", *(name.upper() for name in MEASURES))
    for metric, found in evaluation.agreements.items():
        one = found[ALL]
        cells = [f"{_number(one.values[name])} {_bracket(*one.intervals[name])}".strip() for name in MEASURES]
        table.add_row(Text(metric), evaluation.directions[metric], *cells)
    return table


def _by_type(evaluation: Evaluation) -> Table:
    metrics = evaluation.agreements
    table = _table("type", "images", *metrics)
    types = [name for name in next(iter(metrics.values())) if name != ALL]
    for name in types:
        counts = next(iter(metrics.values()))[name].count
        table.add_row(Text(name), str(counts), *(_number(found[name].values["srcc"]) for found in metrics.values()))
    return table


def _compared(evaluation: Evaluation) -> Table:
    metrics = list(evaluation.agreements)
    table = _table("", *metrics[1:])
    cells = {
        (one.first, one.second): f"{one.difference:+.4f}{'*' if one.significant else ' '}"
        for one in evaluation.comparisons
    }
    for row in metrics[:-1]:
        table.add_row(Text(row), *(cells.get((row, column), "") for column in metrics[1:]))
    return table


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.4g}"


def _bracket(low: float, high: float) -> str:
    return f"[{_number(low)}, {_number(high)}]" if math.isfinite(low) else ""
