"""Random weights for networks that are not trained."""

from __future__ import annotations

import torch
from torch import nn


def draw(layers: nn.Module, seed: int) -> None:
    """Fill layers on the meta device with He-normal weights drawn from `seed`, in place.

    Batch normalisation takes its statistics from the features of a noise image, so that the features of deep networks
    neither vanish nor explode.
    """
    layers.to_empty(device="cpu").eval()  # no stochastic depth
    generator = torch.Generator().manual_seed(seed)
    norms: list[nn.BatchNorm2d] = []
    for module in layers.modules():
        if isinstance(module, nn.BatchNorm2d):
            norms.append(module)
            module.reset_parameters()
        elif isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif callable(getattr(module, "reset_parameters", None)):
            module.reset_parameters()  # type: ignore[operator]
    leftover = [
        tensor for name, tensor in layers.named_parameters() if name.rsplit(".", 1)[-1] not in ("weight", "bias")
    ]
    for tensor in leftover:
        nn.init.normal_(tensor, std=0.02, generator=generator)
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    with torch.no_grad():
        layers(torch.rand(2, 3, 96, 96, generator=generator))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
