"""Images for figures: reduced, and the square of them that is worth enlarging."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, Any]

_ENLARGED = 192  # pixels of the enlarged square's side


def picture(path: Path, most: int) -> Array:
    """The image in a file, its longer side reduced to `most` pixels."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    if max(image.size) > most:
        image.thumbnail((most, most), Image.Resampling.LANCZOS)
    return np.asarray(image)


def crop(path: Path, left: float, top: float, share: float) -> Array:
    """The enlarged square at the file's own resolution; `share` is its side in parts of the width."""
    with Image.open(path) as opened:
        side = max(1, round(share * opened.width))
        x, y = (
            min(round(part * length), max(0, length - side))
            for part, length in zip((left, top), opened.size, strict=True)
        )
        return np.asarray(opened.convert("RGB").crop((x, y, min(x + side, opened.width), min(y + side, opened.height))))


def square(initial: Array, reference: Array, path: Path) -> tuple[float, float, int]:
    """Left and top of the enlarged square, in parts of the image's size, and its side in pixels of the arrays.

    Of a large photograph no more than `_ENLARGED` pixels are shown, or a sixteenth of it, so that single pixels are
    seen.
    """
    height, width = reference.shape[:2]
    with Image.open(path) as opened:
        scale = width / opened.width
    side = max(min(_side(height, width), round(_ENLARGED * scale)), max(height, width) // 16)
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
