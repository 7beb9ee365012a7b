"""The square of an image that is worth enlarging."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, Any]

_ENLARGED = 192  # pixels of the enlarged square's side


def crop(image: Image.Image, left: float, top: float, share: float) -> Image.Image:
    """The enlarged square at the image's own resolution; `share` is its side in parts of the width."""
    side = max(1, round(share * image.width))
    x, y = (
        min(round(part * length), max(0, length - side)) for part, length in zip((left, top), image.size, strict=True)
    )
    return image.crop((x, y, min(x + side, image.width), min(y + side, image.height)))


def square(initial: Array, reference: Array, full_width: int) -> tuple[float, float, int]:
    """Left and top of the enlarged square, in parts of the image's size, and its side in pixels of the arrays.

    Of a large photograph no more than `_ENLARGED` pixels are shown, or a sixteenth of it, so that single pixels are
    seen.

    Args:
        initial: (H, W, 3), reduced.
        reference: the same shape.
        full_width: of the reference before it was reduced.
    """
    height, width = reference.shape[:2]
    side = max(min(_side(height, width), round(_ENLARGED * width / full_width)), max(height, width) // 16)
    top, left, side = zoom(initial, reference, min(max(side, 4), height, width))
    return left / width, top / height, side


def zoom(image: Array, reference: Array, side: int | None = None) -> tuple[int, int, int]:
    """Top, left and side of the square in which the two images differ most where the reference has detail.

    The measure is the sum over the square of the reference's gradient times the absolute difference: a difference in a
    flat region is large after noise and after a white start, but an enlargement of it shows nothing. By itself the side
    is a quarter of the longer side, and at most two thirds of the shorter.
    """
    grey, other = reference.mean(-1), image.mean(-1)
    height, width = grey.shape
    side = side or _side(height, width)
    gradient = np.hypot(*np.gradient(grey)) if min(grey.shape) > 1 else grey
    weight = gradient * (np.abs(grey - other) + 1)
    total = np.pad(weight, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    sums = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    top, left = np.unravel_index(sums.argmax(), sums.shape)
    return int(top), int(left), side


def _side(height: int, width: int) -> int:
    return max(8, min(2 * min(height, width) // 3, max(height, width) // 4))
