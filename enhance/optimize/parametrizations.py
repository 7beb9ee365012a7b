"""Which numbers the optimiser moves. Each parametrization turns its parameters into an image (B, 3, H, W) in [0, 1]."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional


class Parametrization(Protocol):
    """Parameters that an optimiser moves, and the image they stand for."""

    def parameters(self) -> list[Tensor]:
        """What the optimiser moves."""
        ...

    def image(self) -> Tensor:
        """The image, differentiable in the parameters."""
        ...

    def project(self) -> None:
        """Bring the parameters back to where the image is in range, after each update."""
        ...


class Pixels:
    """The pixels themselves, clamped to [0, 1] after each update, as published.

    Every pixel moves by about the learning rate per step, alone: that a whole sky must turn darker is learned pixel by
    pixel.
    """

    def __init__(self, initial: Tensor) -> None:
        self.pixels = nn.Parameter(initial.detach().clone())

    def parameters(self) -> list[Tensor]:
        return [self.pixels]

    def image(self) -> Tensor:
        return self.pixels

    @torch.no_grad()
    def project(self) -> None:
        self.pixels.clamp_(0, 1)


# Columns: what one unit of luma, of red against blue, and of green against both adds to red, green and blue.
_OPPONENT = ((1.0, 0.5**0.5, -(6**-0.5)), (1.0, 0.0, 2 * 6**-0.5), (1.0, -(0.5**0.5), -(6**-0.5)))


class Pyramid:
    """The initial image plus a sum of bilinearly enlarged images, each half the size of the one before, in luma and two
    opponent colours.

    Adam moves every number by about the learning rate per step, so a number that stands for a large region moves the
    whole region at once. A coarse error, which pixels would correct one by one and in disagreement, becomes a few large
    parameters with strong, consistent gradients: shapes and tones settle in the first steps while the fine levels add
    detail. Luma and colour are separated for the same reason: in photographs red, green and blue mostly rise and fall
    together, so one number for what they share moves all three, and the small differences between them take smaller
    steps. The same optimum, another basis.

    With `detail` one more full-size level holds only what a half-size version of it would lose. The other levels'
    gradients are full of coarser errors, so that grain to which networks are nearly blind (fine coloured noise) would
    wait for all those to settle; here it is on its own. It helps where grain has to go, and puts some into smooth
    regions where none has.

    The image is clamped to [0, 1] straight-through: the gradient passes as if it were not, since a white start lies on
    the edge of the range where a plain clamp has no gradient at all.

    Args:
        initial: (B, 3, H, W) in [0, 1].
        levels: how many images, the first at full size; fewer where the image is too small.
        chroma: size of a step in the opponent colours, relative to luma's.
        detail: size of a step of the finest detail, relative to the other levels'; 0: no such level.
    """

    def __init__(self, initial: Tensor, levels: int = 7, chroma: float = 0.5, detail: float = 0.0) -> None:
        self.start, self._detail = initial.detach().clone(), detail
        self._colours = initial.new_tensor(_OPPONENT) * initial.new_tensor([1.0, chroma, chroma])
        height, width = initial.shape[-2:]
        sizes = [(height, width)]
        while len(sizes) < levels and min(sizes[-1]) > 1:
            sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
        self.levels = [nn.Parameter(initial.new_zeros(*initial.shape[:2], *size)) for size in sizes]
        self.grain = nn.Parameter(torch.zeros_like(self.start))

    def parameters(self) -> list[Tensor]:
        return [*self.levels, self.grain] if self._detail else list(self.levels)

    def image(self) -> Tensor:
        total = self.levels[-1]
        for level in reversed(self.levels[:-1]):
            total = level + _enlarge(total, level)
        if self._detail:
            half = functional.avg_pool2d(self.grain, 2, ceil_mode=True)
            total = total + self._detail * (self.grain - _enlarge(half, self.grain))
        total = torch.einsum("rc,bchw->brhw", self._colours, total)
        return _ClampStraightThrough.apply(self.start + total)  # type: ignore[no-any-return]

    def project(self) -> None:
        """Nothing to do: the clamp is part of the image."""


def _enlarge(image: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(image, size=like.shape[-2:], mode="bilinear", align_corners=False)


class _ClampStraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clamp(0, 1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output
