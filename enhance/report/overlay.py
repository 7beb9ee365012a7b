"""Distance maps laid over their image, fit for a paper."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from enhance.report.crops import Array
from enhance.report.style import COLOUR_MAP, encode, figure, plain
from enhance.utils.files import write_bytes

_PANEL = 3.4  # inches
_SMOOTH = 256  # pixels of the longer side, at least, so that small images are not drawn tiny


@plain
def draw(maps: dict[str, Tensor], image: Array, path: Path) -> None:
    """One panel a map: the image in grey, the distance in a perceptually uniform colour map, opaque where it is large.

    Args:
        maps: (H, W), each summing to its loss, by title.
        image: (H, W, 3), bytes.
        path: of a .png or .pdf.

    Raises:
        OSError: if it cannot be written.
    """
    grey = image.astype(float) @ (0.299, 0.587, 0.114) / 255
    height, width = grey.shape
    ratio = min(max(height / width, 0.2), 2.0)
    drawn = figure(_PANEL * len(maps), _PANEL * ratio + 0.75, max(200, _SMOOTH / _PANEL))
    inch = 1 / drawn.get_figheight()
    drawn.subplots_adjust(left=0.01, right=0.99, top=1 - 0.28 * inch, bottom=0.42 * inch, wspace=0.05)
    axes = drawn.subplots(1, len(maps), squeeze=False)[0]
    for axis, (title, values) in zip(axes, maps.items(), strict=True):
        shares = values.double().cpu().numpy() * height * width  # of the loss: their mean is the loss
        scale = _overlay(axis, grey, shares)
        axis.set_title(title, fontsize=9, pad=4)
        _colour_bar(drawn, axis, scale)
    write_bytes(path, encode(drawn, path.suffix.lower().lstrip("."), bbox_inches="tight", pad_inches=0.05))


def _overlay(axis: Axes, grey: Array, shares: Array) -> ScalarMappable:
    most = max(float(shares.max()), 1e-12)
    scale = ScalarMappable(Normalize(0, most), COLOUR_MAP)
    axis.imshow(grey, cmap="gray", vmin=-0.15, vmax=1.15)
    axis.imshow(scale.to_rgba(shares, alpha=0.9 * (shares / most).clip(0, 1) ** 0.5))
    axis.set_axis_off()
    return scale


def _colour_bar(drawn: Figure, axis: Axes, scale: ScalarMappable) -> None:
    bar = drawn.colorbar(scale, ax=axis, orientation="horizontal", fraction=0.05, pad=0.03, aspect=40, shrink=0.92)
    bar.locator = MaxNLocator(4)
    bar.update_ticks()
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_linewidth(0.4)
    bar.set_label("distance at a pixel; the mean is the loss", fontsize=7)
