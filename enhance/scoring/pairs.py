"""Which image is compared with which reference: by file name in two folders, one reference to many, or a CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from enhance.images.arrays import ImageError
from enhance.images.samples import SAMPLES
from enhance.images.suffixes import readable, why_unread
from enhance.runs.layout import REFERENCE, RESULT, read_metrics
from enhance.scoring.sources import is_url, read_url
from enhance.utils.suggest import unknown
from enhance.utils.tables import parse_csv, read_csv


class PairsError(ValueError):
    """Pairs that cannot be made; the message says what is missing."""


@dataclass(frozen=True)
class Pair:
    """Two image files, and what a CSV says of them beside their names.

    Attributes:
        reference, image: the names.
        extra: what the list says beside.
        fault: why its row of the list is none that can be scored, a sentence; empty where it can.
    """

    reference: str
    image: str
    extra: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True)
class Keys:
    """What distinguishes the rows of a list: reference, image, and what the list says of them beside.

    Args:
        names: the columns.

    Example:
        >>> keys = Keys.of_pairs([Pair("a.png", "b.png", {"rater": "1"})])
        >>> keys({"reference": "a.png", "image": "b.png", "rater": "2", "psnr": "30"})
        ('a.png', 'b.png', '2')
    """

    names: tuple[str, ...]

    @classmethod
    def of_pairs(cls, pairs: Sequence[Pair]) -> Keys:
        """Those of a list."""
        return cls(("reference", "image", *dict.fromkeys(name for pair in pairs for name in pair.extra)))

    def __call__(self, row: Pair | Mapping[str, str]) -> tuple[str, ...]:
        """The key of a pair, or of a row of a table."""
        values = {"reference": row.reference, "image": row.image, **row.extra} if isinstance(row, Pair) else row
        return tuple(values.get(name, "") for name in self.names)

    def pair(self, key: tuple[str, ...]) -> Pair:
        """The pair of a key."""
        values = dict(zip(self.names, key, strict=True))
        return Pair(values.pop("reference"), values.pop("image"), values)


def unique(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs in their order, without those that a list names a second time with all that it says of them."""
    keys, found = Keys.of_pairs(pairs), dict[tuple[str, ...], Pair]()
    for pair in pairs:
        found.setdefault((*keys(pair), pair.fault), pair)
    return list(found.values())


def find_pairs(reference: str, image: str) -> list[Pair]:
    """Pair two files, one reference with every image of a folder, or two folders by file name.

    In two folders `a.png` belongs to `a.png`, else to the one file that is called `a` with another ending. Where there
    is none, the pair names the reference that is missing, so that whoever opens it can say so. A folder without images
    stands for the folders below it: `coded/q10/a.png` belongs to `q10/a.png` of the references, else to their `a.png`.

    Raises:
        PairsError: if a folder holds no images, or no image of the second folder has a reference in the first.
    """
    if not Path(image).is_dir():
        if Path(reference).is_dir():
            raise PairsError(
                f"reference={reference} is a folder and image={image} is not; give two files or two folders."
            )
        return [Pair(reference, image)]
    images = images_in(Path(image))
    if not Path(reference).is_dir():
        return [Pair(reference, str(file)) for file in images]
    references: dict[tuple[int, str], list[Path]] = {}
    for file in images_in(Path(reference)):
        for name in _names(file.relative_to(reference)):
            references.setdefault(name, []).append(file)
    pairs = []
    for file in images:
        namesakes = (references.get(name, []) for name in _names(file.relative_to(image)))
        found = next((files[0] for files in namesakes if len(files) == 1), Path(reference) / file.name)
        pairs.append(Pair(str(found), str(file)))
    if not any(Path(pair.reference).is_file() for pair in pairs):
        raise PairsError(
            f"None of {len(images)} images has a reference of its name in {reference}, not even {images[0].name}; "
            "rename them, or name the pairs in a CSV: pairs=FILE.csv with the columns reference and image."
        )
    return pairs


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


def _names(file: Path) -> list[tuple[int, str]]:
    """What a file may be known by, the surest first."""
    return list(enumerate((str(file), str(file.with_suffix("")), file.name, file.stem)))


def left_out(folder: str, used: Iterable[str]) -> list[str]:
    """What of a folder `find_pairs` leaves out, and why: a sentence for each reason, with the names of all files.

    Args:
        folder: references or images.
        used: the files of the pairs.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     (Path(folder) / "notes.txt").touch()
        ...     left_out(folder, [])
        ['1 file is left out (no images by their names): notes.txt']
    """
    root, taken = Path(folder), set(used)
    deep = any(file.parent != root for file in map(Path, taken) if file.is_relative_to(root))
    reasons: dict[str, list[str]] = {}
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root)
        if str(file) in taken or file.is_dir() or any(part[0] == "." for part in name.parts):
            continue
        if file.suffix.lower() not in readable():
            why = why_unread(file.suffix)
        elif file.parent != root and not deep:
            why = "images lie above it, and only those are compared"
        else:
            why = "no file of the other folder has its name"
        reasons.setdefault(why, []).append(str(name))
    return [
        f"{len(names)} {'file is' if len(names) == 1 else 'files are'} left out ({why}): {', '.join(names)}"
        for why, names in reasons.items()
    ]


def images_in(folder: Path) -> list[Path]:
    """Image files that lie in a folder; where none do, those in the folders below it, but for hidden ones.

    Raises:
        PairsError: if there are none.
    """
    for files in (folder.iterdir(), folder.rglob("*")):
        images = (file for file in files if file.suffix.lower() in readable() and not file.is_dir())
        found = [file for file in images if not any(part[0] == "." for part in file.relative_to(folder).parts[:-1])]
        if found:
            return sorted(found)
    raise PairsError(f"There are no images in {folder} ({', '.join(readable())}).")
