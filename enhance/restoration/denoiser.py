"""A denoiser that is given the noise level: a small U-Net on an image and a map of its noise level."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (48, 96, 160)
_BLOCKS = 2  # residual blocks of a level
_FOLD = 2  # pixel-unshuffle of the input
LAST = ("decoders.0.1.", "tail.")
"""Prefixes of the last layers' parameters, of which the perceptual twin has its own."""

PERCEPTUAL = "perceptual."
"""Prefix of the twin's parameters in a file of weights."""

STRIDE = _FOLD * 2 ** (len(WIDTHS) - 1)  # sides are padded to multiples of it


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(width, width), nn.ReLU(inplace=True), _conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Denoiser(nn.Module):
    """An estimate of the clean image under additive noise whose standard deviation is known.

    The network works on pixels folded two by two, on three levels joined by skip connections, without normalisation
    and without biases, and predicts the noise, which is subtracted. Without biases it is homogeneous: an image and its
    noise of twice the strength give twice the estimate.

    Example:
        >>> denoiser = Denoiser()
        >>> denoiser(torch.rand(1, 3, 30, 41), torch.full((1, 1, 30, 41), 25 / 255)).shape
        torch.Size([1, 3, 30, 41])

    References:
        Zhang et al., "Plug-and-Play Image Restoration with Deep Denoiser Prior", IEEE TPAMI 44 (2022) 6360-6376, for
        the noise map and the U-Net without biases; Mohan et al., "Robust and Interpretable Blind Image Denoising via
        Bias-Free Convolutional Neural Networks", ICLR 2020.
    """

    def __init__(self) -> None:
        super().__init__()
        folded = _FOLD**2
        self.head = _conv(4 * folded, WIDTHS[0])
        steps = list(pairwise(WIDTHS))
        self.encoders = nn.ModuleList(_blocks(width) for width in WIDTHS[:-1])
        self.downs = nn.ModuleList(nn.Conv2d(fine, coarse, 2, 2, bias=False) for fine, coarse in steps)
        self.body = _blocks(WIDTHS[-1])
        self.ups = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, 2, bias=False) for fine, coarse in steps)
        self.decoders = nn.ModuleList(_blocks(width) for width in WIDTHS[:-1])
        self.tail = _conv(WIDTHS[0], 3 * folded)

    def forward(self, image: Tensor, noise: Tensor) -> Tensor:
        """The clean image, (B, 3, H, W).

        Args:
            image: (B, 3, H, W), in [0, 1] but for its noise.
            noise: standard deviation at every pixel, (B, 1, H, W), in units of the image's range.
        """
        height, width = image.shape[-2:]
        given = torch.cat([image, noise.expand(-1, -1, height, width)], 1)
        bottom, right = -height % STRIDE, -width % STRIDE
        mode = "reflect" if right < width and bottom < height else "replicate"  # a repeated column of noise is a streak
        given = functional.pad(given, (0, right, 0, bottom), mode=mode)
        x = self.head(functional.pixel_unshuffle(given, _FOLD))
        skips = []
        for encode, down in zip(self.encoders, self.downs, strict=True):
            skips.append(encode(x))
            x = down(skips[-1])
        x = self.body(x)
        for decode, up, skip in zip(reversed(self.decoders), reversed(self.ups), reversed(skips), strict=True):
            x = decode(up(x) + skip)
        predicted = functional.pixel_shuffle(self.tail(x), _FOLD)[..., :height, :width]
        return image - predicted.to(image.dtype)


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)


def _blocks(width: int) -> nn.Sequential:
    return nn.Sequential(*(_Residual(width) for _ in range(_BLOCKS)))
