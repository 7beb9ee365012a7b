"""LPIPS and DISTS of torchmetrics: its code and its trained heads, with a trunk that the caller fills with weights.

torchmetrics' own constructors download the trunk, and draw random weights for the whole network before that. These
build the modules without either.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torchmetrics.functional.image import dists, lpips


class LPIPS(lpips._LPIPS):
    """Learned perceptual image patch similarity (Zhang et al., 2018), version 0.1, of images in [-1, 1].

    Args:
        trunk: layers of the network's features; they are shared, not copied.
        net: the heads: `alex`, `squeeze` or `vgg`.
    """

    def __init__(self, trunk: nn.Sequential, net: str) -> None:
        with torch.device("meta"):
            super().__init__(pretrained=False, net=net, pnet_rand=True)  # type: ignore[arg-type]
        self.scaling_layer = lpips.ScalingLayer()
        _place(self.net, trunk)
        slices = self.net.slices if isinstance(self.net, lpips.SqueezeNet) else self.net.children()
        self.net = _Slices(*slices)  # type: ignore[arg-type]
        heads = torch.load(_beside(lpips, f"lpips_models/{net}.pth"), map_location="cpu", weights_only=True)
        self.load_state_dict(heads, strict=False, assign=True)

    def train(self, mode: bool = True) -> LPIPS:
        """Stay in eval mode: the heads have dropout."""
        return super().train(False)


class _Slices(nn.Sequential):
    """The output of each slice of a network. torchmetrics' own networks define a class in each call, which
    torch.compile cannot trace.
    """

    def forward(self, x: Tensor) -> list[Tensor]:
        outputs = []
        for part in self:
            x = part(x)
            outputs.append(x)
        return outputs


class DISTS(dists.DISTSNetwork):
    """Deep image structure and texture similarity (Ding et al., 2020), a distance, of images in [0, 1].

    Args:
        trunk: layers of VGG16's features; they are shared, not copied.
    """

    def __init__(self, trunk: nn.Sequential) -> None:
        nn.Module.__init__(self)  # the library's own __init__ downloads
        for stage, (first, last) in enumerate(((0, 4), (4, 9), (9, 16), (16, 23), (23, 30)), 1):
            layers = nn.Sequential()
            for number in range(first, last):
                layer = trunk[number]
                pooling = isinstance(layer, nn.MaxPool2d)
                layers.add_module(str(number), dists.L2pooling(channels=_channels(trunk, number)) if pooling else layer)
            self.add_module(f"stage{stage}", layers)
        self.chns = [3, 64, 128, 256, 512, 512]
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).reshape(1, -1, 1, 1))
        heads = torch.load(_beside(dists, "dists_models/weights.pt"), map_location="cpu", weights_only=True)
        self.alpha, self.beta = (nn.Parameter(heads[name].detach()) for name in ("alpha", "beta"))

    def forward(self, image: Tensor, reference: Tensor) -> Tensor:  # type: ignore[override]
        """The distance of each image, (B,), with a gradient wherever the caller records one."""
        return super().forward(image, reference, require_grad=True)


def _place(network: nn.Module, trunk: nn.Sequential) -> None:
    """Put the trunk's layers where the network, which names its layers by their number in the trunk, has its own."""
    for module in list(network.modules()):
        for name in [name for name, _ in module.named_children() if name.isdigit()]:
            if isinstance(module, nn.Sequential):
                module.register_module(name, trunk[int(name)])


def _channels(trunk: nn.Sequential, number: int) -> int:
    return next(layer.out_channels for layer in trunk[number::-1] if isinstance(layer, nn.Conv2d))


def _beside(module: object, name: str) -> Path:
    return Path(str(module.__file__)).with_name(name.partition("/")[0]) / name.partition("/")[2]  # type: ignore[attr-defined]
