"""Pairs of a list: a CSV or Parquet file, or the finished runs of a sweep."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from enhance.images.arrays import ImageError
from enhance.images.samples import SAMPLES
from enhance.runs.layout import REFERENCE, RESULT, read_metrics
from enhance.scoring.pairs import Pair, PairsError
from enhance.scoring.sources import is_url, read_url
from enhance.utils.suggest import unknown
from enhance.utils.tables import parse_csv, read_csv


def read_pairs(file: str) -> list[Pair]:
    """Read a CSV or Parquet file with the columns `reference` and `image`; further columns are carried through to the
    results.

    Commas, semicolons or tabs may part the columns of a CSV. Files are sought where the list lies, then in the caller's
    folder; those of a list at a URL, beside it.

    Args:
        file: the list, or its URL in any store of fsspec; or the folder of a sweep: the result of each finished
            run and the reference beside it.

    Raises:
        PairsError: if it cannot be read, lacks a column or has no rows. A row that lacks a value is a `Pair.fault`.
    """
    if not is_url(file) and Path(file).is_dir():
        return _of_sweep(Path(file))
    try:
        columns, rows = _read_parquet(file) if _is_parquet(file) else _read_csv(file)
    except FileNotFoundError as error:
        raise PairsError(f"pairs={file}: there is no such file.") from error
    except (OSError, UnicodeDecodeError, csv.Error, ImageError) as error:
        raise PairsError(f"pairs={file} cannot be read as a CSV ({error}).") from error
    if not columns:
        raise PairsError(f"pairs={file} is empty; its first line names the columns reference and image.")
    for column in ("reference", "image"):
        if column not in columns:
            raise PairsError(f"pairs={file}: " + unknown("column", column, columns))
    if not rows:
        raise PairsError(f"pairs={file} has no rows.")
    return [_pair(row, columns, file, number) for number, row in enumerate(rows, 1)]


def _pair(row: dict[Any, Any], columns: Sequence[str], file: str, number: int) -> Pair:
    """The pair of a row, of which one that is cut short or lacks a name has a `fault`."""
    values = {column: row[column] or "" for column in columns}
    reference, image = values.pop("reference"), values.pop("image")
    fault, where = "", f"Row {number} of {file}, the header not counted,"
    if None in row or None in row.values():
        fault = f"{where} has {'more' if None in row else 'fewer'} values than the list has columns."
    elif not (reference and image):
        fault = f"{where} has no {'image' if reference else 'reference'}."
    return Pair(reference and _sought(reference, file), image and _sought(image, file), values, fault)


def _of_sweep(folder: Path) -> list[Pair]:
    """The results of a sweep's finished runs, by the number of the run."""
    runs = [run for run in folder.iterdir() if (run / REFERENCE).is_file() and (run / RESULT).is_file()]
    finished = [run for run in runs if read_metrics(run).get("status") == "finished"]
    if not finished:
        raise PairsError(
            f"pairs={folder} is a folder without finished runs; name that of a sweep, or a CSV, or two folders of "
            "images: reference=FOLDER image=FOLDER."
        )
    ordered = sorted(finished, key=lambda run: (len(run.name.partition("-")[0]), run.name))
    return [Pair(str(run / REFERENCE), str(run / RESULT)) for run in ordered]


def _is_parquet(file: str) -> bool:
    return file.partition("?")[0].lower().endswith((".parquet", ".pq"))


def _read_csv(file: str) -> tuple[list[str], list[dict[Any, Any]]]:
    if not is_url(file):
        return read_csv(Path(file), strict=True)
    return parse_csv(io.StringIO(read_url(file).decode("utf-8-sig"), newline=""), strict=True)


def _read_parquet(file: str) -> tuple[list[str], list[dict[Any, Any]]]:
    if not is_url(file) and not Path(file).exists():
        raise FileNotFoundError(file)
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise PairsError(
            f"pairs={file}: Parquet is read after pip install 'enhance[ray]'; a CSV needs nothing."
        ) from error
    try:
        source = arrow.BufferReader(read_url(file) if is_url(file) else Path(file).read_bytes())
        table = parquet.ParquetFile(source).read(use_threads=False)  # threads of Arrow abort a process that ends soon
    except (arrow.ArrowException, OSError, ImageError) as error:
        raise PairsError(f"pairs={file} cannot be read as Parquet ({' '.join(str(error).split())[:160]}).") from error
    rows = table.to_pylist()
    return table.column_names, [{key: "" if row[key] is None else str(row[key]) for key in row} for row in rows]


def _sought(name: str, file: str) -> str:
    """A name of a list, where the list lies or as it is."""
    if is_url(name):
        return name
    if is_url(file):
        return name if name.startswith("/") or name in SAMPLES else f"{file.rpartition('/')[0]}/{name}"
    here = Path(file).parent / name
    return str(here) if here.is_file() else name
