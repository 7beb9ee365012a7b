"""report.html and progress.gif of a restoration, drawn from its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enhance.report.animation import gif, gif_frame
from enhance.report.embed import MOST, webp
from enhance.report.run_data import open_picture
from enhance.report.template import render_page
from enhance.runs import layout as names
from enhance.utils.files import write_bytes, write_text

_TEMPLATE = Path(__file__).with_name("template")
_SHOW = 760  # CSS pixels: width of the largest picture
_GIF, _MS, _PAUSE_MS = 480, 500, 2000  # pixels of the longer side; of a frame; of the last
_QUALITY = 92
_FILES = (names.RESULT, names.INITIAL, names.REFERENCE, names.GIF, names.HISTORY, names.METRICS)
_LABELS = {
    "psnr": ("PSNR", "{:.2f} dB"),
    "ssim": ("SSIM", "{:.4f}"),
    "residual": ("residual, RMS of 255", "{:.2f}"),
    "expected": ("expected of the noise", "{:.2f}"),
    "correlation": ("correlation of neighbouring residuals", "{:.3f}"),
    "blocks_in_cells": ("blocks within their cells", "{:.1%}"),
}


def draw(folder: Path, found: Mapping[str, Any]) -> None:
    """Write progress.gif and report.html of the restoration in a folder, whose metrics.json holds `found`."""
    _animation(folder)
    pictures = {
        name: webp(open_picture(folder / file).pixels, MOST, _QUALITY)
        for name, file in (("before", names.INITIAL), ("after", names.RESULT))
        if (folder / file).is_file()
    }
    width, height = found["width"], found["height"]
    page = render_page(
        "restoration",
        _TEMPLATE,
        "slider",
        title=f"{found['task']}: {Path(found['image']).name}",
        task=found["task"],
        width=width,
        height=height,
        seconds=f"{found['seconds']:.1f} s" if "seconds" in found else "",
        pictures=pictures if len(pictures) == 2 else {},
        ratio=width / height,
        show=min(_SHOW, max(width, 320)),
        reduced=max(width, height) > MOST,
        assumed=_rows({key: value for key, value in found["assumed"].items() if key != "tables"}),
        estimated=_rows(found["estimated"]),
        fit=_figures(found.get("fit", {})),
        before=_figures(found.get("initial", {})),
        after=_figures(found.get("result", {})),
        notes=found["notes"],
        command=found["command"],
        files=[name for name in _FILES if (folder / name).is_file()],
    )
    write_text(folder / names.REPORT, page)


def _rows(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (key.replace("_", " "), f"{value:g}" if isinstance(value, float) else str(value).replace("_", " "))
        for key, value in values.items()
    ]


def _figures(values: Mapping[str, float | None]) -> list[tuple[str, str]]:
    return [(_LABELS[key][0], _LABELS[key][1].format(value)) for key, value in values.items() if value is not None]


def _animation(folder: Path) -> None:
    files = names.frame_files(folder)
    if not files:
        return
    frames = [gif_frame(open_picture(file).pixels, None, step, _GIF) for step, file in files.items()]
    write_bytes(folder / names.GIF, gif(frames, [_MS] * (len(frames) - 1) + [_PAUSE_MS]))
