"""A frozen network as a list of stages: an image goes in, one feature map per stage comes out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from inspect import signature
from os import PathLike
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from enhance.backbones import compact
from enhance.backbones.pooling import L2Pooling
from enhance.backbones.registry import ARCHITECTURES, BACKBONES, TORCHVISION, Architecture
from enhance.backbones.weights import Origin, WeightsError, fill
from enhance.utils.suggest import unknown

Weights = str | PathLike[str] | Mapping[str, Tensor]


class Backbone(nn.Module):
    """A network whose parameters never change and which always evaluates in eval mode.

    Attributes:
        name: its name in the registry.
        origin: where its weights come from.
    """

    def __init__(self, name: str, stages: Sequence[nn.Module], origin: Origin, least: int = 1) -> None:
        super().__init__()
        self.name, self.origin, self.least = name, origin, least
        self.stages = nn.ModuleList(stages)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        return super().train(False)

    def describe(self) -> dict[str, str | bool]:
        """Name and weights, in values that JSON has."""
        origin = self.origin
        return {
            "name": self.name,
            "weights": origin.name,
            "from": origin.weights,
            "sha256": origin.sha256,
            "calibrated": origin.calibrated,
        }

    def forward(self, image: Tensor) -> list[Tensor]:
        """Feature maps of an RGB image in [0, 1]: (B, 3, H, W) -> one (B, C, H', W') per stage. No mean or std is
        subtracted.

        An image smaller than the network can take is continued to the right and below by its last pixels.
        """
        height, width = image.shape[-2:]
        right, bottom = max(0, self.least - width), max(0, self.least - height)
        x = functional.pad(image, (0, right, 0, bottom), mode="replicate") if right or bottom else image
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class NodesBackbone(Backbone):
    """Any torchvision network, tapped at named nodes of its graph."""

    def forward(self, image: Tensor) -> list[Tensor]:
        try:
            features = self.stages[0](image)
        except (RuntimeError, AssertionError) as error:
            height, width = image.shape[-2:]
            raise ValueError(
                f"{self.name} cannot take a {width} x {height} image ({error}); "
                "resize it to the size that the network expects."
            ) from error
        for node, values in features.items():
            if not isinstance(values, Tensor) or values.dim() != 4:
                shape = f"shape {tuple(values.shape)}" if isinstance(values, Tensor) else type(values).__name__
                raise ValueError(
                    f"The node {node} of {self.name} is no feature map (B, C, H, W) but of {shape}; name another."
                )
        return list(features.values())


def load(
    name: str,
    weights: Weights = "pretrained",
    *,
    seed: int = 0,
    model: str | None = None,
    nodes: Sequence[str] | None = None,
) -> Backbone:
    """Build a backbone and fill it with weights.

    Args:
        name: a name of `enhance.BACKBONES`.
        weights: `pretrained` (torchvision's, from the cache or downloaded; those of `vgg_compact` come with the
            package), `untrained` (random, from `seed`), a file (.pth, .pt or .safetensors; the whole network or its
            features), or a state dict.
        seed: of the untrained weights.
        model: with `torchvision`: the network's name there, e.g. `convnext_tiny`.
        nodes: with `torchvision`: names of the graph nodes whose outputs are the feature maps.

    Raises:
        ValueError: for an unknown name, network or node.
        WeightsError: if the weights cannot be had or do not fit.
    """
    if not isinstance(name, str):
        raise ValueError(unknown("backbone", name, BACKBONES))
    if not isinstance(weights, (str, PathLike, Mapping)):
        raise WeightsError(
            f"weights must be pretrained, untrained, a file or a state dict, got {type(weights).__name__}."
        )
    if not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise ValueError(f"seed={seed!r} must be a whole number from 0 to 2^63 - 1.")
    if isinstance(weights, Mapping) and not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in weights.items()
    ):
        raise WeightsError("weights is no state dict, a mapping from parameter names to tensors.")
    if weights == "embedded" and name != compact.NAME:
        raise WeightsError(
            f"Only {compact.NAME} has embedded weights; for {name} take pretrained, untrained or a file."
        )
    if name == TORCHVISION:
        return _from_nodes(model, nodes, weights, seed)
    if model is not None or nodes is not None:
        raise ValueError(f"model and nodes go with backbone={TORCHVISION}; {name} has its own.")
    if name == compact.NAME:
        stages, origin = compact.load_stages(weights, seed)
        return Backbone(name, list(stages), origin)
    if name not in ARCHITECTURES:
        raise ValueError(unknown("backbone", name, BACKBONES))
    architecture = ARCHITECTURES[name]
    layers = _layers(architecture)
    origin = fill(layers, architecture.network, architecture.weights, weights, seed)
    if architecture.l2_pooling:
        layers = nn.Sequential(*(L2Pooling() if isinstance(layer, nn.MaxPool2d) else layer for layer in layers))
    stages = [layers[start:stop] for start, stop in architecture.stages]
    return Backbone(name, stages, origin, architecture.least)


def _layers(architecture: Architecture) -> nn.Sequential:
    """The network's layers in order, without memory for their weights yet."""
    import torchvision  # takes as long to import as torch itself, and the embedded backbone needs nothing of it

    with torch.device("meta"):
        network = torchvision.models.get_model(architecture.network, weights=None)
    if hasattr(network, "features"):
        return cast(nn.Sequential, network.features)
    # ResNet has no list of layers; named as in its state dict.
    names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
    layers = nn.Sequential()
    for name in names:
        layers.add_module(name, getattr(network, name))
    return layers


def _from_nodes(model: str | None, nodes: Sequence[str] | None, weights: Weights, seed: int) -> Backbone:
    if not model or not nodes:
        raise ValueError(
            "backbone=torchvision needs model (e.g. convnext_tiny) and nodes (e.g. [features.1, features.3])."
        )
    import torchvision
    from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

    if model not in torchvision.models.list_models():
        raise ValueError(unknown("torchvision model", model, torchvision.models.list_models()))
    builder = signature(torchvision.models.get_model_builder(model))
    bare = {key: None for key in ("weights", "weights_backbone") if key in builder.parameters}
    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on how weights would be drawn, which are not
            network = torchvision.models.get_model(model, **bare)
        origin = fill(network, model, "DEFAULT", weights, seed)
        known = get_graph_node_names(network.eval())[1]
    except WeightsError:
        raise
    except Exception as error:  # whatever a network of another kind leads the tracer to
        raise ValueError(
            f"torchvision's {model} cannot be used: it takes more than one image, or cannot be traced ({error})."
        ) from error
    for node in [nodes] if isinstance(nodes, str) else nodes:
        if node not in known and not any(name.startswith(f"{node}.") for name in known):
            groups = {name.rsplit(".", depth)[0] for name in known for depth in range(1, name.count(".") + 1)}
            raise ValueError(unknown(f"node of {model}", node, [*known, *sorted(groups)]))
    extractor = create_feature_extractor(network, return_nodes=[nodes] if isinstance(nodes, str) else list(nodes))
    if next(extractor.parameters(), None) is None:
        raise ValueError(f"The nodes {nodes} of {model} come before its first layer; name later ones.")
    return NodesBackbone(f"torchvision/{model}", [extractor], origin)
