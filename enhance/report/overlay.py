"""A distance map laid over its image, for a paper."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import matplotlib.style
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from enhance.images.arrays import to_array
from enhance.utils.files import write_bytes

_SMOOTH = 256  # pixels of the longer side, at least, so that small images are not drawn tiny


def draw(maps: dict[str, Tensor], image: Tensor, path: Path) -> None:
    """One panel a map: the image in grey, the distance in a perceptually uniform colour map, opaque where it is large.

    Args:
        maps: (H, W), each summing to its loss, by title.
        image: (1, 3, H, W) in [0, 1].
        path: of a .png or .pdf.

    Raises:
        OSError: if it cannot be written.
    """
    grey = to_array(image).astype(float) @ (0.299, 0.587, 0.114) / 255
    height, width = grey.shape
    ratio = min(max(height / width, 0.2), 2.0)
    side = 3.4
    with matplotlib.style.context(["default", {"pdf.fonttype": 42}]):
        figure = Figure((side * len(maps), side * ratio + 0.75), dpi=max(200, _SMOOTH / side), facecolor="white")
        axes = figure.subplots(1, len(maps), squeeze=False)[0]
        figure.subplots_adjust(
            left=0.01,
            right=0.99,
            top=1 - 0.28 / figure.get_figheight(),
            bottom=0.42 / figure.get_figheight(),
            wspace=0.05,
        )
        for axis, (title, values) in zip(axes, maps.items(), strict=True):
            shares = values.double().cpu().numpy() * height * width  # of the loss: their mean is the loss
            most = max(float(shares.max()), 1e-12)
            axis.imshow(grey, cmap="gray", vmin=-0.15, vmax=1.15)
            scale = ScalarMappable(Normalize(0, most), "inferno")
            axis.imshow(scale.to_rgba(shares, alpha=0.9 * (shares / most).clip(0, 1) ** 0.5))
            axis.set_axis_off()
            axis.set_title(title, fontsize=9, pad=4)
            bar = figure.colorbar(
                scale, ax=axis, orientation="horizontal", fraction=0.05, pad=0.03, aspect=40, shrink=0.92
            )
            bar.locator = MaxNLocator(4)
            bar.update_ticks()
            bar.ax.tick_params(labelsize=7)
            bar.outline.set_linewidth(0.4)
            bar.set_label("distance at a pixel; the mean is the loss", fontsize=7)
        data = BytesIO()
        figure.savefig(
            data,
            format=path.suffix.lower().lstrip("."),
            bbox_inches="tight",
            pad_inches=0.05,
            metadata={"Software": None} if path.suffix.lower() == ".png" else {},
        )
    write_bytes(path, data.getvalue())
