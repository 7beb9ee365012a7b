"""The backbones by name: one row each. Reading this table imports neither torch nor torchvision."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """A network of torchvision cut into stages; a feature map is taken after each.

    Attributes:
        network: torchvision's name of the network.
        stages: half-open ranges of the network's list of layers (see `enhance.backbones.network`).
        l2_pooling: whether every max-pooling becomes L2 pooling, as published for VGG.
        min_size: smallest side in pixels that the network takes; smaller images are padded, see `Backbone`.
        weights: torchvision's name of the pretrained weights.
        summary: one line for users.
    """

    network: str
    stages: tuple[tuple[int, int], ...]
    summary: str
    l2_pooling: bool = False
    min_size: int = 8
    weights: str = "IMAGENET1K_V1"


ARCHITECTURES: dict[str, Architecture] = {
    "vgg19": Architecture(
        "vgg19",
        ((0, 4), (4, 9), (9, 18), (18, 27), (27, 36)),
        "the published VGG; the one published tables need",
        l2_pooling=True,
    ),
    "vgg16": Architecture(
        "vgg16", ((0, 4), (4, 9), (9, 16), (16, 23), (23, 30)), "the network of the 2022 DeepWSD paper", l2_pooling=True
    ),
    "squeezenet": Architecture(
        "squeezenet1_1",
        ((0, 2), (2, 5), (5, 8), (8, 13)),
        "small and fast; DeepJSD and DeepSKLD take version 1.0, as published",
        min_size=17,
    ),
    "squeezenet1_0": Architecture(
        "squeezenet1_0", ((0, 2), (2, 6), (6, 11), (11, 13)), "version 1.0 whatever the measure", min_size=21
    ),
    "mobilenet": Architecture("mobilenet_v3_small", ((0, 4), (4, 7), (7, 9), (9, 12), (12, 13)), "MobileNetV3 small"),
    "efficientnet": Architecture(
        "efficientnet_b7", ((0, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8)), "EfficientNet-B7, the largest"
    ),
    "resnet": Architecture(
        "resnet50",
        ((0, 3), (3, 5), (5, 6), (6, 7), (7, 8)),
        "ResNet-50: stem, then layer1 to layer4; named but not published by the authors",
    ),
}

COMPACT = "vgg_compact"
TORCHVISION = "torchvision"
BACKBONES: tuple[str, ...] = (COMPACT, *ARCHITECTURES, TORCHVISION)
