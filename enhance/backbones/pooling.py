"""L2 pooling, which the published measures put in the place of VGG's max-pooling."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_HALVES = (torch.float16, torch.bfloat16)


class L2Pooling(nn.Module):
    """Blur of the squared features, stride 2, then the square root: (B, C, H, W) -> (B, C, ceil(H / 2), ceil(W / 2)).

    Half precision is left for single meanwhile: its range holds neither squares nor 1e-12, and the derivative of the
    root would be infinite at 0.

    The filter is the outer product of the inner three of five Hanning weights, normalised to sum 1.
    Source: Henaff and Simoncelli, ICLR 2016; constants as in the published code of Liao et al. (2024).
    """

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        hanning = torch.tensor([0.5, 1.0, 0.5], dtype=torch.float64)
        window = torch.outer(hanning, hanning)
        self.register_buffer("filter", (window / window.sum()).float()[None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        half = x.dtype in _HALVES
        if half or torch.amp.is_autocast_available(x.device.type):
            with torch.autocast(x.device.type, enabled=False):  # which takes single precision to half as well
                return self._pooled(x.float() if half else x).to(x.dtype)
        return self._pooled(x)

    def _pooled(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        blurred = functional.conv2d(x * x, self.filter.expand(channels, 1, 3, 3), stride=2, padding=1, groups=channels)
        return (blurred + 1e-12).sqrt()
