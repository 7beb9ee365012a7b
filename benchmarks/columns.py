"""Where the 64 entries of one column lie, in the strided and in the spatial layout: docs/columns.jpg.

python -m benchmarks.columns      # a second
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import torch
from matplotlib.axes import Axes
from PIL import Image
from torch import Tensor
from torch.nn import functional

import enhance
from enhance.metrics.deep.layouts import LAYOUTS
from enhance.report.style import VERMILION, encode, figure, plain
from enhance.scoring.degraded import photograph

FILE = Path(__file__).parents[1] / "docs" / "columns.jpg"
_STAGE = 3  # 128 channels of 64 x 64: small enough to be drawn whole
_ACROSS = {3: 3, 128: 16}  # channels beside one another
_PLACE = (0.45, 0.55)  # of the column, in heights and widths of a map: on the face
_GAP = 3  # pixels between channels
_FONT = 19


def column(shape: tuple[int, ...], layout: str) -> list[tuple[int, int, int]]:
    """Channel, row and column of each entry of the 64-vector to which a pixel of a map (C, H, W) belongs."""
    channels, height, width = shape
    places = torch.arange(channels * height * width).reshape(1, *shape)
    columns = LAYOUTS[layout](places)[0]  # (64, N), each place once
    wanted = places[0, 0, int(_PLACE[0] * height), int(_PLACE[1] * width)]
    (found,) = (columns == wanted).any(0).nonzero()
    indices = torch.unravel_index(columns[:, found].flatten(), shape)
    return list(zip(*(index.tolist() for index in indices), strict=True))


@plain
def draw(levels: dict[str, Tensor], path: Path) -> None:
    """A row for each level, (C, H, W) by its name, and a panel for each layout."""
    drawn = figure(10, 4.35, 130)
    panels = drawn.subplots(
        len(levels),
        len(LAYOUTS),
        squeeze=False,
        height_ratios=[len(each) / _ACROSS[len(each)] ** 2 for each in levels.values()],
    )
    drawn.subplots_adjust(left=0.045, right=0.995, top=0.915, bottom=0.01, wspace=0.03, hspace=0.06)
    for (name, level), row in zip(levels.items(), panels, strict=True):
        for layout, axis in zip(LAYOUTS, row, strict=True):
            _panel(axis, level, column(tuple(level.shape), layout))
        row[0].set_ylabel(name, fontsize=_FONT)
    for layout, axis in zip(LAYOUTS, panels[0], strict=True):
        axis.set_title(f"layout={layout}", fontsize=_FONT)
    Image.open(BytesIO(encode(drawn, "png"))).convert("RGB").save(path, quality=88)


def _panel(axis: Axes, level: Tensor, entries: list[tuple[int, int, int]]) -> None:
    across = _ACROSS[len(level)]
    scaled = level / level.amax((1, 2), keepdim=True).clamp_min(1e-6)  # each channel by its own largest value
    tiles = functional.pad(scaled, (0, _GAP, 0, _GAP), value=1.0)
    channels, height, width = tiles.shape
    tiles = tiles.reshape(channels // across, across, height, width).permute(0, 2, 1, 3)
    axis.imshow(tiles.reshape(channels // across * height, across * width).numpy(), cmap="gray", vmin=0, vmax=1)
    x = [channel % across * width + column for channel, _, column in entries]
    y = [channel // across * height + row for channel, row, _ in entries]
    axis.scatter(x, y, 24, VERMILION, linewidths=0)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_frame_on(False)


def main() -> None:
    """Draw the picture."""
    image = photograph("astronaut")
    with torch.no_grad():
        features = enhance.load_backbone("vgg_compact")(image)[_STAGE - 1]
    draw({"image": image[0], f"stage {_STAGE}": features[0].sqrt()}, FILE)
    print(FILE.name)


if __name__ == "__main__":
    main()
