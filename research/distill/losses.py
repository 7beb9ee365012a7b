"""How far a student is from its teacher: distances between images first, features second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from research.distill.distances import distance_map, samples
from research.distill.settings import MEASURES
from research.distill.targets import COMPONENTS, DEEP, Targets

_MAP_FLOOR, _LEVEL_FLOOR = 3e-3, 3e-4  # added to distances before their logarithm: smaller ones do not count
_FEATURES = 0.3  # weight of the features' loss
_CHANGE_FLOOR = 0.02


class Heads(nn.Module):
    """One linear map a deep stage, from the student's channels to the teacher's principal components. They help the
    student to learn and are not kept.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.linear = nn.ModuleList(nn.Linear(width, count) for width, count in zip(widths, COMPONENTS, strict=True))

    def forward(self, stages: Sequence[Tensor], crop: int) -> list[Tensor]:
        """Deep stages (B, C, H, W) -> (B, n, n, components) each."""
        return [linear(samples(stage, crop)) for linear, stage in zip(self.linear, stages, strict=True)]

    @torch.no_grad()
    def fit(self, stages: Sequence[Tensor], deep: Tensor, crop: int) -> None:
        """Set the maps to the least-squares ones, for a network that has learned without them.

        Args:
            stages: the network's deep stages (B, C, H, W).
            deep: the components that they are to predict (B, n, n, 320).
            crop: side of the crops.
        """
        layers = cast("list[nn.Linear]", list(self.linear))
        parts = zip(layers, stages, deep.float().split(COMPONENTS, -1), strict=True)
        for linear, stage, expected in parts:
            given = samples(stage, crop).flatten(0, -2)
            given = torch.cat((given, torch.ones_like(given[:, :1])), 1)
            ridge = 1e-3 * given.square().mean() * len(given) * torch.eye(given.shape[1])
            found = torch.linalg.solve(given.T @ given + ridge, given.T @ expected.flatten(0, -2))
            linear.weight.copy_(found[:-1].T)
            linear.bias.copy_(found[-1])


def loss_of(stages: Sequence[Tensor], heads: Heads, targets: Targets) -> Tensor:
    """The loss of a batch of groups.

    Args:
        stages: the student's features of all crops (groups * 7, C, H, W), per stage.
        heads: see `Heads`.
        targets: the teacher's, of the same groups.
    """
    groups, versions, *_, crop = targets.images.shape
    by_group = [stage.unflatten(0, (groups, versions)) for stage in stages]
    third = groups // len(MEASURES)
    parts = [
        _distances([stage[index] for stage in by_group], targets, index, number)
        for number in range(len(MEASURES))
        for index in range(number * third, (number + 1) * third)
    ]
    predicted = heads(stages[DEEP], crop)
    return torch.stack(parts).mean() + _FEATURES * _features(predicted, targets)


def _distances(stages: Sequence[Tensor], targets: Targets, index: int, number: int) -> Tensor:
    """Relative errors of one measure's distances in one group: of their sum, of each level, and place by place."""
    measure, crop = MEASURES[number], targets.images.shape[-1]
    maps = torch.stack([distance_map(stage[1:], stage[0], measure, crop) for stage in stages], 1)
    expected, direct = targets.maps[index, :, :, number], targets.of_images[index, :, number]
    levels, expected_levels = maps.mean((2, 3)), expected.mean((2, 3))
    return (
        2 * _relative(levels.sum(1) + direct, expected_levels.sum(1) + direct, _LEVEL_FLOOR, 0.05)
        + _relative(levels, expected_levels, _LEVEL_FLOOR, 0.1)
        + 0.5 * _relative(maps, expected, _MAP_FLOOR, 0.2)
    )


def _relative(given: Tensor, expected: Tensor, floor: float, tolerance: float) -> Tensor:
    """Error of the logarithms, squared below the tolerance and absolute above."""
    ratio = ((given + floor) / (expected + floor)).log()
    return functional.smooth_l1_loss(ratio, torch.zeros_like(ratio), beta=tolerance)


def _features(predicted: Sequence[Tensor], targets: Targets) -> Tensor:
    """Errors of the predicted features, and of what degrading a crop changes in them, each relative to its size."""
    groups, versions = targets.images.shape[:2]
    total = predicted[0].new_zeros(())
    for given, expected in zip(predicted, targets.deep.float().split(COMPONENTS, -1), strict=True):
        error = given.unflatten(0, (groups, versions)) - expected
        total = total + error.square().mean() / expected.var()
        change, wrong = (x[:, 1:] - x[:, :1] for x in (expected, error))
        share = wrong.square().mean((2, 3, 4)) / (change.square().mean((2, 3, 4)) + _CHANGE_FLOOR)
        total = total + (share + 1e-4).sqrt().mean()
    return total / len(predicted)
