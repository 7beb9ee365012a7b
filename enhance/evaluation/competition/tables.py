"""A competition as tables: on a terminal, as CSV and as JSON."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from enhance.evaluation.competition.pairs import Attack, Competition, Match
from enhance.utils.files import write_json, write_text
from enhance.utils.numbers import finite
from enhance.utils.tables import csv_text

PAIRS, STANDINGS, DOCUMENT = "competition.csv", "competition-metrics.csv", "competition.json"
_SHOWN = 20  # pairs on a terminal


def write(found: Competition, folder: Path) -> list[Path]:
    """The paths of `competition.csv`, a row a pair, `competition-metrics.csv`, a row a metric, and
    `competition.json`, written into `folder`.
    """
    pairs, standings = [pair(found, match) for match in found.matches], metrics(found)
    paths = [folder / PAIRS, folder / STANDINGS, folder / DOCUMENT]
    empty = Match(0, 0, confirmed=False)
    for path, rows, header in ((paths[0], pairs, list(pair(found, empty))), (paths[1], standings, list(standings[0]))):
        write_text(path, csv_text(header, [["" if cell is None else cell for cell in row.values()] for row in rows]))
    write_json(paths[2], document(found))
    return paths


def document(found: Competition) -> dict[str, Any]:
    """The content of `competition.json`; an undefined value is null."""
    return {
        "defender": found.defender,
        "attacker": found.attacker or None,
        "subjective_column": found.scored.subjective_column,
        "within": found.within,
        "apart": found.apart,
        "images": len(found.scored.images),
        "references": len(set(found.scored.references)),
        "compared": found.compared,
        "equal": found.equal,
        "pairs": [pair(found, match) for match in found.matches],
        "metrics": metrics(found),
        "attacks": [
            {"attacker": attacker, "defender": defender, **_attack(one)}
            for (attacker, defender), one in found.attacks.items()
        ],
    }


def pair(found: Competition, match: Match) -> dict[str, Any]:
    """One pair by the names of the columns of `competition.csv`; image a has the higher subjective score."""
    scored, rows = found.scored, (match.first, match.second)
    known: dict[str, Any] = {"reference": scored.references[match.first]}
    columns: dict[str, Any] = {
        "image": scored.images,
        "type": scored.types,
        scored.subjective_column: scored.subjective,
    }
    columns |= {name: scored.scores[name] for name in (found.defender, found.attacker) if name}
    for name, values in columns.items():
        if len(values):
            known |= {f"{name}_{side}": _plain(values[row]) for side, row in zip("ab", rows, strict=True)}
    known["difference"] = round(float(scored.subjective[match.first] - scored.subjective[match.second]), 10)
    if found.attacker:
        known["attacker_agrees"] = match.confirmed
    return known


def metrics(found: Competition) -> list[dict[str, Any]]:
    """The standing of each metric, the most aggressive first."""
    rows = []
    for name in found.scored.scores:
        standing = found.standing(name)
        rows.append(
            {
                "metric": name,
                "direction": "rises" if found.directions[name] > 0 else "falls",
                "within": finite(found.tolerances[name]),
                "aggressiveness": finite(standing.aggressiveness),
                "resistance": finite(standing.resistance),
                "pairs_as_attacker": standing.attacking.pairs,
                "told_apart": standing.attacking.hits,
                "pairs_as_defender": standing.defending.pairs,
                "missed": standing.defending.hits,
            }
        )
    return sorted(rows, key=lambda row: -math.inf if row["aggressiveness"] is None else row["aggressiveness"])[::-1]


def show(found: Competition) -> None:
    """Print the pairs and the standing of the metrics; no cell is cut off."""
    console, subjective = Console(highlight=False), found.scored.subjective_column
    console.print(summary(found), markup=False, soft_wrap=True)
    if found.matches:
        names = [subjective, found.defender, *([found.attacker] if found.attacker else [])]
        table = _table("reference", "image a", "image b", *names)
        for match in found.matches[:_SHOWN]:
            row = pair(found, match)
            values = [f"{number(row[f'{name}_a'])}  {number(row[f'{name}_b'])}" for name in names]
            table.add_row(*map(Text, (row["reference"], row["image_a"], row["image_b"], *values)))
        _print(console, table)
        if len(found.matches) > _SHOWN:
            console.print(f"and {len(found.matches) - _SHOWN} more pairs in {PAIRS}")
    if found.attacks:
        console.print(
            f"\n{ABOUT.format(subjective=subjective, apart=f'{found.apart:g}')}", markup=False, soft_wrap=True
        )
        table = _table("metric", "within", "aggressiveness", "told apart", "resistance", "missed")
        for row in metrics(found):
            told = f"{row['told_apart']} of {row['pairs_as_attacker']}"
            missed = f"{row['missed']} of {row['pairs_as_defender']}"
            strengths = [number(row[key], sign=True) for key in ("aggressiveness", "resistance")]
            table.add_row(Text(row["metric"]), number(row["within"]), strengths[0], told, strengths[1], missed)
        _print(console, table)


ABOUT = (
    "Each metric against each other: for every reference the pair that the defender calls equal and the attacker finds "
    "most different. Aggressiveness: mean difference in {subjective} that the attacker predicts, 0 is chance; told "
    "apart: pairs that differ by more than {apart} as it says. Resistance: minus the same as defender; missed: pairs "
    "that differ so. Each metric calls equally many pairs equal, those that differ by less than its tolerance, within."
)


def summary(found: Competition) -> str:
    """What was found, in a sentence."""
    count, subjective = len(found.matches), found.scored.subjective_column
    order = f"{found.attacker} finds them most different" if found.attacker else f"their {subjective} differs most"
    return (
        f"{found.defender} calls {found.equal} of {found.compared} pairs equal (within {found.within:g}); "
        f"{count} of them {'differs' if count == 1 else 'differ'} by more than {found.apart:g} in {subjective}"
        + (f", in the order in which {order}" if count > 1 else "")
    )


def number(value: float | None, *, sign: bool = False) -> str:
    """A score for people.

    Example:
        >>> number(0.46512345), number(None)
        ('0.4651', '-')
    """
    if value is None or not math.isfinite(value):
        return "-"
    form = ".4f" if abs(value) < 1 else ".4g"
    return format(value, f"+{form}" if sign else form)


def _attack(one: Attack) -> dict[str, Any]:
    return {"pairs": one.pairs, "told_apart": one.hits, "difference": finite(one.difference)}


def _plain(value: Any) -> Any:
    """A cell in values that JSON has."""
    return value if isinstance(value, str) else finite(float(value))


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        table.add_column(Text(heading), justify="right" if place else "left", no_wrap=True)
    return table


def _print(console: Console, table: Table) -> None:
    wide = console.measure(table, options=console.options.update(width=10_000)).maximum
    Console(highlight=False, width=max(console.width, wide)).print(table)
