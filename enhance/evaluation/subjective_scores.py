"""Tables of scores and opinions: read from CSV, brought together by image, and their incomplete rows set apart."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from enhance.evaluation.logistic import Array
from enhance.utils.suggest import unknown
from enhance.utils.tables import read_csv

Rows = list[dict[str, str]]
OPINIONS = ("opinion", "mos", "dmos")  # names of a column of opinions that nobody needs to give
_ASIDE = ("image", "reference", "type", "seconds", *OPINIONS)
_MOST = 1e100  # whose squares can be summed
_MISSING = ("", "nan", "na", "n/a", "none", "null")


@dataclass(frozen=True)
class Data:
    """Complete rows.

    Attributes:
        images: a name for each of the n rows.
        scores: the scores by metric, each (n).
        opinions: (n).
        opinion: what the opinions are called.
        types: the distortion type of each row; empty where there are none.
        notes: a sentence for everything that was left out.
    """

    images: list[str]
    scores: dict[str, Array]
    opinions: Array
    opinion: str
    types: list[str]
    notes: list[str]


def read(path: Path) -> Rows:
    """The rows of a CSV file with a header; commas, semicolons or tabs.

    Raises:
        ValueError: if it has no rows, or a column's name twice.
        OSError: if it cannot be read.
    """
    try:
        columns, rows = read_csv(path, skipinitialspace=True)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is no CSV file in UTF-8; save it as one.") from error
    if len({name.strip() for name in columns}) < len(columns):
        raise ValueError(f"{path} has two columns of the same name: {', '.join(columns)}")
    if not rows:
        raise ValueError(f"{path} has no rows; the first line names the columns, every further line is an image.")
    return [{name.strip(): (row[name] or "").strip() for name in columns} for row in rows]


def join(scores: Rows, opinions: Rows, image: str = "") -> tuple[Rows, list[str]]:
    """The rows of both that are of the same image, and sentences about those that have no partner.

    `image` names the column that tells the images apart; without it, `image` or the first that does not hold numbers.
    An image is known by its file name, in any case; where that is not enough to tell the rows of a table apart, by the
    folder above it too, and so on.

    Raises:
        ValueError: if an image is in a table twice, or no image is in both.
    """
    paths = [[_path(row[_naming(rows, image) or next(iter(row))]) for row in rows] for rows in (scores, opinions)]
    keys = _keys(paths)
    partners = dict(zip(keys[1], opinions, strict=True))
    joined = [row | partners[key] for key, row in zip(keys[0], scores, strict=True) if key in partners]
    if not joined:
        raise ValueError(
            f"No image is in both tables; for example {keys[0][0]} has scores and {keys[1][0]} an opinion."
        )
    alone = [sorted(set(keys[side]) - set(keys[1 - side])) for side in (0, 1)]
    lacks = ("scores but no opinion", "an opinion but no scores")
    return joined, [_count(names, f"with {lack}") for names, lack in zip(alone, lacks, strict=True) if names]


def complete(rows: Rows, prediction: Sequence[str], opinion: str = "", kind: str = "", image: str = "") -> Data:
    """The rows that have a number in every column of `prediction` and in `opinion`.

    Without `opinion` the column of that name is meant, or mos or dmos; without `kind`, `type` if there is such a one.

    Raises:
        ValueError: if a column does not exist or no row is complete.
    """
    opinion, kind = chosen(rows, opinion, kind)
    for name in prediction:
        _check(rows, name)
    columns = {name: np.array([_number(row[name]) for row in rows]) for name in (*prediction, opinion)}
    notes = [f"{name} has no number and is left out." for name in prediction if not np.isfinite(columns[name]).any()]
    kept = [name for name in prediction if np.isfinite(columns[name]).any()]
    if not kept:
        raise ValueError(f"There is no column of scores beside {opinion}; prediction= names one or several.")
    finite = np.all([np.isfinite(columns[name]) for name in (*kept, opinion)], axis=0)
    for name in (*kept, opinion):
        if (most := float(np.abs(columns[name][finite]).max(initial=0))) > _MOST:
            raise ValueError(f"{name} holds a number of size {most:g}; at most {_MOST:g} can be correlated.")
    naming = _naming(rows, image)
    labels = [row[naming] if naming else f"line {line}" for line, row in enumerate(rows, start=2)]
    if not finite.all():
        notes.append(_count([labels[i] for i in np.flatnonzero(~finite)], "without a number in every column"))
    places = np.flatnonzero(finite)
    if not len(places):
        raise ValueError("No image has a number in every column; prediction= can name fewer columns.")
    return Data(
        [labels[i] for i in places],
        {name: columns[name][finite] for name in kept},
        columns[opinion][finite],
        opinion,
        [rows[i][kind] for i in places] if kind else [],
        notes,
    )


def chosen(rows: Rows, opinion: str, kind: str) -> tuple[str, str]:
    """The columns of opinions and of types, by the names given or else the usual ones; types may have no column.

    Raises:
        ValueError: if there is no such column.
    """
    names = list(rows[0])
    for name in filter(None, (opinion, kind)):
        _check(rows, name)
    opinion = opinion or next((name for name in names if name.lower() in OPINIONS), "")
    if not opinion:
        raise ValueError(f"opinion= must name the column of opinions, one of: {', '.join(names)}")
    return opinion, kind or ("type" if "type" in names else "")


def numeric(rows: Rows, aside: Sequence[str]) -> list[str]:
    """The columns that hold numbers and gaps alone, but those that are known to be no scores."""
    names = [name for name in rows[0] if name not in aside and name.lower() not in _ASIDE]
    return [name for name in names if _holds_numbers(rows, name)]


def _check(rows: Rows, name: str) -> None:
    if name not in rows[0]:
        raise ValueError(unknown("column", name, rows[0]))


def _naming(rows: Rows, image: str) -> str | None:
    """The column that names the images, if there is one."""
    if image:
        _check(rows, image)
        return image
    return "image" if "image" in rows[0] else next((name for name in rows[0] if not _holds_numbers(rows, name)), None)


def _keys(tables: Sequence[Sequence[tuple[str, ...]]]) -> list[list[str]]:
    """The shortest ends of paths that tell the rows of each table apart."""
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
    try:
        return float(text)
    except ValueError:
        return math.nan


def _holds_numbers(rows: Rows, name: str) -> bool:
    known = [row[name] for row in rows if row[name].lower() not in _MISSING]
    return bool(known) and not any(math.isnan(_number(text)) for text in known)


def _count(names: Sequence[str], what: str) -> str:
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"{len(names)} {'image' if len(names) == 1 else 'images'} {what}, left out: {shown}"
