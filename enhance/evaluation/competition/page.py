"""competition.html: the pairs that a metric calls equal and people do not, with pictures where files are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from enhance.evaluation.competition.pairs import Competition
from enhance.evaluation.competition.table import reference_of
from enhance.evaluation.competition.tables import ABOUT, DOCUMENT, PAIRS, STANDINGS, metrics, number, pair, summary
from enhance.images.suffixes import readable
from enhance.report.embed import webp
from enhance.report.run_data import open_picture
from enhance.report.template import render_page

PAGE = "competition.html"
_TEMPLATE = Path(__file__).with_name("template")
_LONGER, _QUALITY = 640, 92  # of a picture in the page
_PAIRS = 24  # with pictures


class Pictures:
    """The image files below some folders by their names, regardless of case.

    Args:
        folders: where the files may lie, the likeliest first.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._files: dict[str, Path] = {}
        for folder in folders:
            for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
                if file.suffix.lower() in readable():
                    self._files.setdefault(file.name.lower(), file)
                    self._files.setdefault(file.stem.lower(), file)

    def find(self, name: str) -> Path | None:
        """The file of an image, or of a reference whose name has no ending."""
        if Path(name).is_file():
            return Path(name)
        return self._files.get(Path(name.replace("\\", "/")).name.lower())


def page(found: Competition, pictures: Pictures) -> str:
    """The page; pairs whose files are not found have figures alone."""
    standings = metrics(found)
    names = [row["metric"] for row in standings]
    return render_page(
        "competition",
        _TEMPLATE,
        title=f"Pairs that {found.defender} calls equal",
        task="competition",
        summary=summary(found),
        subjective=found.scored.subjective_column,
        pairs=[_pair(found, place, pictures) for place in range(len(found.matches))],
        standings=[{key: _cell(key, value) for key, value in row.items()} for row in standings],
        names=names,
        matrix=[(name, [_attack(found, name, other) for other in names]) for name in names],
        about=ABOUT.format(subjective=found.scored.subjective_column, apart=f"{found.apart:g}"),
        files=[PAIRS, STANDINGS, DOCUMENT],
    )


def _pair(found: Competition, place: int, pictures: Pictures) -> dict[str, Any]:
    """One pair as the page shows it: reference, image a and image b."""
    row = pair(found, found.matches[place])
    metric = [name for name in (found.defender, found.attacker) if name]
    sides = [
        {
            "name": row[f"image_{side}"],
            "type": row.get(f"type_{side}", ""),
            "subjective": number(row[f"{found.scored.subjective_column}_{side}"]),
            "scores": [(name, number(row[f"{name}_{side}"])) for name in metric],
            "picture": _picture(pictures.find(row[f"image_{side}"])) if place < _PAIRS else "",
        }
        for side in "ab"
    ]
    shown = any(side["picture"] for side in sides)
    reference = pictures.find(row["reference"]) or pictures.find(reference_of(row["reference"]))
    return {
        "rank": place + 1,
        "reference": row["reference"],
        "picture": _picture(reference) if shown else "",
        "sides": sides,
        "difference": number(row["difference"]),
        "shown": shown,
        "agrees": row.get("attacker_agrees"),
    }


def _attack(found: Competition, attacker: str, defender: str) -> dict[str, Any] | None:
    """A cell of the matrix: the mean difference, and how strongly it is coloured, from -1 to 1."""
    if attacker == defender:
        return None
    largest = max((abs(one.difference) for one in found.attacks.values() if one.pairs), default=0) or 1
    one = found.attacks[attacker, defender]
    share = one.difference / largest if one.pairs else 0.0
    return {"text": number(one.difference, sign=True), "share": round(abs(share), 3), "good": share > 0}


def _cell(key: str, value: Any) -> str:
    if isinstance(value, (int, str)):
        return str(value)
    return number(value, sign=key in ("aggressiveness", "resistance"))


def _picture(file: Path | None) -> str:
    """The image in a file as a data URI; empty where there is none."""
    try:
        return webp(open_picture(file).pixels, _LONGER, _QUALITY) if file else ""
    except (OSError, ValueError):  # no picture
        return ""
