"""One pass of a restoration, as it is recorded and shown."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Moment:
    """One pass of a restoration.

    Attributes:
        step: passes made; 0 is the picture as it was given.
        level: noise level that the denoiser was told, of 255; NaN at step 0.
        image: (1, 3, H, W) in [0, 1].
        residual: root mean square of A(image) - y, of 255; of a JPEG, in steps beyond the cells.
        seconds: that the passes took so far.
    """

    step: int
    level: float
    image: Tensor
    residual: float
    seconds: float
