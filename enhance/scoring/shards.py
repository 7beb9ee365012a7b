"""Parts of a list of pairs, each with a table of its own, and the one table that they are merged into."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enhance.scoring.document import Document, about_written
from enhance.scoring.identity import COLUMN
from enhance.scoring.many import Outcome
from enhance.scoring.pairs import Keys, Pair, PairsError
from enhance.scoring.table import Row, Table, columns_written, one_writer
from enhance.utils.errors import SettingsError

_NAME = re.compile(r"(?P<stem>.+)-(?P<number>\d+)-of-(?P<of>\d+)")


@dataclass(frozen=True)
class Shard:
    """A part of a list, `2/8`: the second of eight, whose pairs follow each other.

    Example:
        >>> Shard.of_text("2/4").part(list("abcdefgh"))
        ['c', 'd']
        >>> Shard.of_text("2/4").path(Path("scores.csv")).name
        'scores-2-of-4.csv'
    """

    number: int
    of: int

    @classmethod
    def of_text(cls, text: str) -> Shard:
        """The shard that `2/8` means.

        Raises:
            SettingsError: for another text.
        """
        number, _, of = text.partition("/")
        if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise SettingsError(f"shard={text} must be NUMBER/OF, 1/8 to 8/8 for eight parts.")
        return cls(int(number), int(of))

    def part(self, pairs: Sequence[Any]) -> list[Any]:
        """The shard's part of a list.

        Raises:
            SettingsError: if there are more shards than pairs.
        """
        if self.of > len(pairs):
            raise SettingsError(
                f"shard={self.number}/{self.of}: the list has only {len(pairs)} pairs; take fewer shards."
            )
        ends = [place * len(pairs) // self.of for place in (self.number - 1, self.number)]
        return list(pairs[slice(*ends)])

    def path(self, output: Path) -> Path:
        """The shard's table, beside that of the whole list."""
        return output.with_name(f"{output.stem}-{self.number}-of-{self.of}{output.suffix}")


def shards_in(folder: Path) -> tuple[Path, list[Path]]:
    """The table of the whole list, and those of its shards in their order.

    Raises:
        PairsError: if the folder has no shards, those of several lists, or if one is missing or not finished.
    """
    found: dict[tuple[str, int], set[int]] = {}
    for file in folder.glob("*.json"):  # a shard of which nothing could be scored has no table
        if match := _NAME.fullmatch(file.stem):
            found.setdefault((match["stem"], int(match["of"])), set()).add(int(match["number"]))
    for file in folder.glob("*.csv"):
        if match := _NAME.fullmatch(file.stem):
            found.setdefault((match["stem"], int(match["of"])), set()).add(int(match["number"]))
    if not found:
        raise PairsError(f"merge={folder} holds no shards, tables such as scores-1-of-8.csv.")
    if len(found) > 1:
        names = ", ".join(f"{stem}-*-of-{of}.csv" for stem, of in sorted(found))
        raise PairsError(
            f"merge={folder} holds shards of several lists ({names}); name the tables: merge=[A.csv,B.csv]."
        )
    ((stem, of), numbers) = next(iter(found.items()))
    whole = folder / f"{stem}.csv"
    if missing := [number for number in range(1, of + 1) if number not in numbers]:
        raise PairsError(
            f"merge={folder} lacks {_shards(missing, of)}; run the same command with shard={missing[0]}/{of} "
            f"and output={whole}."
        )
    tables = [Shard(number, of).path(whole) for number in range(1, of + 1)]
    if unfinished := [number for number, table in enumerate(tables, 1) if not _is_finished(table)]:
        raise PairsError(
            f"merge={folder}: {_shards(unfinished, of)} {'is' if len(unfinished) == 1 else 'are'} not finished; run "
            f"the same command again with shard={unfinished[0]}/{of}: it goes on."
        )
    return whole, tables


def _shards(numbers: Sequence[int], of: int) -> str:
    return f"shard{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))} of {of}"


def _is_finished(table: Path) -> bool:
    about = about_written(table.with_suffix(".json"))
    return about is not None and about.get("left") == 0


def merge(tables: Sequence[Path], output: Path) -> tuple[Document, Outcome]:
    """Write the rows of tables into one, in their order, each pair once, and the JSON beside it.

    Args:
        tables: of `score_pairs`, each with its JSON.
        output: the merged table; an earlier one is replaced where nothing of it would be lost.

    Raises:
        PairsError: if a table is named twice, is no table of scores or a part of one, is being written, or has other
            columns, settings or files than another; or if `output` holds rows that no table has.
    """
    _check_distinct(tables, output)
    with ExitStack() as locks:
        for path in (output, *tables):
            locks.enter_context(one_writer(path))
        abouts = [_about(table) for table in tables]
        _check_whole(tables, abouts)
        there = [table for table in tables if table.exists()]  # not of a shard of which nothing could be scored
        if not there:
            raise PairsError(f"None of the {len(tables)} tables has a row.")
        columns = columns_written(there[0])
        scores = [each["column"] for each in abouts[0]["scorers"]]
        keyed = Keys(tuple(name for name in columns if name not in (*scores, COLUMN)))
        merged = _Merged([Table(path, _same_columns(path, columns, there[0])) for path in there], keyed)
        for table, about in zip(tables, abouts, strict=True):
            if about["scorers"] != abouts[0]["scorers"]:
                raise PairsError(f"{table} and {tables[0]} hold scores of other metrics, settings or weights.")
        keys = merged.keys()
        whole = Table(output, columns)
        if any(keyed(row) not in keys for row in whole.rows()):
            raise PairsError(f"output={output} holds rows that no merged table has; name another file, or remove it.")
        document = Document(output, abouts[0]["scorers"], [keyed.pair(key) for key in keys])
        whole.write(merged.rows())
        failed = [
            (Pair(each["reference"], each["image"]), each["reason"]) for about in abouts for each in about["failed"]
        ]
        outcome = Outcome(whole, failed=failed, left=sum(about["left"] for about in abouts))
        document.begin(outcome)
        document.write()
        return document, outcome


class _Merged:
    """Tables as one."""

    def __init__(self, tables: Sequence[Table], keyed: Keys) -> None:
        self._tables, self._keyed = tables, keyed

    def keys(self) -> dict[tuple[str, ...], None]:
        """The keys of all rows, in their order."""
        seen: dict[tuple[str, ...], str] = {}
        settings = ""
        for table in self._tables:
            for row in table.rows():
                key, inputs = self._keyed(row), row[COLUMN]
                settings = settings or inputs.partition("-")[0]
                if inputs.partition("-")[0] != settings or seen.setdefault(key, inputs) != inputs:
                    raise PairsError(
                        f"{table.path} has scores of other settings, weights or files than another table "
                        f"({row['image']}); score it anew."
                    )
        return dict.fromkeys(seen)

    def rows(self) -> Iterator[Row]:
        """All rows, each once."""
        seen: set[tuple[str, ...]] = set()
        for table in self._tables:
            for row in table.rows():
                key = self._keyed(row)
                if key not in seen:
                    seen.add(key)
                    yield row


def _check_distinct(tables: Sequence[Path], output: Path) -> None:
    seen: set[Path] = set()
    for table in tables:
        if table.resolve() in seen:
            raise PairsError(f"merge= names {table} twice; name each table once.")
        seen.add(table.resolve())
    if output.resolve() in seen:
        raise PairsError(f"output={output} is one of the tables that are merged; name another file.")


def _check_whole(tables: Sequence[Path], abouts: Sequence[dict[str, Any]]) -> None:
    """Refuse a table that lost rows after its JSON was written, in a copy that was cut off."""
    for table, about in zip(tables, abouts, strict=True):
        rows = sum(1 for _ in Table(table, columns_written(table)).rows()) if table.exists() else 0
        if rows < about["rows"]:
            raise PairsError(
                f"{table} has {rows} rows and its JSON {about['rows']}; copy it anew, or run its command again: it "
                "goes on."
            )


def _about(table: Path) -> dict[str, Any]:
    about = about_written(table.with_suffix(".json"))
    if about is None or not {"failed", "left"} <= set(about):
        name = table.with_suffix(".json").name
        raise PairsError(f"{table} has no {name} beside it, as a table of scores has; run its command again.")
    return about


def _same_columns(path: Path, columns: list[str], first: Path) -> list[str]:
    if (found := columns_written(path)) != columns:
        raise PairsError(f"{path} has other columns ({', '.join(found)}) than {first} ({', '.join(columns)}).")
    return columns
