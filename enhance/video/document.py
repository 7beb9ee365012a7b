"""What is known of two videos in the end: the JSON beside the table, and the lines of the terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from enhance.scoring import Pair, Scorer
from enhance.scoring.scorers import described, remarks
from enhance.utils.errors import SettingsError
from enhance.utils.numbers import finite
from enhance.video.curve import second_of
from enhance.video.scoring import Scored, Videos
from enhance.video.stream import Stream


def values(
    pair: Pair, videos: Videos, scorers: Sequence[Scorer], scored: Scored, align: str, mask: str | None
) -> dict[str, Any]:
    """The document; a score of every frame is in the table.

    `null` is an infinite score, as PSNR has it of equal images; means leave these frames out.
    """
    curve = scored.curve
    about = [{"column": scorer.name, **described(scorer), **({"mask": mask} if mask else {})} for scorer in scorers]
    return {
        "reference": pair.reference,
        "image": pair.image,
        "align": align,
        "streams": {"reference": _stream(videos.reference.stream), "image": _stream(videos.image.stream)},
        "notes": videos.all_notes(len(curve), curve.times[-1]),
        "scorers": about,
        "frames": len(curve),
        "means": {scorer.name: finite(curve.mean(scorer.name)) for scorer in scorers},
        "infinite": {scorer.name: curve.infinite(scorer.name) for scorer in scorers},
        "worst_frames": {scorer.name: _worst_frame(scored, scorer) for scorer in scorers},
        "worst_seconds": [
            {
                "second": second.number,
                "mean": finite(second.mean),
                "time": round(second.worst.time, 6),
                "frame": second.worst.reference.number,
                "score": finite(second.score),
            }
            for second in scored.worst
        ],
        "seconds": {
            scorer.name: {str(number): finite(score) for number, score in curve.seconds(scorer.name).items()}
            for scorer in scorers
        },
    }


def check_free(table: Path, others: Sequence[Path]) -> None:
    """Refuse to write over what is no output of an earlier call.

    Raises:
        SettingsError: if one of the files is there and the table is not, or is of something else.
    """
    for path in others:
        if path.exists() and not (table.exists() and _is_ours(path)):
            raise SettingsError(f"{path} is there already; output= can name another file.")


def lines(document: dict[str, Any], scored: Scored, table: Path, page: Path) -> list[str]:
    """The document for the terminal."""
    count, there = document["frames"], scored.there
    cells = [["", "mean", "worst second", "worst frame"]]
    for each in document["scorers"]:
        name, worst = each["column"], document["worst_frames"][each["column"]]
        seconds = scored.curve.seconds(name)
        second = (min if each["higher_is_better"] else max)(seconds, key=seconds.__getitem__)
        cells.append(
            [
                name,
                figure(document["means"][name]),
                f"{figure(finite(seconds[second]))} from {second} s",
                f"{figure(worst['score'])} at {worst['time']:.2f} s",
            ]
        )
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    said = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in cells]
    frames = f"{count} {'frame' if count == 1 else 'frames'} scored"
    equal = [
        f"({name}: without {each} infinite, of equal frames)" for name, each in document["infinite"].items() if each
    ]
    already = f", {there} of them were there already" if there else ""
    return [f"{frames}{already}: {table}", *said, *equal, *remarks(document["scorers"]), f"page: {page}"]


def figure(value: float | None) -> str:
    """A score for people.

    Example:
        >>> figure(0.1234567), figure(None)
        ('0.123457', 'infinite')
    """
    return "infinite" if value is None else f"{value:.6g}"


def _stream(stream: Stream) -> dict[str, Any]:
    return {**asdict(stream), "path": str(stream.path)}


def _worst_frame(scored: Scored, scorer: Scorer) -> dict[str, Any]:
    place = scored.curve.worst(scorer.name, scorer.metric.higher_is_better)
    time = scored.curve.times[place]
    score = finite(scored.curve.columns[scorer.name][place])
    return {"score": score, "time": round(time, 6), "second": second_of(time)}


def _is_ours(path: Path) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".html":
        return '<meta name="generator" content="enhance">' in text
    try:
        return "worst_seconds" in json.loads(text)
    except (ValueError, TypeError):
        return False
