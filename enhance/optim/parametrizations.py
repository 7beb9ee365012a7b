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

_VISIBLE = 1e-4  # of the range [0, 1]


class Pyramid:
    """The initial image plus a sum of bilinearly enlarged images, each half the size of the one before, in luma and two
    opponent colours.

    Adam moves every number by about the learning rate per step, so a number that stands for a large region moves the
    whole region at once. A coarse error, which pixels would correct one by one and in disagreement, becomes a few large
    parameters with strong, consistent gradients: shapes and tones settle in the first steps while the fine levels add
    detail. Luma and colour are separated for the same reason: in photographs red, green and blue mostly rise and fall
    together, so one number for what they share moves all three, and the small differences between them take smaller
    steps. The same optimum, another basis.

    The initial image takes part with a gain for each of its frequency bands and colours, a dozen numbers in all. Grain
    to which a network is nearly blind (fine coloured noise) would have to be unlearned pixel by pixel, among gradients
    of everything else; its band fades in a few steps, and the levels bring back what was worth keeping. What a blur has
    weakened is amplified likewise. A plain start has no such bands, and no gains.

    The image is clamped to [0, 1] straight-through: the gradient passes as if it were not, since a white start lies on
    the edge of the range where a plain clamp has no gradient at all.

    Args:
        initial: (B, 3, H, W) in [0, 1].
        levels: how many images, the first at full size; fewer where the image is too small.
        chroma: size of a step in the opponent colours, relative to luma's.
        gain: size of a step of the gains, which start at 1, relative to luma's; 0 keeps them there.
    """

    def __init__(self, initial: Tensor, levels: int = 7, chroma: float = 0.5, gain: float = 5.0) -> None:
        self.start, self._gain = initial.detach().clone(), gain
        self._opponent = initial.new_tensor(_OPPONENT)
        self._chroma = initial.new_tensor([1.0, chroma, chroma])[:, None, None]
        height, width = initial.shape[-2:]
        sizes = [(height, width)]
        while len(sizes) < levels and min(sizes[-1]) > 1:
            sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
        self.levels = [nn.Parameter(initial.new_zeros(*initial.shape[:2], *size)) for size in sizes]
        self._bands = _bands(_mix(self._opponent.inverse(), self.start))
        self.gains = nn.Parameter(initial.new_zeros(len(self._bands), len(initial), 3, 1, 1))
        self._gained = gain > 0 and bool((self._bands.abs() > _VISIBLE).any())

    def parameters(self) -> list[Tensor]:
        return [*self.levels, self.gains] if self._gained else list(self.levels)

    def image(self) -> Tensor:
        total = self.levels[-1]
        for level in reversed(self.levels[:-1]):
            total = level + _enlarge(total, level)
        total = total * self._chroma
        if self._gained:
            for gain, band in zip(self._gain * self.gains, self._bands, strict=True):
                total = torch.addcmul(total, gain, band)
        return _ClampStraightThrough.apply(self.start + _mix(self._opponent, total))  # type: ignore[no-any-return]

    def project(self) -> None:
        """Nothing to do: the clamp is part of the image."""


def _bands(image: Tensor) -> Tensor:
    """The finest four octaves of an image, finest first: (B, 3, H, W) -> (4, B, 3, H, W)."""
    rest, reduced, bands = image, image, []
    for _ in range(4):
        reduced = functional.avg_pool2d(reduced, 2, ceil_mode=True)
        smooth = _enlarge(reduced, image)
        bands.append(rest - smooth)
        rest = smooth
    return torch.stack(bands)


def _mix(colours: Tensor, image: Tensor) -> Tensor:
    return torch.einsum("rc,bchw->brhw", colours, image)


def _enlarge(image: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(image, size=like.shape[-2:], mode="bilinear", align_corners=False)


class _ClampStraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clamp(0, 1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output
