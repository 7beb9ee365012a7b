"""A JPEG as an observation: the picture lies in the cells that its quantised coefficients name."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from enhance.restoration.jpeg_file import Component, JpegFile
from enhance.restoration.observations import Observation

_TO_YCBCR = torch.tensor(
    [[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]], dtype=torch.float64
)
_HALF = 0.5  # of a cell: a coefficient was rounded to the nearest level
_SLACK = 0.02  # of a cell: rounding in float32


class JpegCells(Observation):
    """The pictures that a JPEG may come from: every DCT coefficient lies in the cell that was rounded to its level.

    An estimate is the picture extended to whole blocks, so that the cells of border blocks hold without a guess at how
    the encoder filled them. A channel that was reduced is a mean of its pixels, as libjpeg reduces it.

    Args:
        file: coefficients and tables.

    Example:
        >>> cells = JpegCells(JpegFile((Component(torch.zeros(2, 2, 8, 8), torch.ones(8, 8), (1, 1)),), (12, 16),
        ...                   "grey", False, "4:0:0"))
        >>> cells.picture(cells.start()).shape
        torch.Size([1, 3, 12, 16])
    """

    name = "jpeg"
    independent = False  # the brightness has most of the error

    def __init__(self, file: JpegFile) -> None:
        self.file = file
        sides = zip(*(_covered(component) for component in file.components), strict=True)
        self._size = tuple(max(each) for each in sides)
        super().__init__(torch.zeros(0), _level(file.components))
        self._matrix = _TO_YCBCR if file.colours != "RGB" else torch.eye(3, dtype=torch.float64)
        self._offset = torch.tensor([0.0, 0.5, 0.5] if file.colours != "RGB" else [0.0] * 3)[:, None, None]

    def operator(self, image: Tensor) -> Tensor:
        """All coefficients in units of their steps, in one row."""
        planes = self._planes(image)[0]
        return torch.cat(
            [
                (_coefficients(reduced(plane, part)) / part.steps).flatten()
                for plane, part in zip(planes, self.file.components, strict=False)
            ]
        )

    def adjoint(self, values: Tensor) -> Tensor:
        """The adjoint of the linear part of `operator`."""
        planes, place = [], 0
        for part in self.file.components:
            count = part.levels.numel()
            blocks = values[place : place + count].reshape(part.levels.shape) / part.steps
            planes.append(self._spread(_pixels(blocks), part) / math.prod(part.down) * 255)
            place += count
        planes += [torch.zeros_like(planes[0])] * (3 - len(planes))
        return torch.einsum("cd,chw->dhw", self._matrix.to(values), torch.stack(planes))[None]

    def residual(self, estimate: Tensor) -> Tensor:
        """By how much each coefficient lies outside its cell, in units of its step."""
        away = self.operator(estimate) - torch.cat([part.levels.flatten() for part in self.file.components])
        return away - away.clamp(-_HALF, _HALF)

    def kept(self, estimate: Tensor) -> float:
        """The share of the blocks whose coefficients all lie in their cells."""
        inside = self.residual(estimate).reshape(-1, 64).abs().amax(1) <= _SLACK
        return inside.double().mean().item()

    def misfit(self, estimate: Tensor) -> float:
        """The root mean square of the residual, in steps."""
        return self.residual(estimate).square().mean().sqrt().item()

    def fit(self, estimate: Tensor) -> dict[str, float]:
        """`blocks_in_cells`: the share of the blocks whose coefficients all lie in their cells."""
        return {"blocks_in_cells": self.kept(estimate)}

    def proximal(self, image: Tensor, weight: float) -> Tensor:
        """The projection onto the cells; a set has no weight."""
        planes = self._planes(image)[0]
        moved = [
            plane + self._spread(_pixels(_into_cells(_coefficients(reduced(plane, part)), part)), part)
            for plane, part in zip(planes, self.file.components, strict=False)
        ]
        return self._image(moved)

    def start(self) -> Tensor:
        """The centres of the cells, reduced channels enlarged linearly."""
        planes = []
        for part in self.file.components:
            small = _pixels(part.levels * part.steps)[None, None]
            small = small if part.down == (1, 1) else _enlarged(small, part.down)
            planes.append(self._filled(small[0, 0]))
        return self._image(planes)

    def picture(self, estimate: Tensor) -> Tensor:
        height, width = self.file.size
        return estimate[..., :height, :width]

    def describe(self) -> dict[str, Any]:
        return {"degradation": self.name, **self.file.describe()}

    def _planes(self, image: Tensor) -> Tensor:
        """The channels of the file, 0 in their middle, in units of 255."""
        turned = torch.einsum("cd,bdhw->bchw", self._matrix.to(image), image)
        return 255 * (turned + self._offset.to(image)) - 128

    def _image(self, planes: list[Tensor]) -> Tensor:
        planes = planes + [torch.zeros_like(planes[0])] * (3 - len(planes))
        turned = (torch.stack(planes)[None] + 128) / 255 - self._offset.to(planes[0])
        if len(self.file.components) == 1:
            turned = torch.cat([turned[:, :1], torch.zeros_like(turned[:, 1:])], 1)
        return torch.einsum("cd,bdhw->bchw", self._matrix.inverse().to(turned), turned)

    def _spread(self, small: Tensor, part: Component) -> Tensor:
        """A reduced channel on the pixels of the estimate, each value repeated; 0 beyond its blocks."""
        large = small.repeat_interleave(part.down[0], 0).repeat_interleave(part.down[1], 1)
        return functional.pad(large, (0, self._size[1] - large.shape[1], 0, self._size[0] - large.shape[0]))

    def _filled(self, plane: Tensor) -> Tensor:
        """A channel with its last row and column repeated up to the size of the estimate."""
        padding = (0, self._size[1] - plane.shape[1], 0, self._size[0] - plane.shape[0])
        return functional.pad(plane[None, None], padding, mode="replicate")[0, 0]


def reduced(plane: Tensor, part: Component) -> Tensor:
    """A channel at the resolution of its blocks."""
    height, width = _covered(part)
    return (
        plane[:height, :width]
        if part.down == (1, 1)
        else functional.avg_pool2d(plane[None, None, :height, :width], part.down)[0, 0]
    )


def _covered(part: Component) -> tuple[int, int]:
    """Height and width in pixels of the picture that the blocks of a channel cover."""
    rows, columns = part.levels.shape[:2]
    return 8 * rows * part.down[0], 8 * columns * part.down[1]


def _into_cells(coefficients: Tensor, part: Component) -> Tensor:
    """By how much coefficients have to change to lie in their cells."""
    low, high = (part.levels - _HALF) * part.steps, (part.levels + _HALF) * part.steps
    return coefficients.clamp(low, high) - coefficients


def _level(components: tuple[Component, ...]) -> float:
    """The noise level that a denoiser is given, in units of [0, 1], from the luma's cells: 2 to 3 times the error of
    its pixels, since a zero is mostly well inside its cell.
    """
    part = components[0]
    uniform = part.steps / math.sqrt(12)
    share = (part.levels != 0).float().mean((0, 1))  # of each frequency's blocks
    variance = uniform.square() * share + (uniform / 2).square() * (1 - share)
    return variance.mean().sqrt().item() / 255


def _enlarged(small: Tensor, down: tuple[int, int]) -> Tensor:
    sides = [side * factor for side, factor in zip(small.shape[-2:], down, strict=True)]
    return functional.interpolate(small, size=sides, mode="bilinear")


def _basis(like: Tensor) -> Tensor:
    """The orthonormal DCT-II of 8 points."""
    frequency, place = torch.arange(8, dtype=torch.float64)[:, None], torch.arange(8, dtype=torch.float64)
    basis = torch.cos(math.pi * frequency * (2 * place + 1) / 16) / 2
    basis[0] /= math.sqrt(2)
    return basis.to(like)


def _coefficients(plane: Tensor) -> Tensor:
    """The DCT of the 8 x 8 blocks of a plane: (8 m, 8 n) -> (m, n, 8, 8)."""
    basis = _basis(plane)
    blocks = plane.unflatten(0, (-1, 8)).unflatten(2, (-1, 8)).transpose(1, 2)
    return basis @ blocks @ basis.T


def _pixels(blocks: Tensor) -> Tensor:
    """The plane of DCT coefficients, (m, n, 8, 8) -> (8 m, 8 n)."""
    basis = _basis(blocks)
    return (basis.T @ blocks @ basis).transpose(1, 2).flatten(2, 3).flatten(0, 1)
