"""MSE, MAE, PSNR, SSIM and MS-SSIM of each image of a batch, as their authors' code computes them."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_DECIBELS = (10 / torch.log(torch.tensor(10.0))).item()  # of one unit of the natural logarithm, in single precision
SSIM_LEAST = 11  # pixels: the window
_SIGMA = 1.5
_C1, _C2 = 0.01**2, 0.03**2
_STRIP = 1_000_000  # pixels of a map that are computed at once: each takes some 60 times its memory
_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the five scales
_MS_SSIM_LEAST = 161  # pixels: halved four times, the window still fits


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
    """Structural similarity (Wang et al., 2004), (B, 3, H, W) in [0, 1] -> (B,).

    The mean over the three channels and over all places where an 11 x 11 Gaussian window of sigma 1.5 lies inside the
    image, without the reduction of large images that the authors recommend. It is what `structural_similarity` of
    scikit-image gives with `gaussian_weights=True, use_sample_covariance=False`, and `piq.ssim` with
    `downsample=False`.

    Raises:
        ValueError: if the two are not batches of the same shape, or a side is shorter than 11 pixels.

    Example:
        >>> ssim(torch.ones(1, 3, 16, 16), torch.ones(1, 3, 16, 16))
        tensor([1.])
    """
    _require("SSIM", image, reference, SSIM_LEAST)
    return _similarity(image, reference)[0].mean(1)


def ssim_within(image: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """Structural similarity under a mask (B or 1, 1, H, W) -> (B,): the mean over the windows of `ssim`, each with the
    weight of the part of it that lies inside the mask.

    Example:
        >>> ones, mask = torch.ones(1, 3, 16, 16), torch.zeros(1, 1, 16, 16)
        >>> mask[..., :4] = 1
        >>> ssim_within(ones, ones, mask)
        tensor([1.])
    """
    _require("SSIM", image, reference, SSIM_LEAST)
    return _similarity(image, reference, _blurred(mask))[0].mean(1)


def ssim_or_nan(image: Tensor, reference: Tensor) -> float:
    """Structural similarity of one image (1, 3, H, W); NaN where a side is shorter than 11 pixels."""
    return math.nan if min(image.shape[-2:]) < SSIM_LEAST else ssim(image, reference).item()


def ms_ssim(image: Tensor, reference: Tensor) -> Tensor:
    """Multi-scale SSIM (Wang et al., 2003; five scales), (B, 3, H, W) in [0, 1] -> (B,).

    The mean over the three channels of the product over the scales, each the mean of 2 x 2 pixels of the one before;
    negative factors count as 0. Where a side is odd, its last row or column is repeated, as in the authors' code.

    Raises:
        ValueError: if the two are not batches of the same shape, or a side is shorter than 161 pixels, of which five
            scales cannot be made.

    Example:
        >>> ms_ssim(torch.ones(1, 3, 161, 161), torch.ones(1, 3, 161, 161))
        tensor([1.])
    """
    _require("MS-SSIM", image, reference, _MS_SSIM_LEAST)
    factors = []
    for scale in range(len(_WEIGHTS)):
        if scale:
            image, reference = _halved(image), _halved(reference)
        similarity, contrast = _similarity(image, reference)
        factors.append(similarity if scale == len(_WEIGHTS) - 1 else contrast)
    weights = image.new_tensor(_WEIGHTS)[:, None, None]
    positive = torch.stack(factors).clamp(min=torch.finfo(image.dtype).tiny)  # the gradient of 0 ** 0.1 is infinite
    return (positive**weights).prod(0).mean(1)


def _similarity(image: Tensor, reference: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean SSIM and mean contrast-structure term of each channel, (B, 3) both; large images strip by strip.

    The means are weighted by (B or 1, 1, H - 10, W - 10), where that is given.
    """
    height, width = (side - SSIM_LEAST + 1 for side in image.shape[-2:])  # of the map
    rows = min(height, max(1, _STRIP // width))
    sums = torch.zeros(2, *image.shape[:2], dtype=image.dtype, device=image.device)
    for top in range(0, height, rows):
        strip = slice(top, min(top + rows, height) + SSIM_LEAST - 1)
        maps = _maps(image[..., strip, :], reference[..., strip, :])
        if weights is not None:
            maps = tuple(each * weights[..., top : top + rows, :] for each in maps)
        sums = sums + torch.stack([each.sum((-2, -1)) for each in maps])
    similarity, contrast = sums / (height * width if weights is None else weights.sum((-2, -1)))
    return similarity, contrast


def _maps(image: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM and its contrast-structure term at each place of the window, (B, 3, H - 10, W - 10) both."""
    moments = torch.stack((image, reference, image * image, reference * reference, image * reference))
    mean, mean_r, square, square_r, product = _blurred(moments)
    squares = mean * mean + mean_r * mean_r
    # flat images cancel to a little less than 0 in single precision
    variance = (square + square_r - squares).clamp(min=0)
    contrast = (2 * (product - mean * mean_r) + _C2) / (variance + _C2)
    luminance = (2 * mean * mean_r + _C1) / (squares + _C1)
    return luminance.clamp(max=1) * contrast.clamp(max=1), contrast.clamp(max=1)  # rounding goes beyond


def _blurred(images: Tensor) -> Tensor:
    """Means (..., H - 10, W - 10) under the Gaussian window."""
    reach = torch.arange(SSIM_LEAST, dtype=images.dtype, device=images.device) - SSIM_LEAST // 2
    window = torch.softmax(-(reach**2) / (2 * _SIGMA**2), 0)
    planes = images.flatten(0, -3)[None]  # each a channel of its own: much faster than as a batch
    count = planes.shape[1]
    for kernel in (window[:, None], window[None, :]):
        planes = functional.conv2d(planes, kernel.expand(count, 1, -1, -1), groups=count)
    return planes.reshape(*images.shape[:-2], *planes.shape[-2:])


def _halved(image: Tensor) -> Tensor:
    """Means of 2 x 2 pixels, (B, 3, H, W) -> (B, 3, ceil(H / 2), ceil(W / 2))."""
    height, width = image.shape[-2:]
    return functional.avg_pool2d(functional.pad(image, (0, width % 2, 0, height % 2), mode="replicate"), 2)


def _require(name: str, image: Tensor, reference: Tensor, least: int) -> None:
    if image.dim() != 4 or image.shape != reference.shape:
        raise ValueError(
            f"{name} needs an image and a reference of one shape (B, 3, H, W), got {tuple(image.shape)} and "
            f"{tuple(reference.shape)}."
        )
    height, width = image.shape[-2:]
    if min(height, width) < least:
        raise ValueError(f"{name} needs sides of at least {least} pixels, got {width} x {height}.")
