"""Tables of objective and subjective scores: read from CSV, joined by image, reduced to their complete rows."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from enhance.evaluation.logistic import Array
from enhance.utils.suggest import unknown
from enhance.utils.tables import read_csv

Rows = list[dict[str, str]]
_COMMA = re.compile(r"[-+]?\d+,\d+")
SUBJECTIVE_COLUMNS = ("mos", "dmos", "opinion")  # usual names of the column of subjective scores
_NO_SCORES = ("image", "reference", "type", "seconds", *SUBJECTIVE_COLUMNS)
_LARGEST = 1e100  # its square, and sums of squares, are finite
_MISSING = ("", "nan", "na", "n/a", "none", "null")


@dataclass(frozen=True)
class Data:
    """Complete rows of a table.

    Attributes:
        images: a name for each of the n rows.
        scores: the objective scores by metric, each (n).
        subjective: the subjective scores (n).
        subjective_column: the name of their column, e.g. `mos`.
        types: the distortion type of each row; empty if the table has none.
        notes: a sentence about each column or group of rows that was left out.
    """

    images: list[str]
    scores: dict[str, Array]
    subjective: Array
    subjective_column: str
    types: list[str]
    notes: list[str]


def read(path: Path) -> Rows:
    """The rows of a CSV file with a header; the delimiter is a comma, a semicolon or a tab.

    Raises:
        ValueError: if the file is not CSV in UTF-8, has no rows, or two columns of the same name.
        OSError: if it cannot be read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "mos.csv"
        ...     _ = file.write_text("image; mos\\na.png; 4.2\\n")
        ...     read(file)
        [{'image': 'a.png', 'mos': '4.2'}]
    """
    try:
        columns, rows = read_csv(path, skipinitialspace=True)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is no CSV file in UTF-8; save it as one.") from error
    if len({name.strip() for name in columns}) < len(columns):
        raise ValueError(f"{path} has two columns of the same name: {', '.join(columns)}.")
    if not rows:
        raise ValueError(f"{path} has no rows; the first line names the columns, every further line is an image.")
    return [{name.strip(): (row[name] or "").strip() for name in columns} for row in rows]


def join(scores: Rows, subjective: Rows, image: str = "") -> tuple[Rows, list[str]]:
    """The rows of two tables joined by image, and a sentence about the images that are in one table only.

    Images match by their file names, in any case; where those repeat in a table, by the folder above them too, and so
    on.

    Args:
        scores: rows with objective scores.
        subjective: rows with subjective scores.
        image: the column with the images' names; empty takes `image`, else the first without numbers.

    Raises:
        ValueError: if an image is in a table twice, or no image is in both.

    Example:
        >>> join([{"image": "out/A.png", "psnr": "30"}], [{"image": "a.png", "mos": "4"}])
        ([{'image': 'a.png', 'psnr': '30', 'mos': '4'}], [])
    """
    tables = (scores, subjective)
    keys = _keys([[_path(row[_naming(rows, image) or next(iter(row))]) for row in rows] for rows in tables])
    partners = dict(zip(keys[1], subjective, strict=True))
    joined = [row | partners[key] for key, row in zip(keys[0], scores, strict=True) if key in partners]
    if not joined:
        raise ValueError(
            f"No image is in both tables; for example {keys[0][0]} has scores and {keys[1][0]} a subjective score."
        )
    alone = [sorted(set(keys[side]) - set(keys[1 - side])) for side in (0, 1)]
    lacks = ("with scores but no subjective score", "with a subjective score but no scores")
    return joined, [_left_out(names, lack) for names, lack in zip(alone, lacks, strict=True) if names]


def complete(rows: Rows, scores: Sequence[str], subjective: str = "", kind: str = "", image: str = "") -> Data:
    """The rows with a number in every column of scores.

    Args:
        rows: of one table, see `read` and `join`.
        scores: the columns of objective scores; one without any number is left out.
        subjective: the column of subjective scores; empty takes `mos`, `dmos` or `opinion`.
        kind: the column of distortion types; empty takes `type`, if there is one.
        image: the column with the images' names; empty takes `image`, else the first without numbers.

    Raises:
        ValueError: if a column does not exist, a number is too large, or no row is complete.

    Example:
        >>> rows = [{"image": "a.png", "psnr": "30", "mos": "4"}, {"image": "b.png", "psnr": "", "mos": "2"}]
        >>> data = complete(rows, ["psnr"])
        >>> data.images, data.notes
        (['a.png'], ['1 image without a number in every column, left out: b.png'])
    """
    subjective, kind = chosen(rows, subjective, kind)
    values = columns(rows, [*scores, subjective])
    empty = [name for name in scores if not np.isfinite(values[name]).any()]
    metrics = [name for name in scores if name not in empty]
    if not metrics:
        raise ValueError(f"There is no column of scores beside {subjective}; score_columns= names one or several.")
    whole = np.all([np.isfinite(values[name]) for name in (*metrics, subjective)], axis=0)
    if not whole.any():
        raise ValueError("No image has a number in every column; score_columns= can name fewer columns.")
    values = {name: values[name][whole] for name in (*metrics, subjective)}
    _check_sizes(values)
    named, places = labels(rows, image), np.flatnonzero(whole)
    notes = [f"{name} has no number and is left out." for name in empty]
    if len(places) < len(rows):
        notes.append(_left_out([named[i] for i in np.flatnonzero(~whole)], "without a number in every column"))
    return Data(
        images=[named[i] for i in places],
        scores={name: values[name] for name in metrics},
        subjective=values[subjective],
        subjective_column=subjective,
        types=[rows[i][kind] for i in places] if kind else [],
        notes=notes,
    )


def chosen(rows: Rows, subjective: str, kind: str) -> tuple[str, str]:
    """The columns of subjective scores and of distortion types: those given, else those with a usual name.

    The second is empty if there is no column of types.

    Raises:
        ValueError: if a column given does not exist, or there is no column of subjective scores.

    Example:
        >>> chosen([{"image": "a.png", "MOS": "4", "type": "blur"}], "", "")
        ('MOS', 'type')
    """
    names = list(rows[0])
    for name in filter(None, (subjective, kind)):
        _check_column(rows, name)
    subjective = subjective or next((name for name in names if name.lower() in SUBJECTIVE_COLUMNS), "")
    if not subjective:
        raise ValueError(f"subjective_column= must name the column of subjective scores, one of: {', '.join(names)}.")
    return subjective, kind or ("type" if "type" in names else "")


def numeric(rows: Rows, aside: Sequence[str]) -> list[str]:
    """The columns of numbers that can be objective scores: not those in `aside` nor of a usual other name.

    Example:
        >>> numeric([{"image": "a.png", "psnr": "30", "ssim": "", "mos": "4", "author": "me"}], [])
        ['psnr']
    """
    names = [name for name in rows[0] if name not in aside and name.lower() not in _NO_SCORES]
    return [name for name in names if _holds_numbers(rows, name)]


def columns(rows: Rows, names: Sequence[str]) -> dict[str, Array]:
    """Columns of a table by name, as numbers (n); NaN where there is none.

    Raises:
        ValueError: if a column does not exist.

    Example:
        >>> columns([{"psnr": "30"}, {"psnr": "-"}], ["psnr"])
        {'psnr': array([30., nan])}
    """
    for name in names:
        _check_column(rows, name)
    return {name: np.array([_number(row[name]) for row in rows]) for name in names}


def _check_column(rows: Rows, name: str) -> None:
    if name not in rows[0]:
        raise ValueError(unknown("column", name, rows[0]))


def _check_sizes(values: dict[str, Array]) -> None:
    for name, column in values.items():
        if (largest := float(np.abs(column).max())) > _LARGEST:
            raise ValueError(f"{name} holds a number of size {largest:g}; at most {_LARGEST:g} can be correlated.")


def _naming(rows: Rows, image: str) -> str | None:
    """The column with the images' names, if there is one."""
    if image:
        _check_column(rows, image)
        return image
    return "image" if "image" in rows[0] else next((name for name in rows[0] if not _holds_numbers(rows, name)), None)


def labels(rows: Rows, image: str = "") -> list[str]:
    """A name for each row: of its image, else its line in the file.

    Example:
        >>> labels([{"image": "a.png", "mos": "4"}]), labels([{"mos": "4"}])
        (['a.png'], ['line 2'])
    """
    column = _naming(rows, image)
    return [row[column] if column else f"line {line}" for line, row in enumerate(rows, start=2)]


def _keys(tables: Sequence[Sequence[tuple[str, ...]]]) -> list[list[str]]:
    """The shortest ends of paths that are unique in each table."""
    depths = range(1, 1 + max(len(path) for table in tables for path in table))
    keys: list[list[str]] = []
    for depth in depths:
        keys = [["/".join(path[-depth:]) for path in table] for table in tables]
        if all(len(set(table)) == len(table) for table in keys):
            return keys
    twice = next(key for table in keys for key, count in Counter(table).items() if count > 1)
    raise ValueError(f"The image {twice} is in a table twice; each table takes an image once.")


def _path(name: str) -> tuple[str, ...]:
    return PurePosixPath(name.lower().replace("\\", "/")).parts or ("",)


def _number(text: str) -> float:
    """The number, or NaN where there is none.

    Raises:
        ValueError: for a decimal comma, which others read as thousands.
    """
    try:
        return float(text)
    except ValueError:
        if _COMMA.fullmatch(text):
            raise ValueError(f"{text} has a decimal comma; write decimal points, {text.replace(',', '.')}.") from None
        return math.nan


def _holds_numbers(rows: Rows, name: str) -> bool:
    present = [row[name] for row in rows if row[name].lower() not in _MISSING]
    return bool(present) and not any(math.isnan(_number(text)) for text in present)


def _left_out(names: Sequence[str], what: str) -> str:
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"{len(names)} {'image' if len(names) == 1 else 'images'} {what}, left out: {shown}"
