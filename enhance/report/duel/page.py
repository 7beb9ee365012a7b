"""report.html of a duel: the four images side by side and under a slider, and what every metric says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from enhance.metrics.registry import display_name
from enhance.report import embed
from enhance.report.duel.data import FOUR, DuelData
from enhance.report.numbers import quantity
from enhance.report.template import render_page
from enhance.runs import layout as names
from enhance.utils.files import write_text

_TEMPLATE = Path(__file__).with_name("template")
_SHOW = 640  # CSS pixels: width of the largest picture
_PAIRS = (("best-A", "worst-A"), ("best-B", "worst-B"), ("initial", "best-A"), ("initial", "best-B"))


def report(data: DuelData) -> None:
    """Write report.html into the folder of a duel; its curves are drawn already."""
    first, second = map(display_name, data.pair)
    width, height = data.pictures["reference"].pixels.size
    curves = (data.folder / f"{names.CURVES}.png").read_bytes()
    page = render_page(
        "duel",
        _TEMPLATE,
        "slider",
        title=f"{first} against {second}",
        task="duel",
        start=data.metadata.get("start"),
        size=f"{width} x {height} pixels",
        pictures={name: embed.whole(picture) for name, picture in data.pictures.items()},
        titles={name: data.title(name) for name in ("reference", "initial", *FOUR)},
        captions={name: data.caption(name) for name in ("reference", "initial", *FOUR)},
        ratio=width / height,
        show=min(width, _SHOW) * max(1, _SHOW // width),
        pairs=[pair for pair in _PAIRS if all(name in data.pictures for name in pair)],
        curves=embed.data_uri(curves, "png"),
        command=data.metadata.get("command"),
        **_table(data),
        **_files(data),
    )
    write_text(data.folder / names.REPORT, page)


def _table(data: DuelData) -> dict[str, Any]:
    """The scores of all images by every metric, and how far the fixed losses were from their levels."""
    columns = ["initial", *FOUR]
    sides = dict(zip(data.pair, "AB", strict=True))
    scores = {name: data.scores(name) for name in columns}
    return {
        "columns": columns,
        "table": [
            (display_name(key), [quantity(key).write(scores[name].get(key)) for name in columns], sides.get(key, ""))
            for key in data.scores("initial")
        ],
        "notes": _notes(data),
    }


def _notes(data: DuelData) -> list[str]:
    if "largest_deviation" not in data.metadata:
        return ["The duel is not finished."]
    largest = 100 * data.metadata["largest_deviation"]
    said = [f"At every step the fixed loss is within {largest:.2g} % of its level."]
    for figures in data.metadata["images"].values():
        if figures["stop_reason"] != "all steps made":
            said.append(f"{figures['title']}: ended at step {figures['step']}, {figures['stop_reason']}.")
    return said


def _files(data: DuelData) -> dict[str, Any]:
    """What else lies in the folder, and the reports of the four optimisations."""
    drawn = [f"{name}.{kind}" for name in (names.COMPARISON, names.CURVES) for kind in ("png", "pdf")]
    files = [*(f"{name}.png" for name in data.pictures), *drawn, names.METRICS]
    return {
        "files": [name for name in files if (data.folder / name).is_file()],
        "reports": {name: f"{name}/{names.REPORT}" for name in FOUR if (data.folder / name / names.REPORT).is_file()},
    }
