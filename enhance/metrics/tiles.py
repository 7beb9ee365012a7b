"""Large images in bounded memory: the mean loss of their tiles, each an image of its own to the metric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from enhance.metrics import checks
from enhance.metrics.first_order import anchor, first_order
from enhance.metrics.metric import BaseMetric, Metric

Box = tuple[slice, slice]
Evaluate = Callable[..., tuple[Tensor, Tensor]]

_LARGE, TILE, OVERLAP = 2_000_000, 512, 32  # pixels in all, and along a side


def tile_size(height: int, width: int, size: int | None = None) -> int:
    """Side of the tiles in which an image is measured; 0: as a whole.

    Args:
        height, width: of the image.
        size: what the user asked for; 0: never in tiles; None: 512 where the image has more than two million pixels.
    """
    return size if size is not None else TILE if height * width > _LARGE else 0


def boxes(height: int, width: int, size: int = TILE, overlap: int = OVERLAP) -> list[Box]:
    """Where the tiles of an image lie: all of one size, evenly spaced, so that no pixel lies at the edge of every tile
    that holds it and edges leave no seams.

    Raises:
        ValueError: if tiles would be smaller than 8 pixels or not larger than their overlap.
    """
    if not 0 <= overlap < size or size < 8:
        raise ValueError(f"Tiles of {size} pixels with an overlap of {overlap} cannot be; take size=512, overlap=32.")
    return [(row, column) for row in _spans(height, size, overlap) for column in _spans(width, size, overlap)]


def _spans(side: int, size: int, overlap: int) -> list[slice]:
    if side <= size:
        return [slice(0, side)]
    count = -(-(side - overlap) // (size - overlap))
    starts = [round(number * (side - size) / (count - 1)) for number in range(count)]
    return [slice(start, start + size) for start in starts]


def tile_by_tile(evaluate: Evaluate, places: list[Box], *images: Tensor) -> tuple[Tensor, Tensor]:
    """The mean over tiles of a loss and of what comes with it. The loss is differentiable in the images; its gradient
    is computed with it, so that no tile's graph outlives the tile.

    While torch.compile traces and inside torch.func the tiles make one graph, in the memory of the whole image.

    Args:
        evaluate: the loss of a tile, a scalar, and further values, detached, from the tile of each image and its place.
        places: see `boxes`.
        images: (B, 3, H, W), one or more of one size.
    """
    if checks.hidden(*images):
        found = [evaluate(*(image[..., *box] for image in images), box) for box in places]
        losses, values = zip(*found, strict=True)
        return torch.stack(losses).mean(), torch.stack(values).mean(0)
    return _TileByTile.apply(evaluate, places, *images, anchor(*images))  # type: ignore[return-value]


class _TileByTile(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, evaluate: Evaluate, places: list[Box], *images_and_anchor: Tensor) -> Any:
        *images, anchor = images_and_anchor
        wanted = ctx.needs_input_grad[2:-1]
        total, rest = anchor.new_zeros(()), torch.zeros(())
        grads = [torch.zeros_like(image) if needs else None for image, needs in zip(images, wanted, strict=True)]
        summed = [grad for grad in grads if grad is not None]
        for box in places:
            tiles = [
                image[..., *box].detach().requires_grad_(needs) for image, needs in zip(images, wanted, strict=True)
            ]
            with torch.set_grad_enabled(any(wanted)):
                loss, other = evaluate(*tiles, box)
            total += loss.detach() / len(places)
            rest = rest + other / len(places) if rest.dim() else other / len(places)
            if summed:
                of_tiles = torch.autograd.grad(loss, [tile for tile in tiles if tile.requires_grad])
                for grad, of_tile in zip(summed, of_tiles, strict=True):
                    grad[..., *box] += of_tile / len(places)
        ctx.save_for_backward(*grads, anchor)
        ctx.mark_non_differentiable(rest)
        return total, rest

    @staticmethod
    @first_order
    def backward(ctx: Any, grad_output: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        *grads, _ = ctx.saved_tensors
        return None, None, *(grad if grad is None else grad * grad_output for grad in grads), None


class Tiled(BaseMetric):
    """A metric whose loss of an image is the mean loss of its tiles, in the memory that one tile takes.

    Args:
        metric: measures each tile.
        size: longest side of a tile in pixels.
        overlap: smallest number of pixels that neighbours share.

    Raises:
        ValueError: see `boxes`.

    Example:
        >>> metric = Tiled(enhance.load_metric("ssim"), size=256)
        >>> image = enhance.load_image("astronaut")
        >>> abs(metric(image, image).item()) < 1e-6
        True
    """

    def __init__(self, metric: Metric, size: int = TILE, overlap: int = OVERLAP) -> None:
        super().__init__(metric.name, check_range=False)
        boxes(size, size, size, overlap)
        self.metric, self.size, self.overlap = metric, size, overlap
        self.higher_is_better = metric.higher_is_better

    @property
    def device(self) -> torch.device | None:
        return self.metric.device

    @property
    def dtype(self) -> torch.dtype:
        return self.metric.dtype

    def prepare(self, reference: Tensor) -> Tensor:
        """The reference itself: its features would not fit in memory, and are computed for each tile."""
        return reference

    def losses(self, image: Tensor, reference: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of each image, (B,).

        Raises:
            ValueError: if the sizes differ, and what the tiles' metric raises.
        """
        checks.same_size(image, reference.shape)
        height, width = image.shape[-2:]
        places = boxes(height, width, self.size, self.overlap)
        images = range(len(image))

        def of(number: int) -> Evaluate:
            def evaluate(tile: Tensor, of_reference: Tensor, box: Box) -> tuple[Tensor, Tensor]:
                of_mask = None if mask is None else mask[number % len(mask), None][..., *box]
                loss = self.metric.losses(tile, of_reference, of_mask).mean()
                return loss, loss.detach()

            return evaluate

        pairs = [(image[number, None], reference[number % len(reference), None]) for number in images]
        return torch.stack([tile_by_tile(of(number), places, *pair)[0] for number, pair in enumerate(pairs)])

    def as_score(self, loss: Tensor) -> Tensor:
        """The score that belongs to a loss."""
        return self.metric.as_score(loss)

    def smoothed(self, amount: float) -> Tiled:
        """The metric with the same values and a smoothed gradient, where the tiles' metric can smooth its own."""
        smoothed = getattr(self.metric, "smoothed", None)
        return Tiled(smoothed(amount), self.size, self.overlap) if smoothed else self

    def describe(self) -> dict[str, Any]:
        """Settings in values that JSON has."""
        return dict(self.metric.describe()) | {"tile": self.size}
