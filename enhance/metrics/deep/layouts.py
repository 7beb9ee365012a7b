"""How a feature map is cut into 64-vectors: padding to whole windows of 8 x 8, then the `strided` or the `spatial`
layout.

Both layouts return (B, 64, N): the 64-vectors are the columns, N = C * H' * W' / 64 of them, for a padded map of H' x
W'.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

WINDOW = 8
VECTOR = WINDOW * WINDOW


def whole_windows(size: int, padding: str) -> int:
    """Side length that a map of side `size` is padded (or cropped) to: a multiple of 8, at least 8.

    Args:
        size: height or width of a feature map, at least 1.
        padding: `up` never crops; `nearest` is what the published VGG, SqueezeNet and EfficientNet code does: it
            rounds half to even, so that 20 becomes 16. The published code fails where `nearest` gives 0; here that
            becomes 8.
    """
    windows = -(-size // WINDOW) if padding == "up" else round(size / WINDOW)
    return max(1, windows) * WINDOW


def pad(feature_map: Tensor, padding: str) -> Tensor:
    """Pad with zeros on the left and at the bottom (or crop there), as published: (B, C, H, W) -> (B, C, H', W')."""
    height, width = feature_map.shape[-2:]
    bottom, left = whole_windows(height, padding) - height, whole_windows(width, padding) - width
    return functional.pad(feature_map, (left, 0, 0, bottom)) if bottom or left else feature_map


def strided(feature_map: Tensor) -> Tensor:
    """The published layout: each image's map, in memory order, viewed as a (64, N) matrix.

    Row k is the k-th of 64 consecutive runs of the flattened map. For C a multiple of 64 a column is one pixel position
    seen across every (C / 64)-th channel. It is not an 8 x 8 window, although the paper describes local windows. The
    published reshape mixes the images of a batch; this one never does.
    """
    return feature_map.reshape(len(feature_map), VECTOR, -1)


def spatial(feature_map: Tensor) -> Tensor:
    """True 8 x 8 windows of each channel: entry 8 i + j of a column is row i, column j of its window."""
    batch, channels, height, width = feature_map.shape
    windows = feature_map.reshape(batch, channels, height // WINDOW, WINDOW, width // WINDOW, WINDOW)
    return windows.permute(0, 3, 5, 1, 2, 4).reshape(batch, VECTOR, -1)


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {"strided": strided, "spatial": spatial}
