"""An evaluation as tables on a terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from enhance.evaluation.correlations import ALL, Evaluation
from enhance.evaluation.statistics import MEASURES

_MOST_COMPARED = 12  # metrics in the table of comparisons; comparisons.csv has all


def show(evaluation: Evaluation) -> None:
    """Print the correlations over all images, SRCC of each type, and which metrics differ; no cell is cut off."""
    console = Console(highlight=False)
    data = evaluation.data

    def line(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    def print_table(table: Table) -> None:
        Console(highlight=False, width=max(console.width, _width(console, table))).print(table)

    for note in data.notes:
        line(f"note: {note}")
    count = len(data.images)
    line(
        f"{count} {'image' if count == 1 else 'images'}, subjective scores: {data.subjective_column}; "
        f"in brackets 95 % of {evaluation.resamples} resamples"
    )
    whole = _overall(evaluation)
    narrow = console.is_terminal and _width(console, whole) > console.width
    print_table(_overall_narrow(evaluation) if narrow else whole)
    for metric, found in evaluation.agreements.items():
        one = found[ALL]
        if one.note:
            line(f"{metric}: {one.note}.")
        if one.curve and not one.curve.monotone:
            line(f"{metric}: its logistic is not monotone, so its PLCC is too high.")
    if len(next(iter(evaluation.agreements.values()))) > 1:
        line("\nSRCC by type")
        print_table(_by_type(evaluation))
    if 1 < len(evaluation.agreements) <= _MOST_COMPARED:
        line(
            "\nSRCC of the row minus SRCC of the column; * where they differ "
            "(paired bootstrap, p < 0.05 after Holm's correction)"
        )
        print_table(_compared(evaluation))


def _width(console: Console, table: Table) -> int:
    """The width of a table whose cells are not cut off."""
    return Measurement.get(console, console.options.update(width=10_000), table).maximum


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        table.add_column(Text(heading), justify="right" if place else "left", no_wrap=True)
    return table


def _overall(evaluation: Evaluation) -> Table:
    table = _table("metric", "direction", *(name.upper() for name in MEASURES))
    for metric, found in evaluation.agreements.items():
        one = found[ALL]
        cells = [f"{_number(one.values[name])} {_bracket(*one.intervals[name])}".strip() for name in MEASURES]
        table.add_row(Text(metric), evaluation.directions[metric], *cells)
    return table


def _overall_narrow(evaluation: Evaluation) -> Table:
    """The correlations over all images with a row for each value, for narrow terminals."""
    table = _table("metric", "", "value", "95 %")
    for metric, found in evaluation.agreements.items():
        one = found[ALL]
        for place, name in enumerate(MEASURES):
            label = metric if place == 0 else f"({evaluation.directions[metric]})" if place == 1 else ""
            table.add_row(Text(label), name.upper(), _number(one.values[name]), _bracket(*one.intervals[name]))
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
