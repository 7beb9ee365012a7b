"""Backbones: frozen networks that turn an image into a list of feature maps, by name or from a user's network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from os import PathLike
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from enhance.backbones import compact
from enhance.backbones.extraction import extractor, torchvision_extractor
from enhance.backbones.pooling import L2Pooling
from enhance.backbones.registry import ARCHITECTURES, BACKBONES, TORCHVISION
from enhance.backbones.weights import Origin, fill, layers_of, ordinary_tensors
from enhance.utils.defaults import SEED, TF32, WEIGHTS
from enhance.utils.hashes import hash_tensors
from enhance.utils.precision import full_precision
from enhance.utils.suggest import unknown
from enhance.utils.weights import WeightsError

Weights = str | PathLike[str] | Mapping[str, Tensor]


class Backbone(nn.Module):
    """A network of stages, one after the other, with frozen parameters and always in eval mode.

    The parameters of the stages given are frozen; see `as_backbone` for a copy.

    Args:
        name: what results call the network.
        stages: each takes the output of the one before it; the first takes the image.
        origin: where the weights come from.
        min_size: smallest side in pixels that the network takes. A smaller image is padded to the right and below with
            its last pixels.
        mean: subtracted from the image, for each of its three channels.
        std: the image is divided by it after that.

    Attributes:
        tf32: whether a GPU may round to TF32 in it.

    Example:
        >>> backbone = enhance.load_backbone("vgg_compact")
        >>> isinstance(backbone, Backbone), backbone.training
        (True, False)
    """

    tf32: bool = TF32
    mean: Tensor | None
    std: Tensor | None

    def __init__(
        self,
        name: str,
        stages: Sequence[nn.Module],
        origin: Origin,
        min_size: int = 1,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.name, self.origin, self.min_size = name, origin, min_size
        self.stages = nn.ModuleList(stages)
        like = next(self.stages.parameters(), torch.empty(0))
        for key, values in (("mean", mean), ("std", std)):
            self.register_buffer(key, None if values is None else like.new_tensor(tuple(values))[:, None, None])
        self.requires_grad_(False).eval()
        self._weights = tuple(self.parameters())
        self._loaded = _version(self._weights)

    def __call__(self, image: Tensor) -> list[Tensor]:
        with full_precision(not self.tf32):
            return super().__call__(image)

    def train(self, mode: bool = True) -> Self:
        return super().train(False)

    @property
    def edits(self) -> int:
        """How often weights were changed in place since they were loaded; 0: they are those of `origin`."""
        return _version(self._weights) - self._loaded

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        edits = self.edits
        super()._apply(fn, recurse)
        self._weights = tuple(self.parameters())  # torch may make others, and count anew
        self._loaded = _version(self._weights) - edits
        return self

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_edits": self.edits}

    def __setstate__(self, state: dict[str, Any]) -> None:
        edits = state.pop("_edits")
        super().__setstate__(state)
        self._weights = tuple(self.parameters())
        self._loaded = _version(self._weights) - edits

    def describe(self) -> dict[str, str | bool]:
        """Name and weights, in values that JSON has."""
        origin = self.origin
        return {
            "name": self.name,
            "weights": origin.name,
            "from": origin.weights,
            "sha256": origin.sha256,
            "pretrained": origin.pretrained,
        }

    def forward(self, image: Tensor) -> list[Tensor]:
        """Feature maps of an RGB image in [0, 1]: (B, 3, H, W) -> one (B, C, H', W') for each stage."""
        x, maps = self._normalised(image), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def _normalised(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        right, bottom = max(0, self.min_size - width), max(0, self.min_size - height)
        x = functional.pad(image, (0, right, 0, bottom), mode="replicate") if right or bottom else image
        x = x if self.mean is None else x - self.mean
        return x if self.std is None else x / self.std


def _version(weights: Sequence[Tensor]) -> int:
    """A number that grows whenever one of them is changed in place; torch does not count where it infers only."""
    return sum(0 if each.is_inference() else each._version for each in weights)


class MultiOutputBackbone(Backbone):
    """A backbone of one module that returns all feature maps: a tensor, or a list, tuple or dictionary of tensors."""

    def forward(self, image: Tensor) -> list[Tensor]:
        """Feature maps of an RGB image in [0, 1]: (B, 3, H, W) -> one (B, C, H', W') for each output.

        Raises:
            ValueError: if the network does not take the image's size, or an output is not a feature map.
        """
        try:
            found = self.stages[0](self._normalised(image))
        except (RuntimeError, AssertionError) as error:
            height, width = image.shape[-2:]
            raise ValueError(
                f"{self.name} cannot take a {width} x {height} image ({error}); "
                "resize it to the size that the network expects."
            ) from error
        named = found if isinstance(found, dict) else dict(enumerate([found] if isinstance(found, Tensor) else found))
        for node, values in named.items():
            if not isinstance(values, Tensor) or values.dim() != 4:
                shape = f"shape {tuple(values.shape)}" if isinstance(values, Tensor) else type(values).__name__
                raise ValueError(
                    f"The node {node} of {self.name} is no feature map (B, C, H, W) but of {shape}; name another."
                )
        return list(named.values())


def as_backbone(
    network: nn.Module | Sequence[nn.Module],
    name: str,
    *,
    nodes: str | Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Backbone:
    """A backbone from a network of the user, e.g. of timm. The network is copied; the copy is frozen, in eval mode.

    Args:
        network: a list of modules, each of which takes the output of the one before it and gives a feature map; or a
            module that returns one feature map or a list, tuple or dictionary of them, as
            `timm.create_model(..., features_only=True)` does; or, with `nodes`, any module that can be traced.
        name: what results call the network.
        nodes: names of nodes of the network's graph, whose outputs are the feature maps; see
            `torchvision.models.feature_extraction.get_graph_node_names`.
        mean: subtracted from each channel of the image, which is in [0, 1]; None subtracts nothing.
        std: each channel is divided by it after that; None divides by nothing.

    Raises:
        ValueError: if the network is not a module or a list of modules, has no parameters or cannot be traced, there is
            no such node, or mean and std are not three numbers with std > 0.

    Example:
        >>> layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1))
        >>> backbone = as_backbone([layers[:2], layers[2:]], "small", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
        >>> [tuple(features.shape) for features in backbone(torch.rand(1, 3, 32, 32))]
        [(1, 8, 32, 32), (1, 16, 16, 16)]
        >>> len(as_backbone(layers, "small", nodes=["1", "2"])(torch.rand(1, 3, 32, 32)))
        2
    """
    for key, values in (("mean", mean), ("std", std)):
        if values is not None and (len(values) != 3 or (key == "std" and min(values) <= 0)):
            numbers = "three positive numbers" if key == "std" else "three numbers"
            raise ValueError(f"{key}={tuple(values)} must be {numbers}, one for each of red, green and blue.")
    listed = not isinstance(network, nn.Module) or isinstance(network, nn.ModuleList)
    given: Sequence[object] = list(cast(Sequence[object], network)) if listed else [network]
    stages = [deepcopy(stage).eval() for stage in given if isinstance(stage, nn.Module)]
    if not stages or len(stages) < len(given):
        raise ValueError("The network must be a torch.nn.Module or a list of them, one for each feature map.")
    if nodes is not None:
        if listed:
            raise ValueError("nodes go with one network; a list of modules has one feature map for each of them.")
        stages = [extractor(stages[0], name, nodes)]
    if not any(True for stage in stages for _ in stage.parameters()):
        raise ValueError(f"{name} has no parameters; a backbone takes its device and precision from its parameters.")
    kind = Backbone if listed else MultiOutputBackbone
    made = kind(name, stages, Origin("module", name, "", pretrained=True), mean=mean, std=std)
    made.origin = replace(made.origin, sha256=hash_tensors(made.state_dict()))
    return made


@ordinary_tensors()
def load(
    name: str,
    weights: Weights = WEIGHTS,
    *,
    seed: int = SEED,
    model: str | None = None,
    nodes: Sequence[str] | None = None,
) -> Backbone:
    """A backbone by its name, with its weights.

    Args:
        name: a name of `enhance.BACKBONES`.
        weights: `pretrained` (torchvision's, from the cache or downloaded; those of `vgg_compact` come with the
            package), `untrained` (random, from `seed`), a file (.pth, .pt or .safetensors; the whole network or its
            features), or a state dict.
        seed: of the untrained weights, 0 to 2^63 - 1.
        model: with `torchvision`: the network's name there, e.g. `convnext_tiny`.
        nodes: with `torchvision`: names of the graph nodes whose outputs are the feature maps.

    Raises:
        ValueError: for an unknown name, network or node.
        WeightsError: if the weights are not available or do not fit.

    Example:
        >>> backbone = load("vgg_compact")
        >>> [tuple(features.shape[1:]) for features in backbone(torch.rand(1, 3, 64, 64))]
        [(64, 32, 32), (64, 32, 32), (128, 16, 16), (192, 8, 8), (256, 4, 4)]
    """
    _check(name, weights, seed)
    if name == TORCHVISION:
        found, origin = torchvision_extractor(model, nodes, weights, seed)
        return MultiOutputBackbone(f"{TORCHVISION}/{model}", [found], origin)
    if model is not None or nodes is not None:
        raise ValueError(f"model and nodes go with backbone={TORCHVISION}; {name} has its own.")
    if name == compact.NAME:
        stages, origin = compact.load_stages(weights, seed)
        return Backbone(name, list(stages), origin)
    architecture = ARCHITECTURES[name]
    layers = layers_of(architecture.network)
    origin = fill(layers, architecture.network, architecture.weights, weights, seed)
    if architecture.l2_pooling:
        layers = nn.Sequential(*(L2Pooling() if isinstance(layer, nn.MaxPool2d) else layer for layer in layers))
    stages = [layers[start:stop] for start, stop in architecture.stages]
    return Backbone(name, stages, origin, architecture.min_size)


def _check(name: str, weights: Weights, seed: int) -> None:
    if name not in BACKBONES:
        raise ValueError(unknown("backbone", name, BACKBONES))
    if not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise ValueError(f"seed={seed!r} must be a whole number from 0 to 2^63 - 1.")
    if not isinstance(weights, (str, PathLike, Mapping)):
        raise WeightsError(
            f"weights must be pretrained, untrained, a file or a state dict, got {type(weights).__name__}."
        )
    if isinstance(weights, Mapping) and not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in weights.items()
    ):
        raise WeightsError("weights is no state dict, a mapping from parameter names to tensors.")
    if weights == "embedded" and name != compact.NAME:
        raise WeightsError(
            f"Only {compact.NAME} has embedded weights; for {name} take pretrained, untrained or a file."
        )
