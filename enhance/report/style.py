"""What all figures share: names, colours that people of any colour vision tell apart, and files of the same bytes every
time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from enhance.utils.files import write_bytes

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")

# Okabe and Ito's colours, and greys for text, axes and grid.
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
ORANGE, SKY, PURPLE = "#E69F00", "#56B4E9", "#CC79A7"
INK, FAINT, GRID, PALE = "#222222", "#888888", "#e6e6e6", "#f3f3ef"
DPI = {"png": 200, "pdf": 300}  # of a file; in a PDF those of its images
COLOUR_MAP = "inferno"  # of errors and distances: perceptually uniform, also to people who do not tell red from green


def style_axes(axis: Axes) -> None:
    """Two spines, a pale grid below the curves, and small labels."""
    axis.tick_params(which="both", labelsize=7, color=FAINT, labelcolor=INK)
    axis.grid(True, color=GRID, linewidth=0.6)
    axis.set_axisbelow(True)
    for name, spine in axis.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(FAINT)


def plain(draw: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Draw in matplotlib's own style, whatever the user's matplotlibrc says: figures are the same everywhere.

    Fonts go into a PDF as TrueType, which publishers ask for; Type 3, matplotlib's default, they refuse.
    """

    @wraps(draw)
    def drawn(*arguments: _Given.args, **named: _Given.kwargs) -> _Result:
        with matplotlib.style.context(["default", {"pdf.fonttype": 42}]):
            return draw(*arguments, **named)

    return drawn


def figure(width: float, height: float, dpi: float = 100) -> Figure:
    """An empty figure of so many inches, on white."""
    made = Figure(figsize=(width, height), dpi=dpi, facecolor="white")
    FigureCanvasAgg(made)
    return made


def encode(drawn: Figure, kind: str, dpi: float | str = "figure", **settings: Any) -> bytes:
    """The figure as a file's bytes, without dates, so that the same figure gives the same bytes.

    Args:
        drawn: the figure.
        kind: png or pdf.
        dpi: dots an inch; of a PDF those of the images in it.
        settings: of `Figure.savefig`.
    """
    metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Producer": None}}
    buffer = BytesIO()
    drawn.savefig(buffer, format=kind, dpi=dpi, metadata=metadata.get(kind, {}), **settings)
    return buffer.getvalue()


def save(drawn: Figure, path: Path) -> None:
    """Write a PNG and a PDF."""
    for kind, dpi in DPI.items():
        write_bytes(path.with_suffix(f".{kind}"), encode(drawn, kind, dpi))
