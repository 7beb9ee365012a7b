"""Where the features of degraded crops differ from those of the clean one, the same for teacher and student."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from enhance.backbones import compact
from enhance.metrics.deep.fusion import omega
from enhance.metrics.deep.measures import apply_measure
from enhance.metrics.deep.published import level_spec
from research.distill.settings import MEASURES

CELL = 16  # pixels of the image for each entry of a map

_SPECS = {measure: level_spec(measure, compact.NAME) for measure in MEASURES}
_SIDE = 32  # positions along a side that are measured; where there are more they are thinned out
_IMAGE = 256  # side of the image whose distributions those of a crop resemble


def fused(degraded: Tensor, clean: Tensor, measure: str, crop: int) -> Tensor:
    """Fused distance d + E omega(d) of every 64-vector of a level.

    The distributions of DeepWSD are shares of the whole image. Those of a crop are scaled so that its distances are
    what they are inside an image of 256 x 256.

    Args:
        degraded: (K, C, H, W), C H W a multiple of 64.
        clean: (C, H, W).
        measure: a name of `MEASURES`.
        crop: side of the crop in pixels.

    Returns:
        (K, C H W / 64), differentiable in both arguments.
    """
    spec = _SPECS[measure]
    thin = max(1, clean.shape[-1] // _SIDE) if len(clean) % 64 == 0 else 1
    share = (crop / _IMAGE) ** 2
    scales = [share / (side.sum((-3, -2, -1)) + 1e-6) for side in (degraded, clean)]
    count, places = len(degraded), slice(thin // 2, None, thin)
    x = degraded[..., places, places].reshape(count, 64, -1).transpose(0, 1)
    y = clean[..., places, places].reshape(64, 1, -1).expand_as(x)
    energy = (x - y).square().sum(0)
    if spec.distributions == "squared":
        x, y = x.square() * scales[0][:, None], y.square() * scales[1]
    d = apply_measure(spec.measure, x.reshape(64, -1), y.reshape(64, -1), 0).reshape(count, -1)
    return d if spec.eps is None else d + energy * omega(d, spec.eps)


def distance_map(degraded: Tensor, clean: Tensor, measure: str, crop: int) -> Tensor:
    """Mean fused distance in every cell of 16 x 16 pixels: (K, C, H, W), (C, H, W) -> (K, crop / 16, crop / 16)."""
    values = fused(degraded, clean, measure, crop)
    channels, side = clean.shape[0], clean.shape[-1]
    thinned = len(range(max(1, side // _SIDE) // 2, side, max(1, side // _SIDE)))
    positions = values.reshape(len(degraded), channels // 64, thinned, thinned).mean(1)
    return functional.adaptive_avg_pool2d(positions, crop // CELL)


def of_images(degraded: Tensor, clean: Tensor, measure: str) -> Tensor:
    """Distance of the images themselves, which student and teacher share: (K, 3, H, W), (3, H, W) -> (K,)."""
    return fused(degraded, clean, measure, clean.shape[-1]).mean(1)


def samples(features: Tensor, crop: int) -> Tensor:
    """Features in the middle of every cell: (B, C, H, W) -> (B, crop / 16, crop / 16, C)."""
    stride = features.shape[-1] * CELL // crop
    return features[..., stride // 2 :: stride, stride // 2 :: stride].permute(0, 2, 3, 1)
