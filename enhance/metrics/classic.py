"""PSNR, SSIM and MS-SSIM of each image of a batch, from torchmetrics."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

_MS_SSIM_LEAST = 176  # pixels: five scales under an 11 x 11 window


@torch.no_grad()
def psnr(image: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, (B, 3, H, W) in [0, 1] -> (B,); infinite for equal images."""
    return peak_signal_noise_ratio(image, reference, data_range=1.0, reduction="none", dim=(1, 2, 3))


@torch.no_grad()
def ssim(image: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity (Wang et al., 2004; Gaussian window, sigma 1.5), (B, 3, H, W) in [0, 1] -> (B,)."""
    value = structural_similarity_index_measure(image, reference, data_range=1.0, reduction="none")
    return torch.as_tensor(value[0] if isinstance(value, tuple) else value).reshape(-1)


@torch.no_grad()
def ms_ssim(image: Tensor, reference: Tensor) -> Tensor:
    """Multi-scale SSIM (Wang et al., 2003; five scales), (B, 3, H, W) in [0, 1] -> (B,).

    Raises:
        ValueError: if a side is shorter than 176 pixels, for which five scales need a smaller window.
    """
    if min(image.shape[-2:]) < _MS_SSIM_LEAST:
        height, width = image.shape[-2:]
        raise ValueError(f"MS-SSIM needs sides of at least {_MS_SSIM_LEAST} pixels, got {width} x {height}; take ssim.")
    value = multiscale_structural_similarity_index_measure(
        image, reference, data_range=1.0, reduction="none", normalize="relu"
    )
    return value.reshape(-1)


CLASSIC: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"psnr": psnr, "ssim": ssim, "ms_ssim": ms_ssim}
