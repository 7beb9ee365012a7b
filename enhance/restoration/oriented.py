"""A picture in the colours and the orientation of its file, as it is shown: in sRGB and upright."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from enhance.images.colour import said_by, to_srgb
from enhance.images.depth import upright
from enhance.images.kinds import HEAD

_ORIENTATION = 274


def as_shown(picture: Tensor, path: Path) -> Tensor:
    """What a file's own RGB values, (1, 3, H, W) in [0, 1], look like: its profile and EXIF orientation are applied."""
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    with Image.open(path) as opened:
        colours, orientation = said_by(opened, head), opened.getexif().get(_ORIENTATION, 1)
    values = to_srgb(picture[0].permute(1, 2, 0).numpy(), colours, path.name, [])
    turned = np.ascontiguousarray(upright(values, orientation))
    turned = turned.astype(np.float32) / (np.iinfo(turned.dtype).max if turned.dtype.kind == "u" else 1)
    return torch.from_numpy(turned).permute(2, 0, 1)[None].clamp(0, 1)
