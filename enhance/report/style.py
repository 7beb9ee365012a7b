"""What all figures share: colours that people of any colour vision tell apart, and files that are alike every time."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import ParamSpec, TypeVar

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from enhance.utils.files import write_bytes

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")

# Okabe and Ito's colours.
BLUE, VERMILION, GREEN, INK, FAINT = "#0072B2", "#D55E00", "#009E73", "#222222", "#888888"
ORANGE, SKY, PURPLE = "#E69F00", "#56B4E9", "#CC79A7"
WRITTEN = {"deepwsd": "DeepWSD", "deepjsd": "DeepJSD", "deepskld": "DeepSKLD"}  # as papers write them


def plain(draw: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Draw in matplotlib's own style, whatever the user's matplotlibrc says: figures are the same everywhere.

    Fonts go into a PDF as TrueType, which publishers ask for; Type 3, matplotlib's default, they refuse.
    """

    @wraps(draw)
    def drawn(*arguments: _Given.args, **named: _Given.kwargs) -> _Result:
        with matplotlib.style.context(["default", {"pdf.fonttype": 42}]):
            return draw(*arguments, **named)

    return drawn


def figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, on white."""
    made = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(made)
    return made


def save(drawn: Figure, path: Path) -> None:
    """PNG at 200 dots an inch and PDF with images at 300, without dates, so that the same files give the same bytes."""
    for suffix, dpi, metadata in (
        (".png", 200, {"Software": None}),
        (".pdf", 300, {"CreationDate": None, "Producer": None}),
    ):
        buffer = BytesIO()
        drawn.savefig(buffer, format=suffix[1:], dpi=dpi, metadata=metadata)
        write_bytes(path.with_suffix(suffix), buffer.getvalue())
