"""duel.html: the four images of a duel side by side and under a slider, and what every metric says of them."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image
from torch import Tensor

from enhance.duels.drawing import CURVES, IMAGES, caption, number, title
from enhance.duels.results import DOCUMENT, FOUR, STEPS, Duel
from enhance.images.arrays import to_array
from enhance.metrics.registry import display_name
from enhance.report.run_data import reduced
from enhance.report.template import render_page

PAGE = "duel.html"
_TEMPLATE = Path(__file__).with_name("template")
_MOST = 1024  # pixels of a picture's longer side in the page
_SHOW = 640  # CSS pixels: width of the largest picture


def page(found: Duel, folder: Path, command: str) -> str:
    """The page; `folder` has the curves."""
    first, second = (display_name(metric.name) for metric in (found.first, found.second))
    height, width = found.reference.shape[-2:]
    pictures = {"reference": found.reference, "initial": found.initial}
    pictures |= {name: end.image for name, end in found.ends.items()}
    return render_page(
        "duel",
        _TEMPLATE,
        title=f"{first} against {second}",
        task="duel",
        size=f"{width} x {height} pixels",
        pictures={name: _uri(image) for name, image in pictures.items()},
        titles={name: title(found, name) for name in pictures},
        captions={name: caption(found, name) for name in pictures},
        four=FOUR,
        ratio=width / height,
        show=max(width, _SHOW // width * width) if width < _SHOW else _SHOW,
        pairs=[("best-A", "worst-A"), ("best-B", "worst-B"), ("initial", "best-A"), ("initial", "best-B")],
        columns=["initial", *FOUR],
        table=[
            (display_name(key), [number(found.scores[image][key]) for image in ("initial", *FOUR)], _kind(found, key))
            for key in found.scores["initial"]
        ],
        notes=_notes(found),
        curves=f"data:image/png;base64,{base64.b64encode((folder / f'{CURVES}.png').read_bytes()).decode()}",
        command=command,
        files=[*(f"{name}.png" for name in ("initial", *FOUR, IMAGES, CURVES)), f"{IMAGES}.pdf", STEPS, DOCUMENT],
    )


def _kind(found: Duel, key: str) -> str:
    """Which side of the duel a metric is."""
    return {found.first.name: "A", found.second.name: "B"}.get(key, "")


def _notes(found: Duel) -> list[str]:
    largest = max(end.deviation for end in found.ends.values())
    notes = [f"On the way the held loss stays within {100 * largest:.2g} % of its level."]
    notes += [
        f"{title(found, name)}: ended at step {end.way[-1][0]}, since {end.reason}."
        for name, end in found.ends.items()
        if end.reason
    ]
    return notes


def _uri(image: Tensor) -> str:
    stream = io.BytesIO()
    reduced(Image.fromarray(to_array(image)), _MOST).save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
