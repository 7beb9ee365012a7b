"""How the columns of several levels and images lie side by side in one matrix, so that each operator runs once.

The columns of every level have 64 rows. Levels with `sizes` columns an image lie side by side in a matrix (64, B, N),
N = sum(sizes). What belongs to one image and level, such as a scale, is (B, L), and spread over the columns it is
(B, N).

A processor works the other way round: level by level and image by image, in blocks that its caches hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

Sizes = tuple[int, ...]

CACHED = 8192  # columns of a block on a CPU: enough to share an operation among threads, few enough for their caches
LAUNCHED = 2**17  # columns of an image at once on other devices: enough to fill them, few enough to bound their memory
LAUNCHED_OF_ALL = 2**20  # columns of all images at once there: a batch of 8 takes as many operators as one image


def cached(device: torch.device) -> bool:
    """Whether a device compares level by level and image by image, in blocks that its caches hold: a CPU."""
    return device.type == "cpu"


def groups(sizes: Sequence[int], device: torch.device) -> list[Sizes]:
    """Consecutive levels whose columns lie side by side: on a CPU each level alone, elsewhere up to `LAUNCHED` columns.

    Example:
        >>> groups([3072, 65536, 32768, 262144], torch.device("meta"))
        [(3072, 65536, 32768), (262144,)]
    """
    found: list[Sizes] = []
    for size in sizes:
        joins = found and not cached(device) and sum(found[-1]) + size <= LAUNCHED
        found[-1:] = [(*found[-1], size)] if joins else [*found[-1:], (size,)]
    return found


def fold(levels: Iterable[Tensor], grouped: Sequence[Sizes]) -> Iterator[Tensor]:
    """Columns of each level (B, 64, N of the level) -> for each group of levels a matrix (64, B, N), when it is asked
    for: padded levels are copies, and not all of them are in memory at once.
    """
    rest = iter(levels)
    for sizes in grouped:
        yield side_by_side([next(rest).transpose(0, 1) for _ in sizes])


def blocks(batch: int, tensors: Sequence[Tensor | None]) -> Iterator[list[Any]]:
    """Matching parts (..., n) of tensors (..., batch or 1, N): image by image in blocks on a CPU, elsewhere in blocks
    of all images side by side. In their order the parts make up (..., batch * N).

    The parts of a contiguous tensor with all images are views, which can be written to.
    """
    columns = next(tensor for tensor in tensors if tensor is not None)
    count = columns.shape[-1]
    if cached(columns.device):
        for image in range(batch):
            for at in range(0, count, CACHED):
                yield [None if t is None else t[..., image % t.shape[-2], at : at + CACHED] for t in tensors]
        return
    total, size = batch * count, min(LAUNCHED * batch, LAUNCHED_OF_ALL)
    flat = [None if tensor is None else tensor.contiguous().flatten(-2) for tensor in tensors]
    repeats = any(tensor is not None and tensor.shape[-1] < total for tensor in flat)
    of_image = torch.arange(total, device=columns.device).remainder_(count) if repeats else None
    for at in range(0, total, size):
        yield [None if tensor is None else _part(tensor, at, at + size, total, of_image) for tensor in flat]


def _part(columns: Tensor, start: int, stop: int, total: int, of_image: Tensor | None) -> Tensor:
    """Columns `start` to `stop` of `total`: those of all images (..., total), or those of one, which repeat."""
    if columns.shape[-1] == total or of_image is None:
        return columns[..., start:stop]
    return columns.index_select(-1, of_image[start:stop])


def sums(values: Tensor, sizes: Sizes) -> Tensor:
    """Sum over the columns of each image and level, (B, N) -> (B, L).

    On a CPU in blocks, each small enough for one thread: how many threads there are does not change the rounding.
    """
    return torch.stack([_sum(level) for level in values.split(sizes, -1)], -1)


def _sum(values: Tensor) -> Tensor:
    if not cached(values.device):
        return values.sum(-1)
    images = [torch.stack([block.sum() for block in image.split(CACHED)]).sum() for image in values]
    return torch.stack(images)


def divided(values: Tensor, sizes: Sizes) -> Tensor:
    """What belongs to each image and level, (B, L), divided by the number of its columns."""
    return torch.stack([level / size for level, size in zip(values.unbind(-1), sizes, strict=True)], -1)


def spread(values: Tensor, sizes: Sizes) -> Tensor:
    """What belongs to each image and level at each of its columns, (B, L) -> (B, N)."""
    return side_by_side([level.expand(-1, size) for level, size in zip(values.split(1, -1), sizes, strict=True)])


def side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """The parts as one along their last dimension; a single one as it is."""
    return torch.cat(list(parts), -1) if len(parts) > 1 else parts[0]
