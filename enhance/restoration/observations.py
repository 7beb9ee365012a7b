"""What was observed of a picture: y = A(x) + noise, with the operator, its adjoint and its proximal map.

An estimate may be larger than the observation: a blurred picture holds light from beyond its border, a JPEG whole
blocks. The estimate covers all that the observation depends on, so that no border rule has to be guessed;
`Observation.picture` cuts out what the observation shows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

LEAST_NOISE = 1 / 255  # that is reckoned with: 8 bits round by 0.29 (RMS), and no model of a degradation is exact


class Observation(ABC):
    """An observation y = A(x) + noise with a linear operator A.

    Args:
        observed: y, (1, C, h, w).
        noise: standard deviation of its noise, in units of the image's range [0, 1].

    Attributes:
        observed: as given.
        noise: as given.
        independent: whether its noise is independent between the channels of a colour picture.
    """

    name: str
    independent = True

    def __init__(self, observed: Tensor, noise: float = 0.0) -> None:
        self.observed = observed
        self.noise = noise

    @property
    def reckoned(self) -> float:
        """The noise that a coupling reckons with: at least 1 / 255."""
        return max(self.noise, LEAST_NOISE)

    @abstractmethod
    def operator(self, image: Tensor) -> Tensor:
        """A(image), of the shape of `observed`."""

    @abstractmethod
    def adjoint(self, values: Tensor) -> Tensor:
        """The adjoint of A on values of the shape of `observed`: of the shape of an estimate."""

    @abstractmethod
    def proximal(self, image: Tensor, weight: float) -> Tensor:
        """The minimiser over x of |A x - y|^2 + `weight` |x - image|^2."""

    @abstractmethod
    def start(self) -> Tensor:
        """A first estimate, (1, 3, H, W), whose shape is that of all estimates."""

    def picture(self, estimate: Tensor) -> Tensor:
        """The part of an estimate that the observation shows."""
        return estimate

    def residual(self, estimate: Tensor) -> Tensor:
        """A(estimate) - y."""
        return self.operator(estimate) - self.observed

    def misfit(self, estimate: Tensor) -> float:
        """The root mean square of the residual, of 255."""
        return 255 * self.residual(estimate).square().mean().sqrt().item()

    def fit(self, estimate: Tensor) -> dict[str, float]:
        """How well an estimate meets the observation: `residual` and what is `expected` of the noise, root mean squares
        of 255, and the `correlation` of neighbouring residuals, 0 where nothing of the picture is left in them.
        """
        return {
            "residual": self.misfit(estimate),
            "expected": 255 * self.noise,
            "correlation": _correlation(self.residual(estimate)),
        }

    def simulated(self, image: Tensor, seed: int) -> Tensor:
        """An observation of an image: A(image) plus white Gaussian noise of the standard deviation `noise`."""
        clean = self.operator(image)
        drawn = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
        return clean + self.noise * drawn.to(clean)

    def describe(self) -> dict[str, Any]:
        """What is assumed of the observation, for metadata: JSON values."""
        return {"degradation": self.name, "noise": round(255 * self.noise, 3)}


class Noisy(Observation):
    """A picture with additive noise, whose standard deviation may differ between pixels.

    Args:
        observed: (1, 3, H, W).
        level: standard deviation at each pixel, (1, 1, H, W), in units of [0, 1].
        name: of the degradation, for people.

    Example:
        >>> noisy = Noisy(torch.rand(1, 3, 16, 16), torch.full((1, 1, 16, 16), 0.1))
        >>> round(noisy.noise, 3)
        0.1
    """

    def __init__(self, observed: Tensor, level: Tensor, name: str = "gaussian_noise") -> None:
        super().__init__(observed, level.square().mean().sqrt().item())
        self.level, self.name = level, name

    def operator(self, image: Tensor) -> Tensor:
        return image

    def adjoint(self, values: Tensor) -> Tensor:
        return values

    def proximal(self, image: Tensor, weight: float) -> Tensor:
        return (self.observed + weight * image) / (1 + weight)

    def start(self) -> Tensor:
        return self.observed


class Masked(Observation):
    """A picture of which some pixels are lost, as after salt and pepper.

    Args:
        observed: (1, 3, H, W).
        kept: (1, 1, H, W): 1 where a pixel was observed, 0 where it was lost.
        noise: of the pixels that were observed.

    Example:
        >>> kept = (torch.rand(1, 1, 16, 16) > 0.2).float()
        >>> Masked(torch.rand(1, 3, 16, 16), kept).start().shape
        torch.Size([1, 3, 16, 16])
    """

    name = "salt_and_pepper"

    def __init__(self, observed: Tensor, kept: Tensor, noise: float = 0.0) -> None:
        super().__init__(observed * kept, noise)
        self.kept = kept

    def operator(self, image: Tensor) -> Tensor:
        return image * self.kept

    def adjoint(self, values: Tensor) -> Tensor:
        return values * self.kept

    def proximal(self, image: Tensor, weight: float) -> Tensor:
        return torch.where(self.kept > 0, (self.observed + weight * image) / (1 + weight), image)

    def start(self) -> Tensor:
        """Lost pixels as means of those around them."""
        kernel = self.kept.new_ones(1, 1, 3, 3)
        filled, known = self.observed, self.kept
        while not known.all():
            weights = functional.conv2d(known, kernel, padding=1)
            means = functional.conv2d(filled * known, kernel.expand(3, 1, 3, 3), padding=1, groups=3)
            fresh = (known == 0) & (weights > 0)
            filled = torch.where(fresh, means / weights.clamp(min=1), filled)
            known = (weights > 0).to(known)
        return filled

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"lost": round(1 - self.kept.mean().item(), 4)}


def _correlation(residual: Tensor) -> float:
    """The correlation of neighbouring residuals, mean of both directions."""
    centred = residual - residual.mean()
    variance = centred.square().mean().clamp(min=1e-20)
    along = (centred[..., 1:] * centred[..., :-1]).mean() / variance
    down = (centred[..., 1:, :] * centred[..., :-1, :]).mean() / variance
    return ((along + down) / 2).item()
