"""A picture that was reduced: separable matrices whose border rule is that of the programs that reduce pictures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from enhance.config.restoration import METHODS
from enhance.restoration.observations import Observation


class Downscaled(Observation):
    """A picture that was reduced by a whole factor: y = R x C^T with a matrix for the rows and one for the columns.

    The matrices are those of an anti-aliased reduction whose weights are normalised at the border, as Pillow's and
    torch's are. The proximal map is exact, through the eigenvectors of R R^T and C C^T.

    Args:
        observed: the small picture, (1, 3, h, w).
        factor: at least 2.
        method: `bicubic` (anti-aliased) or `area` (means of factor x factor pixels).
        noise: standard deviation, in units of [0, 1].

    Example:
        >>> small = Downscaled(torch.rand(1, 3, 16, 20), factor=2)
        >>> small.start().shape
        torch.Size([1, 3, 32, 40])
    """

    name = "downscale"

    def __init__(self, observed: Tensor, factor: int, method: str = METHODS[0], noise: float = 0.0) -> None:
        super().__init__(observed, noise)
        self.factor, self.method = factor, method
        self._rows, self._columns = (reduction(side, factor, method) for side in observed.shape[-2:])
        self._of_rows, self._of_columns = (
            torch.linalg.eigh(matrix @ matrix.T) for matrix in (self._rows, self._columns)
        )

    def operator(self, image: Tensor) -> Tensor:
        return self._rows.to(image) @ image @ self._columns.to(image).T

    def adjoint(self, values: Tensor) -> Tensor:
        return self._rows.to(values).T @ values @ self._columns.to(values)

    def proximal(self, image: Tensor, weight: float) -> Tensor:
        """By x = z + A^T (A A^T + weight)^-1 (y - A z)."""
        rows, columns = (found[1].to(image) for found in (self._of_rows, self._of_columns))
        scale = self._of_rows[0][:, None] * self._of_columns[0] + weight
        solved = rows @ ((rows.T @ -self.residual(image) @ columns) / scale.to(image)) @ columns.T
        return image + self.adjoint(solved)

    def start(self) -> Tensor:
        """The picture enlarged by bicubic interpolation."""
        return functional.interpolate(self.observed, scale_factor=self.factor, mode="bicubic")

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"factor": self.factor, "method": self.method}


def reduction(side: int, factor: int, method: str) -> Tensor:
    """The matrix (side, factor * side) of a reduction by `method`, float64.

    Example:
        >>> reduction(2, 2, "area").tolist()
        [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    if method == "area":
        return torch.eye(side, dtype=torch.float64).repeat_interleave(factor, 1) / factor
    points = torch.eye(side * factor, dtype=torch.float64)[None, None]
    reduced = functional.interpolate(points, size=(side, side * factor), mode="bicubic", antialias=True)
    return reduced[0, 0]
