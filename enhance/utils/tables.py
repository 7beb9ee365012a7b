"""CSV: tables that users give, and the text of those that are written."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

_DELIMITERS = ",;\t"


def read_csv(path: Path, **dialect: Any) -> tuple[list[str], list[dict[Any, Any]]]:
    """Names of the columns and rows of a CSV file in UTF-8, as `csv.DictReader` gives them.

    The delimiter is whichever of comma, semicolon and tab stands most often in the first line.

    Args:
        path: the file.
        **dialect: further settings of `csv.DictReader`, e.g. `strict=True`.

    Raises:
        OSError: if the file cannot be read.
        UnicodeDecodeError: if it is not in UTF-8.
        csv.Error: if it is not a CSV file.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "mos.csv"
        ...     _ = file.write_text("image;mos\\na.png;4.2\\n")
        ...     read_csv(file)
        (['image', 'mos'], [{'image': 'a.png', 'mos': '4.2'}])
    """
    with open(path, newline="", encoding="utf-8-sig") as opened:
        return parse_csv(opened, **dialect)


def parse_csv(stream: IO[str], **dialect: Any) -> tuple[list[str], list[dict[Any, Any]]]:
    r"""Names of the columns and rows of a CSV, as `read_csv` gives them.

    Example:
        >>> parse_csv(io.StringIO("image;mos\na.png;4.2\n"))
        (['image', 'mos'], [{'image': 'a.png', 'mos': '4.2'}])
    """
    header = stream.readline()
    stream.seek(0)
    reader = csv.DictReader(stream, delimiter=max(_DELIMITERS, key=header.count), **dialect)
    return list(reader.fieldnames or []), list(reader)


def csv_text(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    r"""The text of a CSV file.

    Example:
        >>> csv_text(["image", "mos"], [["a.png", 4.2]])
        'image,mos\na.png,4.2\n'
    """
    return "".join(map(csv_line, [header, *rows]))


def csv_line(row: Sequence[object]) -> str:
    r"""A line of a CSV file.

    Example:
        >>> csv_line(["a.png", 4.2])
        'a.png,4.2\n'
    """
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(row)
    return stream.getvalue()
