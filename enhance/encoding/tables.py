"""Encoded images as tables: on a terminal, as CSV and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from enhance.encoding.choose import Choice, Encoded
from enhance.utils.files import write_json, write_text
from enhance.utils.numbers import finite
from enhance.utils.tables import csv_text

TABLE, CURVES, DOCUMENT = "encode.csv", "encode-curves.csv", "encode.json"
_SHOWN = 30  # images on a terminal


def write(
    images: Sequence[Encoded], files: Mapping[tuple[str, str], str], about: Mapping[str, Any], folder: Path
) -> None:
    """Write `encode.csv`, a row for each image and format, `encode-curves.csv`, a row for each file that was
    measured, and `encode.json`, both and the settings.

    Args:
        images: those encoded so far.
        files: names of the files written, by image and format.
        about: the settings, for the document.
        folder: where.
    """
    rows = [
        row(each, choice) | {"file": files.get((each.original.name, choice.format.name), "")}
        for each in images
        for choice in each.choices
    ]
    lines = [["" if cell is None else cell for cell in each.values()] for each in rows]
    write_text(folder / TABLE, csv_text(list(rows[0]) if rows else [], lines))
    points = [
        (each.original.name, name, quality, size, finite(score))
        for each in images
        for name, curve in each.curves.items()
        for quality, size, score in curve
    ]
    write_text(folder / CURVES, csv_text(["image", "format", "quality", "bytes", "score"], points))
    write_json(folder / DOCUMENT, {**about, "totals": totals(images), "files": rows})


def row(image: Encoded, choice: Choice) -> dict[str, Any]:
    """One choice by the names of the columns of `encode.csv`."""
    return {
        "image": image.original.name,
        "format": choice.format.name,
        "quality": choice.quality,
        "bytes": choice.bytes,
        "score": finite(choice.score),
        "psnr": finite(choice.psnr),
        "wanted": choice.wanted,
        "reached": choice.reached,
        "best": choice is image.best,
        "original_bytes": image.original.bytes,
        "trials": choice.trials,
        "seconds": round(choice.seconds, 3),
    }


def totals(images: Sequence[Encoded]) -> list[dict[str, Any]]:
    """For each format, and for the best of each image where there are several, the sum of bytes and the mean score."""
    names = [choice.format.name for choice in images[0].choices] if images else []
    chosen = {name: [each.choices[place] for each in images] for place, name in enumerate(names)}
    if len(names) > 1:
        chosen["best"] = [each.best for each in images]
    return [
        {
            "format": name,
            "images": len(choices),
            "reached": sum(choice.reached for choice in choices),
            "bytes": sum(choice.bytes for choice in choices),
            "score": finite(sum(choice.score for choice in choices) / len(choices)),
            "psnr": finite(sum(choice.psnr for choice in choices) / len(choices)),
        }
        for name, choices in chosen.items()
    ]


def show(images: Sequence[Encoded], metric: str) -> None:
    """Print the choices of each image and, of several images, the sums; no cell is cut off."""
    console = Console(highlight=False)
    table = _table("image", "format", "quality", "bytes", metric, "PSNR", "seconds", "")
    for each in images[:_SHOWN]:
        for place, choice in enumerate(each.choices):
            name = "" if place else Path(each.original.name).name
            cells = (name, choice.format.name, str(choice.quality), f"{choice.bytes:,}", number(choice.score))
            remark = (
                "not reached" if not choice.reached else "best" if len(each.choices) > 1 and choice is each.best else ""
            )
            table.add_row(*map(Text, (*cells, decibels(choice.psnr), f"{choice.seconds:.1f}", remark)))
    _print(console, table)
    if len(images) > _SHOWN:
        console.print(f"and {len(images) - _SHOWN} more images in {TABLE}")
    if len(images) > 1:
        console.print(f"\n{len(images)} images together")
        table = _table("format", "bytes", f"mean {metric}", "mean PSNR", "reached")
        for each in totals(images):
            reached = f"{each['reached']} of {each['images']}"
            cells = (each["format"], f"{each['bytes']:,}", number(each["score"]), decibels(each["psnr"]), reached)
            table.add_row(*map(Text, cells))
        _print(console, table)


def number(value: float | None) -> str:
    """A score for people.

    Example:
        >>> number(0.153640), number(None)
        ('0.1536', '-')
    """
    return "-" if value is None or math.isnan(value) else f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"


def decibels(value: float | None) -> str:
    """A PSNR for people; infinite where it is not known or the images are equal."""
    return "\N{INFINITY}" if value is None or math.isinf(value) else f"{value:.2f} dB"


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        table.add_column(Text(heading), justify="right" if 1 < place < len(headings) - 1 else "left", no_wrap=True)
    return table


def _print(console: Console, table: Table) -> None:
    wide = console.measure(table, options=console.options.update(width=10_000)).maximum
    Console(highlight=False, width=max(console.width, wide)).print(table)
