"""A picture in the colours and the orientation of its file, as it is read: upright, in sRGB or its own profile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from enhance.images.arrays import from_array
from enhance.images.colour import said_by, to_srgb
from enhance.images.depth import upright
from enhance.images.kinds import HEAD

_ORIENTATION = 274


def as_read(picture: Tensor, path: Path, own: bool) -> Tensor:
    """A file's own RGB values, (1, 3, H, W) in [0, 1], as the file is read: its EXIF orientation is applied and, unless
    the picture stays in its `own` values, its profile.
    """
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    with Image.open(path) as opened:
        colours, orientation = said_by(opened, head), opened.getexif().get(_ORIENTATION, 1)
        channels = 1 if opened.mode == "L" else 3  # a profile of grey is for one
    values = picture[0].permute(1, 2, 0).numpy()
    if not own:
        values = to_srgb(values[..., :channels], colours, path.name, [])
    return from_array(np.ascontiguousarray(upright(values, orientation))).clamp(0, 1)
