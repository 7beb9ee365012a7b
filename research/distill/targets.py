"""The teacher's targets of groups of crops, computed once and kept on disk, one file a group."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from enhance.backbones.network import Backbone
from enhance.utils.errors import SettingsError
from enhance.utils.files import write_bytes
from research.distill.crops import group
from research.distill.distances import distance_map, of_images, samples
from research.distill.settings import MEASURES

STAGES = 5
DEEP = slice(2, STAGES)  # stages whose features the student's heads predict
COMPONENTS = (64, 128, 128)  # how many principal components of each

_BASIS = range(2**40, 2**40 + 60)  # groups, none that is learned, from which the principal components are found


@dataclass(frozen=True)
class Targets:
    """Of one group, or of several along a first dimension; a map has n = crop / 16 entries a side.

    Attributes:
        images: (7, 3, crop, crop) bytes, the clean crop first.
        maps: fused distances of the six degraded crops (6, 5 stages, 3 measures, n, n).
        of_images: distances of the images themselves (6, 3 measures).
        deep: principal components of the deep stages' features (7, n, n, 320), half precision.
    """

    images: Tensor
    maps: Tensor
    of_images: Tensor
    deep: Tensor

    def save(self, path: Path) -> None:
        """Write to a file, which is whole if it is there."""
        stream = io.BytesIO()
        np.savez(stream, **{field.name: getattr(self, field.name).numpy() for field in fields(self)})
        write_bytes(path, stream.getvalue())

    @staticmethod
    def load(path: Path) -> Targets:
        """Read what `save` wrote.

        Raises:
            ValueError: if the file is damaged.
        """
        try:
            with np.load(path) as stored:
                return Targets(*(torch.from_numpy(stored[field.name]) for field in fields(Targets)))
        except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError) as error:
            raise ValueError(f"{path} is damaged; remove it, and the same command computes it anew.") from error

    @staticmethod
    def stack(items: Sequence[Targets]) -> Targets:
        """Several groups as one batch."""
        return Targets(*(torch.stack([getattr(item, field.name) for item in items]) for field in fields(Targets)))


class Teacher:
    """The network that the student learns from. It computes in bfloat16, which moves a distance by about one percent.

    Args:
        network: with five stages.
        files: photographs from which the principal components of its deep features are found.
        crop: side of a crop.
        seed: of those crops.

    Raises:
        SettingsError: if the network's stages are not like the student's.
    """

    def __init__(self, network: Backbone, files: Sequence[Path], crop: int, seed: int) -> None:
        self._network, self._crop = network, crop
        widths = [stage.shape[1] for stage in self._stages(torch.zeros(1, 3, crop, crop))]
        if len(widths) != STAGES or any(width % 64 for width in widths):
            raise SettingsError(
                f"teacher={network.name} has stages of {widths} channels; the student has five, each a multiple of 64, "
                "and learns from a network of that kind: vgg16 or vgg19."
            )
        self._basis = self._principal(files, seed)

    def __call__(self, images: Tensor) -> Targets:
        """Targets of one group (7, 3, crop, crop) in bytes."""
        stages, exact = self._stages(images.float() / 255), images.float() / 255
        maps = [
            torch.stack([distance_map(s[1:], s[0], measure, self._crop) for measure in MEASURES], 1) for s in stages
        ]
        direct = torch.stack([of_images(exact[1:], exact[0], measure) for measure in MEASURES], 1)
        parts = zip(stages[DEEP], self._basis, strict=True)
        deep = [((samples(s, self._crop) - mean) @ axes.T / scale).half() for s, (mean, axes, scale) in parts]
        return Targets(images, torch.stack(maps, 1), direct, torch.cat(deep, -1))

    @torch.no_grad()
    def _stages(self, images: Tensor) -> list[Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            return [stage.float().contiguous() for stage in self._network(images)]

    def _principal(self, files: Sequence[Path], seed: int) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Mean, directions and scale of the features of each deep stage."""
        crops = (group(files, self._crop, seed, index) for index in _BASIS)
        features: list[list[Tensor]] = [[] for _ in COMPONENTS]
        for images in crops:
            for found, stage in zip(features, self._stages(images[:2].float() / 255)[DEEP], strict=True):
                found.append(samples(stage, self._crop).flatten(0, -2))
        basis = []
        for found, components in zip(features, COMPONENTS, strict=True):
            stage = torch.cat(found)
            mean = stage.mean(0)
            _, spread, axes = torch.linalg.svd(stage - mean, full_matrices=False)
            basis.append((mean, axes[:components], (spread[:components] / len(stage) ** 0.5).mean()))
        return basis
