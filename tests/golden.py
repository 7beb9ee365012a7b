"""The networks on which the golden values were computed; see the README beside the values."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

SHARED = Path(os.environ.get("ENHANCE_SHARED", Path(__file__).parents[2] / "shared"))
GOLDEN = SHARED / "reference" / "golden"


def pair(name: str) -> tuple[Tensor, Tensor]:
    """Image and reference of a golden pair, (1, 3, H, W) in [0, 1]."""
    with np.load(GOLDEN / "pairs.npz") as arrays:
        images = [
            torch.from_numpy(arrays[f"{name}.{side}"]).permute(2, 0, 1)[None].float() / 255
            for side in ("image", "reference")
        ]
    return images[0], images[1]


def features(network: str) -> dict[str, Tensor]:
    """State of the seeded, untrained network's features, batch statistics set on the golden pair."""
    torch.manual_seed(0)
    layers = torchvision.models.get_model(network, weights=None).get_submodule("features")
    if any(isinstance(module, nn.BatchNorm2d) for module in layers.modules()):
        for module in layers.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
            elif isinstance(module, StochasticDepth):
                module.p = 0.0
        layers.train()
        with torch.no_grad():
            layers(torch.cat(pair("astronaut256_noise")))
    return layers.state_dict()
