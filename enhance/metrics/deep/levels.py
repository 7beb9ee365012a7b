"""The levels that a deep measure compares: the image itself and a backbone's feature maps."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from enhance.backbones.half_precision import scaled_gradients
from enhance.backbones.network import Backbone
from enhance.metrics.encode import encoded
from enhance.utils.precision import autocast_to


def levels_of(backbone: Backbone, image: Tensor, prefilter: bool, autocast: torch.dtype | None) -> list[Tensor]:
    """The image as the measure sees it, then the backbone's feature maps; computed once within `encode_once`.

    Args:
        backbone: the network.
        image: (B, 3, H, W) in [0, 1].
        prefilter: whether a large image is first box-averaged to about 256 pixels, as published.
        autocast: precision of the network; None: full.
    """

    def encode(image: Tensor) -> list[Tensor]:
        if prefilter:
            factor = min(max(1, round(max(image.shape[-2:]) / 256)), *image.shape[-2:])
            image = functional.avg_pool2d(image, factor) if factor > 1 else image
        with autocast_to(autocast, image.device):
            if autocast == torch.float16:
                return [image, *scaled_gradients(backbone, image)]
            return [level.to(image.dtype) for level in (image, *backbone(image))]

    return encoded((backbone, prefilter, autocast), image, encode)
