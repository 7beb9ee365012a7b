"""Pictures in the RGB values of their own file, whose profile they keep: colours beyond sRGB are not lost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from enhance.images import spaces
from enhance.images.arrays import Array, from_array
from enhance.images.colour import Colours
from enhance.images.spaces import Space
from enhance.utils.profiles import description, in_srgb, is_srgb

_GAMMA = (1.5, 3.0)  # in which values are as even to the eye as those of sRGB; linear light is not
_AGREEMENT = 2  # of 255 levels: between the matrix and curves of a profile and littlecms
_MOST = 2**20  # bytes of a profile that Pillow reads in a PNG
_PIXELS = 2**20  # that are converted at a time


@dataclass(frozen=True)
class Wide:
    """The RGB space of a file that is not sRGB.

    Attributes:
        profile: the ICC profile of the file.
        space: what it describes.
    """

    profile: bytes
    space: Space

    @property
    def name(self) -> str:
        """What the profile calls itself."""
        return description(self.profile)

    def in_srgb(self, image: Tensor) -> Tensor:
        """An image (1, 3, H, W) in the space as sRGB in [0, 1]; colours beyond are clipped.

        Example:
            >>> Wide(b"", Space((spaces.gamma(1.0),), None)).in_srgb(torch.full((1, 3, 1, 1), 0.2140411)).shape
            torch.Size([1, 3, 1, 1])
        """
        rows = max(1, _PIXELS // image.shape[-1])
        parts = [self._converted(part) for part in image.split(rows, dim=-2)]
        return torch.cat(parts, dim=-2).to(image)

    def _converted(self, image: Tensor) -> Tensor:
        return from_array(self.space.to_srgb(image[0].permute(1, 2, 0).cpu().numpy()))


def wide_space(values: Array, colours: Colours) -> Wide | None:
    """The space in which samples (H, W, 1 to 4) of a file can stay; None: they are of sRGB or become so.

    They stay where the file has an RGB profile of a matrix and curves, of a gamma of 1.5 to 3, that littlecms converts
    alike, and no pixel is transparent: a background is a colour of sRGB.
    """
    profile = colours.profile
    if colours.space is not None or colours.hdr or profile[16:20] != b"RGB " or len(profile) > _MOST:
        return None
    return None if _transparent(values) else _of_profile(profile)


def _transparent(values: Array) -> bool:
    top = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
    return values.shape[-1] in (2, 4) and bool(values[..., -1].min() < top)


@lru_cache(maxsize=16)
def _of_profile(profile: bytes) -> Wide | None:
    space = spaces.of_profile(profile)
    if space is None or is_srgb(profile) or not all(_is_even(curve) for curve in space.curves):
        return None
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(1, -1, 3)
    expected = in_srgb(Image.fromarray(cube), profile)
    if expected is None:
        return None
    found = 255 * space.to_srgb(cube / 255)
    return Wide(profile, space) if np.abs(found - np.asarray(expected)).max() <= _AGREEMENT else None


def _is_even(curve: spaces.Curve) -> bool:
    """Whether a curve rises, and as steeply as that of sRGB, more or less."""
    light = curve(np.linspace(0, 1, 257))
    middle = float(light[128])
    rises = bool((np.diff(light) >= 0).all())
    return rises and 0 < middle < 1 and _GAMMA[0] <= math.log(middle) / math.log(0.5) <= _GAMMA[1]
