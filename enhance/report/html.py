"""report.html: a run as one page that opens from disk, needs no network and prints well."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enhance.metrics.registry import display_name
from enhance.report import embed
from enhance.report.charts import HEIGHT, WIDTH, Chart, charts, levels
from enhance.report.embed import Frame
from enhance.report.numbers import QUANTITIES, quantity, write
from enhance.report.run_data import RunData
from enhance.report.template import SHARED, render_page
from enhance.runs import layout as names
from enhance.utils.files import write_text

BESIDE = {
    names.RESULT: "the result",
    f"{names.COMPARISON}.png": "comparison",
    f"{names.COMPARISON}.pdf": "comparison, PDF",
    f"{names.CURVES}.png": "curves",
    f"{names.CURVES}.pdf": "curves, PDF",
    names.GIF: "animation",
    names.VIDEO: "video",
    names.HISTORY: "every step",
    names.METRICS: "settings and results",
    names.LOG: "log",
}
_STAGE = 640  # CSS pixels: width of the largest picture
_PAIRS = (("initial", "result"), ("result", "reference"), ("initial", "reference"))


def report(data: RunData) -> None:
    """Write report.html into the folder of a run, from the run's files alone."""
    write_text(data.folder / names.REPORT, page(data))


def page(data: RunData, version: str = "") -> str:
    """The page of a run.

    Args:
        data: the run's files.
        version: of what the page shows, where the page is served while the run is at work and asks for more.
    """
    labels = {"initial": "initial", "result": "result" if data.ended else "so far", "reference": "reference"}
    course = _course(data)
    return render_page(
        "report",
        SHARED,
        *(["slider", "live"] if version else ["slider"]),
        labels=labels,
        live=bool(version),
        **_heading(data),
        **_images(data),
        **_results(data, labels),
        **course | {"data": course["data"] | ({"version": version} if version else {})},
        **_error_maps(data),
        **_reproduction(data),
    )


def _heading(data: RunData) -> dict[str, Any]:
    """What was run, how it ended, and what is wrong with it."""
    pretrained = (data.metadata.get("backbone") or {}).get("pretrained", True)
    return {
        "title": _title(data),
        "task": data.metadata.get("task"),
        "method": data.method,
        "state": _state(data),
        "alarms": [] if pretrained else ["The backbone is untrained: distances in it are for tests only."],
        "missing": data.missing,
    }


def _images(data: RunData) -> dict[str, Any]:
    """Initial image, result and reference, whole and in detail, and which of them are compared."""
    pictures = {name: embed.whole(picture) for name, picture in data.images.items()}
    details = embed.details(data)
    width, height = _size(data)
    return {
        "pictures": pictures,
        "views": {"whole": pictures} | ({"detail": details} if details else {}),
        "pairs": [pair for pair in _PAIRS if all(side in pictures for side in pair)],
        "width": width,
        "height": height,
        "show": _shown_width(width),
        "most": embed.MOST,
        "reduced": max(width, height) > embed.MOST,
    }


def _results(data: RunData, labels: Mapping[str, str]) -> dict[str, Any]:
    """The figures of initial image and result, and of the last image where that is not the result."""
    initial, result = data.results()
    final, objective = data.metadata.get("final", {}), data.metadata.get("objective") or []
    last = [final] if "step" in final and final["step"] != result.get("step") else []
    return {
        "columns": [labels["initial"], labels["result"], *(["last"] if last else [])],
        "table": _table([initial, result, *last]),
        "terms": _terms(data, initial, result),
        "scores": _scores(data, [initial, result, *last]),
        "remarks": [*data.metadata.get("notes", []), *data.metadata.get("why_null", {}).values()],
        "levels": levels(initial, result),
        "measure": display_name((data.metadata.get("metric") or {}).get("name") or "the metric"),
        "weighted": any(term.get("weight") != 1 for term in objective) or len(objective) > 1,
    }


def _course(data: RunData) -> dict[str, Any]:
    """The animation and the curves, for the page and for its script."""
    frames, curves = embed.frames(data), charts(data)
    return {
        "frames": frames,
        "thumbnails": embed.thumbnails(data, frames),
        "charts": curves,
        "chart_size": (WIDTH, HEIGHT),
        "logarithmic": any(chart.logarithmic for chart in curves),
        "best_step": data.best.step if data.best else None,
        "data": _script_data(frames, curves),
    }


def _error_maps(data: RunData) -> dict[str, Any]:
    return {"maps": embed.error_maps(data), "gradient": embed.gradient()}


def _reproduction(data: RunData) -> dict[str, Any]:
    """How to make the run again, and what else its folder holds."""
    interrupted = not data.ended or data.metadata.get("stop_reason") == "interrupted"
    return {
        "command": data.metadata.get("command"),
        "resumable": interrupted and any((data.folder / name).is_file() for name in names.CHECKPOINTS),
        "settings": _settings(data.metadata),
        "configuration": data.configuration,
        "warnings": data.warnings,
        "files": {name: title for name, title in BESIDE.items() if (data.folder / name).is_file()},
    }


def _title(data: RunData) -> str:
    """From what to what, e.g. `white → astronaut`; else what is known of it."""
    ends = [data.start, Path(str(data.metadata.get("reference") or "")).name]
    return " → ".join(ends) if all(ends) else data.method or "A run"


def _state(data: RunData) -> str:
    made, asked = data.rows[-1].step if data.rows else 0, data.metadata.get("steps")
    if data.ended:
        seconds = f" in {_duration(data.metadata['seconds'])}" if "seconds" in data.metadata else ""
        return f"{data.metadata.get('stop_reason')}, {made} steps{seconds}"
    return f"not finished: step {made} of {asked}" if asked else f"not finished: step {made}"


def _size(data: RunData) -> tuple[int, int]:
    picture = data.reference or data.result
    return picture.pixels.size if picture else (1, 1)


def _shown_width(width: int) -> int:
    """Width in CSS pixels at which a picture is shown: small ones enlarged by a whole number."""
    return min(width, _STAGE) * max(1, _STAGE // width)


def _table(columns: list[Mapping[str, Any]]) -> list[tuple[str, list[str], str]]:
    """Rows of the table of figures: a name, its values, and the change from the first column to the second."""
    return [
        (
            quantity.title,
            [quantity.write(numbers.get(key)) for numbers in columns],
            _change(key, columns[0].get(key), columns[1].get(key)),
        )
        for key, quantity in QUANTITIES.items()
        if any(numbers.get(key) is not None for numbers in columns)
    ]


def _terms(data: RunData, initial: Mapping[str, Any], result: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Name, weight, and value before and after of each term of an objective that has several."""
    before, after = (numbers.get("terms") or {} for numbers in (initial, result))
    return [
        (display_name(name), f"{weight:g}", write("loss", before.get(name)), write("loss", after.get(name)))
        for name, weight in data.weights.items()
    ]


def _scores(data: RunData, columns: list[Mapping[str, Any]]) -> list[tuple[str, str, list[str]]]:
    """Name, which scores are better and scores of each evaluation metric; the PSNR of equal images is infinite."""
    known = [figures.get("scores") or {} for figures in columns]
    return [
        (
            quantity(name).heading,
            "higher" if metric.get("higher_is_better") else "lower",
            [quantity(name).write(scores.get(name), unit=False) for scores in known],
        )
        for name, metric in data.scores.items()
        if any(name in scores for scores in known)
    ]


def _change(key: str, before: float | None, after: float | None) -> str:
    if before is None or after is None or not math.isfinite(before - after):
        return ""
    if key == "loss" and before > 0:
        factor = before / after if after > 0 else 0.0
        return f"÷ {factor:,.0f}" if factor >= 1000 else f"÷ {factor:.3g}" if factor else ""
    return QUANTITIES[key].write(after - before, sign=True)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.3g} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.0f} min" if minutes < 100 else f"{hours:.1f} h"


def _settings(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a reader asks first about how the run was computed; what is not known is left out."""
    metric, backbone, parametrization, device, versions = (
        metadata.get(key) or {} for key in ("metric", "backbone", "parametrization", "device", "versions")
    )
    listed = {
        "task": metadata.get("task"),
        "reference": metadata.get("reference"),
        "start": metadata.get("start"),
        "image": f"{metadata['width']} x {metadata['height']} pixels" if "width" in metadata else None,
        "objective": _objective(metadata) or metric.get("name"),
        "backbone": backbone.get("name"),
        "weights": ", SHA-256 ".join(str(backbone[key]) for key in ("weights", "sha256") if backbone.get(key)),
        "parametrization": parametrization.get("name"),
        "seed": metadata.get("seed"),
        "time per step": f"{metadata['seconds_per_step']:.3g} s" if metadata.get("seconds_per_step") else None,
        "device": _device(device),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    return [(name, str(value)) for name, value in listed.items() if value not in (None, "")]


def _objective(metadata: Mapping[str, Any]) -> str:
    """The objective as a sum, e.g. `deepwsd + 0.1 lpips`."""
    terms = ((float(term.get("weight", 1)), str(term.get("name"))) for term in metadata.get("objective") or [])
    return " + ".join(name if weight == 1 else f"{weight:g} {name}" for weight, name in terms)


def _device(device: Mapping[str, Any]) -> str:
    threads = device.get("threads")
    known = [device.get("type"), device.get("name"), threads and f"{threads} thread{'s' if threads > 1 else ''}"]
    return ", ".join(str(part) for part in known if part)


def _script_data(frames: list[Frame], charts: list[Chart]) -> dict[str, Any]:
    """What the page's script shows when it is asked for a step."""
    return {
        "frames": [{"step": frame.step, "uri": frame.uri, "text": frame.text} for frame in frames],
        "charts": {
            chart.key: {"steps": chart.steps, "x": chart.across, "y": chart.up, "texts": chart.texts}
            for chart in charts
        },
    }
