"""The embedded backbone: a small VGG distilled from a large one, whose weights come with the package.

Five stages of 3 x 3 convolutions with ReLU and L2 pooling, 1.3 million parameters. Where VGG spends most of its time,
at full resolution, this network is thin: its first stage computes 16 channels there and hands on blocks of 2 x 2
positions as 64. Every stage ends in a multiple of 64 channels, so that a 64-vector of the published layout is one
position.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from enhance.backbones.pooling import L2Pooling
from enhance.backbones.weights import Origin
from enhance.utils.hashes import hash_file
from enhance.utils.weights import WeightsError, assign, read_file

NAME = "vgg_compact"
FILE = Path(__file__).resolve().parent / "embedded" / f"{NAME}.safetensors"
SHA256 = "92e7df8de9b36554770cb788237bf903074581548f45f0031d572ac1accd68ef"

_BLOCK = 2
_WIDTHS = ((16, 16), (32, 64), (96, 128), (96, 128, 192), (128, 128, 256))


class Blocks(nn.Module):
    """Blocks of 2 x 2 positions as channels of one position: (B, C, H, W) -> (B, 4 C, ceil(H / 2), ceil(W / 2)).

    Odd sides are padded to the right and below with their last entries.
    """

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        if height % _BLOCK or width % _BLOCK:
            x = functional.pad(x, (0, width % _BLOCK, 0, height % _BLOCK), mode="replicate")
        return functional.pixel_unshuffle(x, _BLOCK)


def build(seed: int) -> nn.Sequential:
    """The five stages of the network, with He-normal weights drawn from `seed`."""
    generator = torch.Generator().manual_seed(seed)
    stages, channels = [], 3
    for number, widths in enumerate(_WIDTHS):
        layers: list[nn.Module] = [nn.PixelShuffle(_BLOCK)] if number == 1 else []
        layers += [L2Pooling()] if number else []
        for width in widths:
            convolution = nn.Conv2d(channels, width, 3, padding=1)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(cast(Tensor, convolution.bias))
            layers += [convolution, nn.ReLU()]
            channels = width
        layers += [Blocks()] if number == 0 else []
        stages.append(nn.Sequential(*layers))
    return nn.Sequential(*stages)


def load_stages(weights: str | PathLike[str] | Mapping[str, Tensor], seed: int) -> tuple[nn.Sequential, Origin]:
    """The stages with their weights, and where the weights come from.

    Args:
        weights: `embedded` (or `pretrained`, which is the same here), `untrained`, a file, or a state dict.
        seed: of untrained weights.

    Raises:
        WeightsError: if the embedded file is missing or not the one this version was released with, or a file does not
            fit.
    """
    stages = build(seed)
    if isinstance(weights, Mapping):
        assign(stages, weights, NAME, "the state dict")
        return stages, Origin.of_tensors(stages, "state dict", f"state dict for {NAME}")
    if weights == "untrained":
        name = f"{NAME}, untrained, seed {seed}"
        return stages, Origin.of_tensors(stages, "untrained", name, pretrained=False)
    if weights in ("embedded", "pretrained"):
        _verify()
        assign(stages, read_file(FILE), NAME, str(FILE))
        return stages, Origin("embedded", f"{NAME} embedded", SHA256, pretrained=True)
    path = Path(weights).expanduser()
    assign(stages, read_file(path), NAME, str(path))
    return stages, Origin(str(path), path.name, hash_file(path), pretrained=True)


def _verify() -> None:
    """Raise a WeightsError unless the embedded file is the release's: numbers compare only with the same weights."""
    if not FILE.is_file():
        raise WeightsError(f"The weights of {NAME} are missing from the installation ({FILE}); install enhance again.")
    found = hash_file(FILE)
    if found != SHA256:
        raise WeightsError(
            f"The weights of {NAME} ({FILE}) are damaged or were changed: SHA-256 {found[:12]}... instead of "
            f"{SHA256[:12]}...; install enhance again, or name another file with backbone.weights=FILE."
        )
