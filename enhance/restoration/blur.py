"""A blurred picture: the valid part of the convolution with a kernel, and how it is inverted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from enhance.restoration.observations import Observation

_ITERATIONS = 8  # of conjugate gradients, preconditioned: the residual falls tenfold in one or two
_TOLERANCE = 1e-3  # of the residual, relative
_FAST = (2, 3, 5)  # prime factors of the sides that the Fourier transform is fast on


class Blurred(Observation):
    """A picture that was convolved with a kernel; only pixels whose whole neighbourhood it shows are compared.

    The estimate is larger than the picture by the reach of the kernel, as the scene was. On that larger domain a
    circular convolution agrees with the true one wherever the picture was observed.

    Args:
        observed: (1, 3, H, W).
        kernel: (kh, kw) of any sides up to the picture's, normalised to sum 1 here.
        noise: standard deviation, in units of [0, 1].
        name: of the degradation, for people.

    Raises:
        ValueError: for a kernel that is larger than the picture, holds negative values or nothing.

    Example:
        >>> blurred = Blurred(torch.rand(1, 3, 32, 40), torch.ones(4, 5))
        >>> blurred.operator(blurred.start()).shape
        torch.Size([1, 3, 32, 40])
    """

    def __init__(self, observed: Tensor, kernel: Tensor, noise: float = 0.0, name: str = "kernel") -> None:
        super().__init__(observed, noise)
        self.name, self.kernel = name, _normalised(kernel, observed.shape[-2:], name).to(observed)
        sides = (observed.shape[-2] + kernel.shape[0] - 1, observed.shape[-1] + kernel.shape[1] - 1)
        self._size = (_fast(sides[0]), _fast(sides[1]))
        self._top, self._left = kernel.shape[0] // 2, kernel.shape[1] // 2
        self._transfer = torch.fft.rfft2(self.kernel, s=self._size)

    def operator(self, image: Tensor) -> Tensor:
        return self._valid(self._filtered(image, self._transfer))

    def adjoint(self, values: Tensor) -> Tensor:
        (rows, columns), (height, width) = self.kernel.shape, values.shape[-2:]
        right, below = self._size[1] - width - (columns - 1), self._size[0] - height - (rows - 1)
        return self._filtered(functional.pad(values, (columns - 1, right, rows - 1, below)), self._transfer.conj())

    def proximal(self, image: Tensor, weight: float) -> Tensor:
        response = 1 / (self._transfer.abs().square() + weight)
        return image + conjugate_gradients(
            lambda x: self.adjoint(self.operator(x)) + weight * x,
            -self.adjoint(self.residual(image)),
            lambda x: self._filtered(x, response),
        )

    def start(self) -> Tensor:
        """The picture itself, its border repeated."""
        height, width = self.observed.shape[-2:]
        right, below = self._size[1] - width - self._left, self._size[0] - height - self._top
        return functional.pad(self.observed, (self._left, right, self._top, below), mode="replicate")

    def picture(self, estimate: Tensor) -> Tensor:
        height, width = self.observed.shape[-2:]
        return estimate[..., self._top : self._top + height, self._left : self._left + width]

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"kernel": list(self.kernel.shape)}

    def _filtered(self, image: Tensor, transfer: Tensor) -> Tensor:
        """Plane by plane, which takes a third of the memory of all at once."""
        filtered = torch.empty_like(image)
        for plane, into in zip(image.flatten(0, 1), filtered.flatten(0, 1), strict=True):
            into.copy_(torch.fft.irfft2(torch.fft.rfft2(plane) * transfer, s=self._size))
        return filtered

    def _valid(self, image: Tensor) -> Tensor:
        (rows, columns), (height, width) = self.kernel.shape, self.observed.shape[-2:]
        return image[..., rows - 1 : rows - 1 + height, columns - 1 : columns - 1 + width]


def conjugate_gradients(
    matrix: Callable[[Tensor], Tensor], right: Tensor, preconditioner: Callable[[Tensor], Tensor]
) -> Tensor:
    """The solution of matrix(x) = right for a symmetric positive definite matrix, from the preconditioner's on.

    Example:
        >>> conjugate_gradients(lambda x: 2 * x, torch.ones(3), lambda x: x / 2)
        tensor([0.5000, 0.5000, 0.5000])
    """
    solution = preconditioner(right)
    residual = right - matrix(solution)
    target = _TOLERANCE * right.norm()
    preconditioned = preconditioner(residual)
    direction, product = preconditioned, (residual * preconditioned).sum()
    for _ in range(_ITERATIONS):
        if residual.norm() <= target:
            break
        image = matrix(direction)
        step = product / (direction * image).sum()
        solution += step * direction
        residual -= step * image
        preconditioned = preconditioner(residual)
        before, product = product, (residual * preconditioned).sum()
        direction = preconditioned + product / before * direction
    return solution


def _normalised(kernel: Tensor, size: torch.Size, name: str) -> Tensor:
    if kernel.dim() != 2 or not kernel.isfinite().all() or kernel.min() < 0 or kernel.sum() <= 0:
        raise ValueError("A kernel must be a grey image of finite values of at least 0 that are not all 0.")
    if kernel.shape[0] > size[0] or kernel.shape[1] > size[1]:
        mend = "crop the kernel to where it is not black" if name == "kernel" else f"give a smaller {name}"
        raise ValueError(
            f"The kernel is {kernel.shape[1]} x {kernel.shape[0]} pixels, larger than the picture, {size[1]} x "
            f"{size[0]}; {mend}."
        )
    return kernel.double() / kernel.double().sum()


def _fast(side: int) -> int:
    """The next even side of small prime factors."""
    while side % 2 or _rest(side) > 1:
        side += 1
    return side


def _rest(side: int) -> int:
    for factor in _FAST:
        while side % factor == 0:
            side //= factor
    return side
