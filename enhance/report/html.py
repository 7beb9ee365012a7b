"""report.html: a run as one page that opens from disk, needs no network and prints well."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from enhance.report import embed
from enhance.report.charts import FORMATS, HEIGHT, TITLES, WIDTH, Chart, charts, levels
from enhance.report.embed import Frame
from enhance.report.run_data import Story
from enhance.runs import layout as names
from enhance.utils.files import write_text
from enhance.utils.hashes import hash_script

_PAGE = Path(__file__).with_name("page")
STYLE = _PAGE / "report.css"  # the pages of sweeps wear it too
_BESIDE = {
    names.RESULT: "the result",
    f"{names.COMPARISON}.png": "comparison",
    f"{names.COMPARISON}.pdf": "comparison, PDF",
    f"{names.CURVES}.png": "curves",
    f"{names.CURVES}.pdf": "curves, PDF",
    names.GIF: "animation",
    names.VIDEO: "video",
    names.HISTORY: "every step",
    names.METRICS: "all figures and settings",
    names.LOG: "log",
}


_STAGE = 640  # CSS pixels: width of the largest picture
_PAIRS = (("initial", "result"), ("result", "reference"), ("initial", "reference"))


def report(story: Story) -> None:
    """Write report.html into the folder of a run. Everything comes from its files; everything that comes from them is
    escaped, and the page's policy lets no script run but its own and nothing be fetched.
    """
    style, script = ((_PAGE / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    environment = Environment(
        loader=FileSystemLoader(_PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = _figure
    page = environment.get_template("report.html").render(
        _context(story), style=Markup(style), script=Markup(script), digest=hash_script(script)
    )
    write_text(story.folder / names.REPORT, page)


def _context(story: Story) -> dict[str, Any]:
    facts = story.facts
    initial, result = story.numbers()
    final = facts.get("final", {})
    ends_elsewhere = "step" in final and final["step"] != result.get("step")
    film, curves = embed.film(story), charts(story)
    paths = {"initial": story.initial, "result": story.result, "reference": story.reference}
    pictures = {name: embed.whole(path) for name, path in paths.items() if path}
    details = dict(zip(paths, embed.details(story), strict=False))
    labels = {"initial": "initial", "result": "result" if story.ended else "so far", "reference": "reference"}
    width, height = _size(story)
    return {
        "story": story,
        "facts": facts,
        "title": _title(story),
        "made_of": story.made_of,
        "state": _state(story),
        "alarms": _alarms(facts),
        "labels": labels,
        "pictures": pictures,
        "views": {"whole": pictures} | ({"detail": details} if details else {}),
        "pairs": [pair for pair in _PAIRS if all(side in pictures for side in pair)],
        "width": width,
        "height": height,
        "show": _shown(width),
        "most": embed.MOST,
        "reduced": max(width, height) > embed.MOST,
        "columns": [labels["initial"], labels["result"], *(["last"] if ends_elsewhere else [])],
        "table": _table([initial, result, *([final] if ends_elsewhere else [])]),
        "remarks": _remarks(facts),
        "levels": levels(initial, result),
        "maps": embed.error_maps(story),
        "gradient": embed.gradient(),
        "charts": curves,
        "chart_size": (WIDTH, HEIGHT),
        "logarithmic": any(chart.logarithmic for chart in curves),
        "film": film,
        "thumbnails": embed.thumbnails(story, film),
        "data": _data(film, curves),
        "going_on": (not story.ended or facts.get("stop_reason") == "interrupted")
        and any((story.folder / name).is_file() for name in names.CHECKPOINTS),
        "settings": _settings(facts),
        "beside": {name: what for name, what in _BESIDE.items() if (story.folder / name).is_file()},
    }


def _title(story: Story) -> str:
    """From what to what, e.g. `white → astronaut`; else what is known of it."""
    ends = [str(story.facts.get("start") or ""), Path(str(story.facts.get("reference") or "")).name]
    return " → ".join(ends) if all(ends) else story.made_of or "A run"


def _state(story: Story) -> str:
    made, asked = story.rows[-1].step if story.rows else 0, story.facts.get("steps")
    if story.ended:
        seconds = f" in {_duration(story.facts['seconds'])}" if "seconds" in story.facts else ""
        return f"{story.facts.get('stop_reason')}, {made} steps{seconds}"
    return f"not finished: step {made} of {asked}" if asked else f"not finished: step {made}"


def _alarms(facts: Mapping[str, Any]) -> list[str]:
    if facts.get("backbone", {}).get("pretrained", True):
        return []
    return ["The backbone is untrained: distances in it are for tests only."]


def _remarks(facts: Mapping[str, Any]) -> list[str]:
    """What was done to the user's files, and why figures are missing."""
    return [*facts.get("notes", []), *facts.get("why_null", {}).values()]


def _size(story: Story) -> tuple[int, int]:
    path = story.reference or story.result
    if path is None:
        return 1, 1
    with Image.open(path) as opened:
        return opened.size


def _shown(width: int) -> int:
    """Width in CSS pixels at which a picture is shown: small ones enlarged by a whole number."""
    return min(width, _STAGE) * max(1, _STAGE // width)


def _table(columns: list[Mapping[str, Any]]) -> list[tuple[str, list[str], str]]:
    """Rows of the table of figures: a name, its values, and the change from the first column to the second."""
    return [
        (
            title,
            [_figure(numbers.get(key), key) for numbers in columns],
            _change(key, columns[0].get(key), columns[1].get(key)),
        )
        for key, title in TITLES.items()
        if any(numbers.get(key) is not None for numbers in columns)
    ]


def _figure(value: float | None, key: str) -> str:
    if value is None:
        return "\N{EN DASH}"
    return FORMATS[key].format(value) if math.isfinite(value) else "∞"


def _change(key: str, before: float | None, after: float | None) -> str:
    if before is None or after is None or not math.isfinite(before - after):
        return ""
    if key == "loss":
        factor = before / after if after > 0 else 0.0
        return f"÷ {factor:,.0f}" if factor >= 1000 else f"÷ {factor:.3g}" if factor else ""
    return FORMATS[key].replace("{:", "{:+").format(after - before).replace("-", "\N{MINUS SIGN}")


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.3g} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.0f} min" if minutes < 100 else f"{hours:.1f} h"


def _settings(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a reader asks first about how the run was computed."""
    backbone, device, versions = (facts.get(key, {}) for key in ("backbone", "device", "versions"))
    weights = ", SHA-256 ".join(str(backbone[key]) for key in ("weights", "sha256") if backbone.get(key))
    listed = {
        "task": facts.get("task"),
        "reference": facts.get("reference"),
        "start": facts.get("start"),
        "image": f"{facts['width']} x {facts['height']} pixels" if "width" in facts else None,
        "measure": facts.get("metric", {}).get("name"),
        "backbone": backbone.get("name"),
        "weights": weights,
        "parametrization": facts.get("parametrization", {}).get("name"),
        "seed": facts.get("seed"),
        "time per step": f"{facts['seconds_per_step']:.3g} s" if facts.get("seconds_per_step") else None,
        "device": ", ".join(str(device[key]) for key in ("type", "name") if device.get(key))
        + (f", {device['threads']} thread{'s' if device['threads'] > 1 else ''}" if device.get("threads") else ""),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    return [(name, str(value)) for name, value in listed.items() if value not in (None, "")]


def _data(film: list[Frame], drawn: list[Chart]) -> dict[str, Any]:
    """For the page's script."""
    return {
        "frames": [{"step": frame.step, "uri": frame.uri, "text": frame.text} for frame in film],
        "charts": {
            chart.key: {"steps": chart.steps, "x": chart.across, "y": chart.up, "texts": chart.texts} for chart in drawn
        },
    }
