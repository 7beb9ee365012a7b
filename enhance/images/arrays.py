"""Tensors (1, 3, H, W) in [0, 1] <-> arrays (H, W, 3), and their sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from enhance.utils.ranges import remedy

if TYPE_CHECKING:
    from enhance.images.reading import Picture

Array = np.ndarray[Any, Any]

MIN_SIDE = 8  # pixels; shorter sides have no feature maps
_TOLERANCE = 1e-3


class ImageError(ValueError):
    """An image that cannot be read, used or written; the message names the remedy."""


def to_array(image: Tensor, bits: int = 8) -> Array:
    """An image (1, 3, H, W) or (3, H, W) in [0, 1] as bytes (H, W, 3): times 255, rounded to the nearest.

    Args:
        image: the image; what lies outside [0, 1] by no more than rounding is clipped.
        bits: 8, or 16 for uint16 up to 65535.

    Raises:
        ImageError: for another shape, integers, NaN, or values outside [0, 1].

    Example:
        >>> to_array(torch.full((1, 3, 1, 2), 0.5)).tolist()
        [[[128, 128, 128], [128, 128, 128]]]
    """
    if not isinstance(image, Tensor):
        raise ImageError(f"An image to be written must be a tensor, got {type(image).__name__}.")
    single = image[0] if image.dim() == 4 and len(image) == 1 else image
    if single.dim() != 3 or single.shape[0] != 3 or not single.numel():
        raise ImageError(f"An image to be written must be (1, 3, H, W) or (3, H, W), got {tuple(image.shape)}.")
    if not single.is_floating_point():
        raise ImageError(f"An image to be written must be floating point in [0, 1], got {image.dtype}; divide by 255.")
    values = single.detach().float()
    if torch.isnan(values).any():
        raise ImageError("An image to be written contains NaN.")
    low, high = (value.item() for value in torch.aminmax(values))
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):
        raise ImageError(
            f"An image to be written must lie in [0, 1], got [{low:.4g}, {high:.4g}]. {remedy(low, high, 'image')}"
        )
    levels = (values.clamp(0, 1) * (2**bits - 1)).round().permute(1, 2, 0).cpu()
    return levels.numpy().astype(np.uint16 if bits == 16 else np.uint8)


def from_array(values: Array) -> Tensor:
    """An array (H, W, 3), or grey (H, W) or (H, W, 1), as an image (1, 3, H, W) in [0, 1], float32.

    The array is of bytes, unsigned 16-bit integers or floats in [0, 1].

    Raises:
        ImageError: for another shape or type, NaN, or floats that do not lie in [0, 1].

    Example:
        >>> from_array(np.full((4, 6), 255, np.uint8)).shape
        torch.Size([1, 3, 4, 6])
    """
    require_unmasked(values)
    values = values[..., None] if values.ndim == 2 else values
    if values.ndim != 3 or values.shape[-1] not in (1, 3) or not values.size:
        raise ImageError(f"An image must be an array (H, W, 3) or (H, W), got {values.shape}.")
    if values.dtype.kind == "u" and values.dtype.itemsize <= 2:
        scaled = values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)
    elif values.dtype.kind == "f":
        low, high = float(values.min()), float(values.max())
        if np.isnan(low):
            raise ImageError("An image must not contain NaN.")
        if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):
            raise ImageError(
                f"An image of floats must lie in [0, 1], this one in [{low:.4g}, {high:.4g}]. "
                f"{remedy(low, high, 'image')}"
            )
        scaled = values.astype(np.float32).clip(0, 1)
    else:
        raise ImageError(f"An image must be of uint8, uint16 or floats in [0, 1], got {values.dtype}; convert it.")
    channels = torch.from_numpy(np.ascontiguousarray(np.moveaxis(scaled, -1, 0)))
    return channels.expand(3, -1, -1).contiguous()[None]


def require_unmasked(values: Array) -> None:
    """Raise an ImageError if pixels of an array are masked: its arithmetic would leave them as they are.

    Example:
        >>> require_unmasked(np.ma.masked_greater(np.ones((4, 4)), 0.5))
        Traceback (most recent call last):
        enhance.images.arrays.ImageError: An image must have every pixel, some are masked; fill them: image.filled(0).
    """
    if isinstance(values, np.ma.MaskedArray):
        raise ImageError("An image must have every pixel, some are masked; fill them: image.filled(0).")


def require_size(image: Tensor | Picture, name: str, minimum: int = MIN_SIDE) -> None:
    """Raise an ImageError if a side of (B, 3, H, W) is shorter than `minimum` pixels; `name` is the image's role.

    Example:
        >>> require_size(torch.zeros(1, 3, 4, 9), "reference")
        Traceback (most recent call last):
        enhance.images.arrays.ImageError: reference is 9 x 4 pixels; it must be at least 8 x 8: name a larger one.
    """
    height, width = (image if isinstance(image, Tensor) else image.image).shape[-2:]
    if min(height, width) < minimum:
        raise ImageError(
            f"{name} is {width} x {height} pixels; it must be at least {minimum} x {minimum}: name a larger one."
        )


def resize(image: Tensor, longer: int) -> Tensor:
    """(B, 3, H, W) in [0, 1] with its longer side reduced to `longer` pixels; a smaller image is returned as it is.

    Raises:
        ImageError: if `longer` is not positive.

    Example:
        >>> resize(torch.rand(1, 3, 40, 60), 30).shape
        torch.Size([1, 3, 20, 30])
    """
    height, width = image.shape[-2:]
    if longer < 1:
        raise ImageError(f"An image cannot be resized to {longer} pixels; name a size of 1 or more.")
    if max(height, width) <= longer:
        return image
    return resized(image, (_scaled(height, longer, width), _scaled(width, longer, height)))


def resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, 3, H, W) in [0, 1] at another `size` (H, W): bicubic, anti-aliased, clipped to [0, 1].

    Example:
        >>> resized(torch.rand(1, 3, 40, 60), (10, 80)).shape
        torch.Size([1, 3, 10, 80])
    """
    if tuple(image.shape[-2:]) == tuple(size):
        return image
    return functional.interpolate(image, size=size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)


def _scaled(side: int, longer: int, other: int) -> int:
    return max(1, round(side * longer / max(side, other)))
