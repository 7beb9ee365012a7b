"""Where the worst frames differ: the distance by a measure that has a map, else the difference of the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from PIL import Image
from torch import Tensor

from enhance.images.arrays import Array, to_array
from enhance.metrics.registry import metric_title
from enhance.report.style import COLOUR_MAP
from enhance.scoring.scorers import Scorer
from enhance.video.curve import Second
from enhance.video.scoring import Videos

_OPAQUE = 0.9


@dataclass(frozen=True)
class Scale:
    """The one scale of all maps.

    Attributes:
        title: what the maps are of.
        most: what is drawn lightest.
        unit: of that number, in a sentence.
    """

    title: str
    most: float
    unit: str


@dataclass(frozen=True)
class Shown:
    """A worst second with its pictures.

    Attributes:
        second: of the video.
        reference, image: the worst frame of that second.
        difference: the map, laid over the image in grey.
    """

    second: Second
    reference: Image.Image
    image: Image.Image
    difference: Image.Image


@torch.no_grad()
def shown(
    videos: Videos, worst: Sequence[Second], scorers: Sequence[Scorer], device: str | torch.device, mask: Tensor | None
) -> tuple[list[Shown], Scale]:
    """The pictures of the worst seconds, and the scale of their maps."""
    scorer = next((scorer for scorer in scorers if hasattr(scorer.metric, "map")), None)
    pairs = [tuple(side.to(device) for side in videos.images(second.worst)) for second in worst]
    maps = [_map(scorer, image, reference, mask) for reference, image in pairs]
    most = max((float(values.max()) for values in maps), default=0.0)
    pictures = [
        Shown(second, _picture(reference), _picture(image), _overlay(image, values, most))
        for second, (reference, image), values in zip(worst, pairs, maps, strict=True)
    ]
    if scorer is None:
        return pictures, Scale("difference of the pixels", 255 * most, "grey levels of 255, mean of the channels")
    return pictures, Scale(
        metric_title(scorer.metric), most, "distance at a pixel; the mean over the pixels is the loss"
    )


def _map(scorer: Scorer | None, image: Tensor, reference: Tensor, mask: Tensor | None) -> Array:
    """(H, W): the distance at each pixel."""
    where = None if mask is None else mask.to(image)
    if scorer is None:
        values = (image - reference).abs().mean(1)
        values = values if where is None else values * where[:, 0]
    else:
        shares: Any = scorer.metric
        values = shares.map(image, reference, where) * (image.shape[-2] * image.shape[-1])
    return values[0].double().cpu().numpy()


def _picture(image: Tensor) -> Image.Image:
    return Image.fromarray(to_array(image))


def _overlay(image: Tensor, values: Array, most: float) -> Image.Image:
    """The image in pale grey, and over it the map, opaque where it is large."""
    share = np.clip(values / most, 0, 1)[..., None] if most > 0 else np.zeros((*values.shape, 1))
    grey = to_array(image).astype(np.float64) @ (0.299, 0.587, 0.114) / 255
    below = (0.15 + 0.85 * grey)[..., None].repeat(3, -1)
    colours = colormaps[COLOUR_MAP](share[..., 0])[..., :3]
    opacity = _OPAQUE * share**0.5
    return Image.fromarray(np.rint(255 * (opacity * colours + (1 - opacity) * below)).astype(np.uint8))
