"""Visual information fidelity."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d

_SCALES = 4
_EPS = 1e-10  # variances below are those of flat places


def vif(image: Tensor, reference: Tensor, sigma_n_sq: float = 2.0) -> Tensor:
    r"""Visual information fidelity in the pixel domain (Sheikh and Bovik, 2006), (B, 3, H, W) in [0, 255] -> (B,).

    With the local gain :math:`g` and the variances :math:`\sigma_r^2` of the reference, :math:`\sigma_v^2` of what the
    gain does not explain and :math:`\sigma_n^2` of the visual channel, summed over places and four scales,

    .. math:: \frac{\sum \log(1 + g^2 \sigma_r^2 / (\sigma_v^2 + \sigma_n^2))}{\sum \log(1 + \sigma_r^2 / \sigma_n^2)}

    and the mean of the channels. The values are those of torchmetrics, whose filters are not separated and take about
    ten times as long.

    Args:
        image, reference: at least 41 x 41 pixels.
        sigma_n_sq: variance of the noise in the visual channel, for intensities up to 255.

    Example:
        >>> image = 255 * enhance.load_image("astronaut")
        >>> round(vif(0.5 * image + 64, image).item(), 2)
        0.73
    """
    pair = torch.stack([reference, image])
    seen = there = torch.zeros((), dtype=image.dtype, device=image.device)
    for scale in range(_SCALES):
        window = _gaussian(2 ** (_SCALES - scale) + 1, image)
        if scale:
            pair = _local_means(pair, window)[..., ::2, ::2]
        variance, gain, rest = _statistics(*pair, window)
        seen = seen + (1 + gain.square() * variance / (rest + sigma_n_sq)).log10().sum((-2, -1))
        there = there + (1 + variance / sigma_n_sq).log10().sum((-2, -1))
    return (seen / there).mean(-1)


def _statistics(reference: Tensor, image: Tensor, window: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The reference's local variance, the gain from it to the image, and the variance that the gain leaves."""
    products = [reference * reference, image * image, reference * image]
    mean_r, mean_i, square_r, square_i, product = _local_means(torch.stack([reference, image, *products]), window)
    variance_r = (square_r - mean_r.square()).clamp(min=0)
    variance_i = (square_i - mean_i.square()).clamp(min=0)
    covariance = product - mean_r * mean_i
    flat, even = variance_r < _EPS, variance_i < _EPS
    gain = covariance / (variance_r + _EPS)
    rest = variance_i - gain * covariance
    unexplained = flat | (gain < 0)
    rest = torch.where(even, 0, torch.where(unexplained, variance_i, rest)).clamp(min=_EPS)
    return torch.where(flat, 0, variance_r), torch.where(unexplained | even, 0, gain), rest


def _gaussian(size: int, like: Tensor) -> Tensor:
    places = torch.arange(size, dtype=like.dtype, device=like.device) - (size - 1) / 2
    window = (-places.square() / (2 * (size / 5) ** 2)).exp()
    return window / window.sum()


def _local_means(images: Tensor, window: Tensor) -> Tensor:
    """Means under the window, (..., H, W) -> (..., H - n + 1, W - n + 1): all images are channels of one convolution,
    which is fast.
    """
    planes = images.flatten(0, -3)[None]
    count = planes.shape[1]
    row = window.expand(count, 1, 1, -1)
    means = conv2d(conv2d(planes, row.mT, groups=count), row, groups=count)
    return means[0].unflatten(0, images.shape[:-2])
