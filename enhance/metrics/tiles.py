"""Large images in bounded memory: the mean distance of their tiles, each an image of its own to the measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from enhance.metrics.deep.distance import DeepDistance
from enhance.metrics.first_order import anchor, first_order

Box = tuple[slice, slice]

_LARGE, _TILE, _OVERLAP = 2_000_000, 512, 32  # pixels in all, and along a side


@dataclass(frozen=True)
class TiledReference:
    """A reference of a `Tiled` metric. Its features would not fit in memory: they are computed anew for each tile."""

    image: Tensor


class Tiled(nn.Module):
    """A metric whose loss of an image is the mean loss of its tiles.

    Tiles are all of one size and evenly spaced. Where they overlap, both look at the pixels: no pixel lies at the edge
    of every tile that sees it, so that edges leave no seams. Forward and backward pass are done tile by tile, in the
    memory that one tile takes.

    Args:
        metric: judges each tile.
        size: longest side of a tile in pixels.
        overlap: least number of pixels that neighbours share.

    Raises:
        ValueError: if tiles would be smaller than 8 pixels or not larger than their overlap.
    """

    def __init__(self, metric: DeepDistance, size: int = 512, overlap: int = 32) -> None:
        super().__init__()
        if not 0 <= overlap < size or size < 8:
            raise ValueError(
                f"Tiles of {size} pixels with an overlap of {overlap} cannot be; take size=512, overlap=32."
            )
        self.metric, self.size, self.overlap = metric, size, overlap

    def prepare(self, reference: Tensor) -> TiledReference:
        """Accepted wherever a reference is."""
        return TiledReference(reference)

    def forward(self, image: Tensor, reference: Tensor | TiledReference, smoothing: float = 0.0) -> Tensor:
        """The loss, see `DeepDistance.forward`: (B, 3, H, W) in [0, 1] each -> a scalar. Differentiable in `image`."""
        target = reference.image if isinstance(reference, TiledReference) else reference
        return _TileByTile.apply(image, anchor(image), target, self, smoothing)  # type: ignore[return-value]

    @torch.no_grad()
    def layers(self, image: Tensor, reference: Tensor | TiledReference) -> Tensor:
        """The distance of each level, (B, L), the mean of the tiles'."""
        target = reference.image if isinstance(reference, TiledReference) else reference
        boxes = self.boxes(*image.shape[-2:])
        return sum(self.metric.layers(image[..., *box], target[..., *box]) for box in boxes) / len(boxes)  # type: ignore[return-value]

    def boxes(self, height: int, width: int) -> list[Box]:
        """Where the tiles lie."""
        return [(row, column) for row in self._spans(height) for column in self._spans(width)]

    def _spans(self, side: int) -> list[slice]:
        if side <= self.size:
            return [slice(0, side)]
        count = -(-(side - self.overlap) // (self.size - self.overlap))
        starts = [round(number * (side - self.size) / (count - 1)) for number in range(count)]
        return [slice(start, start + self.size) for start in starts]


def whole_or_tiled(metric: DeepDistance, height: int, width: int, size: int | None = None) -> DeepDistance | Tiled:
    """The metric for images of that size: itself, or in tiles of `size` pixels.

    Args:
        metric: judges the image or each tile.
        height, width: of the image.
        size: of a tile; 0: never in tiles; None: 512 where the image has more than two million pixels.
    """
    side = size if size is not None else _TILE if height * width > _LARGE else 0
    return Tiled(metric, side, min(side // 4, _OVERLAP)) if side else metric


class _TileByTile(torch.autograd.Function):
    """The gradient is found with the loss, so that no tile's graph outlives it."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, anchor: Tensor, reference: Tensor, tiled: Tiled, smoothing: float) -> Tensor:
        wanted = ctx.needs_input_grad[0]
        boxes = tiled.boxes(*image.shape[-2:])
        total, slope = image.new_zeros(()), torch.zeros_like(image) if wanted else None
        for box in boxes:
            tile = image[..., *box].detach().requires_grad_(wanted)
            with torch.set_grad_enabled(wanted):
                loss = tiled.metric(tile, reference[..., *box], smoothing=smoothing)
            total += loss.detach() / len(boxes)
            if slope is not None:
                slope[..., *box] += torch.autograd.grad(loss, tile)[0] / len(boxes)
        ctx.save_for_backward(slope, anchor)
        return total

    @staticmethod
    @first_order
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None, None, None, None]:
        slope, _ = ctx.saved_tensors
        return slope * grad_output, None, None, None, None
