"""report.html and progress.gif of a restoration, drawn from its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enhance.report.animation import gif, gif_frame
from enhance.report.embed import MOST, webp
from enhance.report.numbers import FITS, quantity, seconds
from enhance.report.restoration.data import RestorationData
from enhance.report.template import render_page
from enhance.runs import layout as names
from enhance.utils.files import write_bytes, write_text
from enhance.utils.units import in_words

_TEMPLATE = Path(__file__).with_name("template")
_SHOW = 760  # CSS pixels: width of the largest picture
_GIF, _MS, _PAUSE_MS = 480, 500, 2000  # pixels of the longer side; of a frame; of the last
_QUALITY = 92
_FILES = (names.RESULT, names.INITIAL, names.REFERENCE, names.GIF, names.HISTORY, names.METRICS)
_SHOWN = ("psnr", "ssim", *FITS)


def draw(folder: Path) -> tuple[str, ...]:
    """Write progress.gif and report.html of the restoration in a folder.

    Returns:
        One sentence for each thing that is missing; what can be drawn without it is drawn.
    """
    data = RestorationData.read(folder)
    _animation(data)
    write_text(folder / names.REPORT, page(data))
    return data.missing


def page(data: RestorationData, version: str = "") -> str:
    """The page of a restoration.

    Args:
        data: its files.
        version: of what the page shows, where the page is served while the restoration is at work and asks for more.
    """
    pictures = {name: webp(picture.pixels, MOST, _QUALITY) for name, picture in data.pictures.items()}
    width, height = data.size
    assumed = data.section("assumed")
    return render_page(
        "restoration",
        _TEMPLATE,
        *(["slider", "live"] if version else ["slider"]),
        live=bool(version),
        data={"version": version},
        title=f"{data.text('task')}: {Path(data.text('image')).name}",
        task=data.text("task"),
        width=width,
        height=height,
        labels={"before": "before", "after": "after" if data.ended else f"so far, pass {data.passes}"},
        seconds=f"{seconds(took)} s" if isinstance(took := data.metadata.get("seconds"), float | int) else "",
        pictures=pictures if len(pictures) == 2 else {},
        ratio=width / height,
        show=min(_SHOW, max(width, 320)),
        reduced=max(width, height) > MOST,
        assumed=_rows({key: value for key, value in assumed.items() if key != "tables"}),
        estimated=_rows(data.section("estimated")),
        fit=_figures(data.section("fit")),
        before=_figures(data.section("initial")),
        after=_figures(data.section("result")),
        notes=data.notes,
        missing=data.missing,
        command=data.text("command"),
        files=[name for name in _FILES if (data.folder / name).is_file()],
    )


def _rows(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    name = str(values.get("degradation"))
    return [(key.replace("_", " "), in_words(key, value, name)) for key, value in values.items()]


def _figures(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (quantity(key).title, quantity(key).write(value))
        for key in _SHOWN
        if isinstance(value := values.get(key), float | int)
    ]


def _animation(data: RestorationData) -> None:
    if data.frames:
        frames = [gif_frame(image, None, step, _GIF) for step, image in data.frames.items()]
        write_bytes(data.folder / names.GIF, gif(frames, [_MS] * (len(frames) - 1) + [_PAUSE_MS]))
