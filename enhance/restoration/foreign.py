"""Restoring networks of others, by spandrel: DRUNet, SCUNet, FBCNN, NAFNet, SwinIR and more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from enhance.utils.weights import WeightsError, read_file

NAME = "spandrel"
_TAKE_LEVEL = ("DRUNet",)  # take a map of the noise level as a last channel


class Foreign(nn.Module):
    """A network that spandrel recognises by its weights, as a denoiser.

    One that takes no noise level is given none: it restores what it takes for damage.

    Args:
        path: a .pth, .pt or .safetensors file; pickled code is refused, never run.

    Raises:
        WeightsError: without spandrel, or if the file is of no network that restores pictures at their size.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        descriptor = _recognised(path)
        self.name = str(descriptor.architecture.name)
        self.takes_level = descriptor.architecture.id in _TAKE_LEVEL
        channels = descriptor.input_channels, descriptor.output_channels
        if descriptor.scale != 1 or channels not in ((3, 3), (1, 1)):
            raise WeightsError(
                f"{path} is a {self.name} of {channels[0]} to {channels[1]} channels and an enlargement by "
                f"{descriptor.scale}; a denoiser takes and gives pictures of one size in 1 or 3 channels."
            )
        self.grey = channels[0] == 1
        self.network: nn.Module = descriptor.model
        sizes = descriptor.size_requirements
        self._least, self._multiple = max(1, sizes.minimum), max(1, sizes.multiple_of)

    def forward(self, image: Tensor, noise: Tensor) -> Tensor:
        """The clean image, (1, 3, H, W), of an image (1, 3, H, W) and a map of its noise level (1, 1, H, W)."""
        height, width = image.shape[-2:]
        given = torch.cat([image, noise.expand(-1, -1, height, width)], 1) if self.takes_level else image
        pads = [max(self._least - side, 0) for side in (width, height)]
        pads = [pad + -(side + pad) % self._multiple for side, pad in zip((width, height), pads, strict=True)]
        given = nn.functional.pad(given, (0, pads[0], 0, pads[1]), mode="replicate")
        if not self.grey:
            return self._ran(given)[..., :height, :width]
        found = [self._ran(given[:, [channel, *range(3, given.shape[1])]]) for channel in range(3)]
        return torch.cat(found, 1)[..., :height, :width]

    def _ran(self, given: Tensor) -> Tensor:
        found = self.network(given)
        return found[0] if isinstance(found, tuple) else found  # FBCNN gives its estimate of the quality too


def _recognised(path: Path) -> Any:
    try:
        from spandrel import (  # pyright: ignore[reportMissingImports]
            ImageModelDescriptor,
            ModelLoader,
            UnsupportedModelError,
        )
    except ImportError as error:
        raise WeightsError(
            "denoiser=spandrel needs the package spandrel: python -m pip install 'enhance[restore]'."
        ) from error
    try:
        found = ModelLoader().load_from_state_dict(read_file(path))
    except UnsupportedModelError as error:
        raise WeightsError(f"{path} is of no network of spandrel; see its list of architectures.") from error
    if not isinstance(found, ImageModelDescriptor) or found.purpose != "Restoration":
        raise WeightsError(f"{path} is a {found.architecture.name} for {found.purpose}, not for restoration.")
    return found
