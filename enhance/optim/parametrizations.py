"""Parametrizations: parameters that an optimizer moves, and the image (B, 3, H, W) in [0, 1] that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from enhance.config.schema import ParametrizationConfig
from enhance.optim.enlargement import octaves, sums_for
from enhance.utils.arguments import accepted, made_of
from enhance.utils.suggest import unknown


class Parametrization(Protocol):
    """Parameters that an optimizer moves, and the image that they stand for.

    A class of the registry may have `learning_rates`: the default rate, and the one for an initial image that resembles
    the reference.
    """

    def parameters(self) -> list[Tensor]:
        """The parameters of the optimizer."""
        ...

    def image(self) -> Tensor:
        """The image, differentiable in the parameters."""
        ...

    def project(self) -> None:
        """Bring the parameters back to where the image is in range, after each update."""
        ...


class Pixels:
    """The pixels themselves, clamped to [0, 1] after each update, as published.

    Every pixel moves by about the learning rate per step, on its own: a whole sky turns darker pixel by pixel.
    """

    learning_rates: ClassVar[tuple[float, float]] = (0.1, 0.02)

    def __init__(self, initial: Tensor) -> None:
        self.pixels = nn.Parameter(initial.detach().clone())

    def parameters(self) -> list[Tensor]:
        return [self.pixels]

    def image(self) -> Tensor:
        return _ClampStraightThrough.apply(self.pixels)  # type: ignore[no-any-return]

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
    to which a network is nearly insensitive (fine coloured noise) would have to be unlearned pixel by pixel, among
    gradients of everything else; its band fades in a few steps, and the levels bring back what was worth keeping. What
    a blur has weakened is amplified likewise. A plain start has no such bands, and no gains.

    The image is clamped to [0, 1] straight-through: the gradient passes as if it were not, since a white start lies on
    the edge of the range where a plain clamp has no gradient at all.

    Args:
        initial: (B, 3, H, W) in [0, 1].
        levels: how many images, the first at full size; fewer where the image is too small.
        chroma: size of a step in the opponent colours, relative to luma's.
        gain: size of a step of the gains, which start at 1, relative to luma's; 0 keeps them there.
    """

    learning_rates: ClassVar[tuple[float, float]] = (0.02, 0.005)

    def __init__(
        self,
        initial: Tensor,
        levels: int = ParametrizationConfig.levels,
        chroma: float = ParametrizationConfig.chroma,
        gain: float = ParametrizationConfig.gain,
    ) -> None:
        self.start, self._gain = initial.detach().clone(), gain
        opponent = torch.tensor(_OPPONENT, dtype=initial.dtype)
        self._opponent = opponent.to(initial.device)
        self._chroma = torch.tensor([1.0, chroma, chroma], dtype=initial.dtype).to(initial.device)[:, None, None]
        height, width = initial.shape[-2:]
        sizes = [(height, width)]
        while len(sizes) < levels and min(sizes[-1]) > 1:
            sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
        self.levels = [nn.Parameter(initial.new_zeros(*initial.shape[:2], *size)) for size in sizes]
        self._sums = sums_for(self.levels)
        self._bands = octaves(_mix(opponent.inverse().to(initial.device), self.start))
        self.gains = nn.Parameter(initial.new_zeros(len(self._bands), len(initial), 3, 1, 1))
        self._gained = gain > 0 and bool((self._bands.abs() > _VISIBLE).any())

    def parameters(self) -> list[Tensor]:
        return [*self.levels, self.gains] if self._gained else list(self.levels)

    def image(self) -> Tensor:
        total = self._sums.levels(self.levels) * self._chroma
        if self._gained:
            total = self._sums.banded(total, self._gain * self.gains, self._bands)
        return _ClampStraightThrough.apply(self.start + _mix(self._opponent, total))  # type: ignore[no-any-return]

    def project(self) -> None:
        """Nothing to do: the clamp is part of the image."""


class Masked:
    """Another parametrization within a mask; outside it the image stays as it was.

    Args:
        inner: of the whole image.
        initial: (B, 3, H, W) in [0, 1].
        mask: (1, 1, H, W) in [0, 1].
    """

    def __init__(self, inner: Parametrization, initial: Tensor, mask: Tensor) -> None:
        self._inner, self._initial, self._mask = inner, initial.detach().clone(), mask.to(initial)

    def parameters(self) -> list[Tensor]:
        return self._inner.parameters()

    def image(self) -> Tensor:
        return torch.lerp(self._initial, self._inner.image(), self._mask)

    def project(self) -> None:
        self._inner.project()


PARAMETRIZATIONS: dict[str, Callable[..., Parametrization]] = {"pixels": Pixels, "pyramid": Pyramid}


def make_parametrization(settings: ParametrizationConfig, similar: bool) -> Callable[[Tensor], Parametrization]:
    """A function that makes the parametrization of the settings from the initial image.

    Args:
        settings: of the run.
        similar: whether the initial image resembles the reference.

    Raises:
        ValueError: for an unknown name, or a setting that this parametrization does not take.
    """
    if settings.name not in PARAMETRIZATIONS:
        raise ValueError(unknown("parametrization", settings.name, PARAMETRIZATIONS))
    kind = PARAMETRIZATIONS[settings.name]
    first = next(iter(signature(kind).parameters), "")  # the initial image
    chosen = accepted(kind, settings, ("levels", "chroma", "gain"), "parametrization", (first,))
    if "gain" not in chosen and settings.gain_degraded != ParametrizationConfig.gain_degraded:
        raise ValueError(
            f"parametrization={settings.name} takes no gain_degraded; leave parametrization.gain_degraded out."
        )
    if similar and "gain" in chosen and "gain" not in settings.arguments:
        chosen["gain"] = settings.gain_degraded

    def make(initial: Tensor) -> Parametrization:
        with made_of(f"parametrization={settings.name}", chosen):
            return kind(initial, **chosen)

    return make


def default_rate(parametrization: object, similar: bool) -> float:
    """The learning rate of a parametrization, in units of the range [0, 1].

    Args:
        parametrization: an object or a class; one without rates of its own takes those of `Pyramid`.
        similar: whether the initial image resembles the reference.
    """
    return getattr(parametrization, "learning_rates", Pyramid.learning_rates)[similar]


def _mix(colours: Tensor, image: Tensor) -> Tensor:
    return torch.einsum("rc,bchw->brhw", colours, image)


class _ClampStraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clamp(0, 1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output
