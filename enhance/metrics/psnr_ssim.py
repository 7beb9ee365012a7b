"""MSE, MAE, PSNR, SSIM and MS-SSIM of each image of a batch, from torch and torchmetrics."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

_DECIBELS = (10 / torch.log(torch.tensor(10.0))).item()  # of one unit of the natural logarithm, in single precision
_SSIM_LEAST = 6  # pixels: what an 11 x 11 window can be reflected from
_LARGE = 4_000_000  # pixels of an image that is measured in strips
_STRIP, _STRIP_LEAST = 1_000_000, 256  # pixels of a strip, and rows: each takes 60 times its memory
_MS_SSIM_LEAST = 176  # pixels: five scales under an 11 x 11 window


def mse(image: Tensor, reference: Tensor) -> Tensor:
    """Mean squared error, (B, 3, H, W) in [0, 1] -> (B,)."""
    return functional.mse_loss(image, reference, reduction="none").mean((1, 2, 3))


def mae(image: Tensor, reference: Tensor) -> Tensor:
    """Mean absolute error, (B, 3, H, W) in [0, 1] -> (B,)."""
    return functional.l1_loss(image, reference, reduction="none").mean((1, 2, 3))


def psnr(image: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, (B, 3, H, W) in [0, 1] -> (B,); infinite for equal images, with the gradient 0.

    Raises:
        ValueError: if the two are not batches of the same shape.
    """
    _require("PSNR", image, reference, 1)
    equal = mse(image, reference).detach() == 0
    image = torch.where(equal[:, None, None, None], reference + 1, image)  # log(0) would make the gradient NaN
    # Not by torchmetrics, which copies the number of pixels to the device at each call and waits for it.
    error = (image - reference).square().sum((1, 2, 3)) / image[0].numel()
    return (-error.log() * _DECIBELS).masked_fill(equal, math.inf)


def ssim(image: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity (Wang et al., 2004; Gaussian window, sigma 1.5), (B, 3, H, W) in [0, 1] -> (B,).

    Above 4 million pixels it is the mean over strips, as if each were an image of its own.

    The mean goes up to the border, which is reflected; the authors' code and scikit-image leave a margin of 5 pixels
    out. The two agree in the interior and differ in the second decimal place for images as small as 40 pixels.

    Raises:
        ValueError: if the two are not batches of the same shape, or a side is shorter than 6 pixels.
    """
    _require("SSIM", image, reference, _SSIM_LEAST)
    return _in_strips(_ssim, image, reference)


def ms_ssim(image: Tensor, reference: Tensor) -> Tensor:
    """Multi-scale SSIM (Wang et al., 2003; five scales), (B, 3, H, W) in [0, 1] -> (B,).

    Above 4 million pixels it is the mean over strips, as if each were an image of its own.

    Raises:
        ValueError: if the two are not batches of the same shape, or a side is shorter than 176 pixels, for which five
            scales need a smaller window.
    """
    _require("MS-SSIM", image, reference, _MS_SSIM_LEAST)
    return _in_strips(_ms_ssim, image, reference)


def _ssim(image: Tensor, reference: Tensor) -> Tensor:
    value = structural_similarity_index_measure(image, reference, data_range=1.0, reduction="none")
    similarity = torch.as_tensor(value[0] if isinstance(value, tuple) else value).reshape(-1)
    return similarity.clamp(max=1.0)  # flat images cancel to a little more in single precision


def _ms_ssim(image: Tensor, reference: Tensor) -> Tensor:
    value = multiscale_structural_similarity_index_measure(
        image, reference, data_range=1.0, reduction="none", normalize="relu"
    )
    return value.reshape(-1)


def _in_strips(measure: Callable[[Tensor, Tensor], Tensor], image: Tensor, reference: Tensor) -> Tensor:
    """The measure of a large image as the mean of strips of its rows, for the memory's sake."""
    height, width = image.shape[-2:]
    if height * width <= _LARGE:
        return measure(image, reference)
    strips = min(-(-height * width // _STRIP), max(1, height // _STRIP_LEAST))
    parts = zip(image.tensor_split(strips, -2), reference.tensor_split(strips, -2), strict=True)
    return torch.stack([measure(*part) * part[0].shape[-2] for part in parts]).sum(0) / height


def _require(name: str, image: Tensor, reference: Tensor, least: int) -> None:
    if image.dim() != 4 or image.shape != reference.shape:
        raise ValueError(
            f"{name} needs an image and a reference of one shape (B, 3, H, W), got {tuple(image.shape)} and "
            f"{tuple(reference.shape)}."
        )
    height, width = image.shape[-2:]
    if min(height, width) < least:
        raise ValueError(f"{name} needs sides of at least {least} pixels, got {width} x {height}.")
