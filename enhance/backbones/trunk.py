"""The trunk of a library's metric: the features of a torchvision network, with weights as backbones get theirs."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from enhance.backbones.weights import cache_path, cached_or_downloaded, entry, fill, ordinary_tensors
from enhance.utils.defaults import SEED, WEIGHTS
from enhance.utils.weights import WeightsError

_PRETRAINED = "IMAGENET1K_V1"
TrunkWeights = str | PathLike[str] | Mapping[str, Tensor]


@ordinary_tensors()
def load_trunk(network: str, weights: TrunkWeights = WEIGHTS, seed: int = SEED) -> tuple[nn.Sequential, dict[str, Any]]:
    """The layers of a network's features, filled with weights; and name and weights, in values that JSON has.

    Args:
        network: torchvision's name of a network that has `features`: alexnet, squeezenet1_1, vgg16.
        weights: `pretrained` (torchvision's, from the cache or downloaded), `untrained` (random, from `seed`), a file
            (.pth, .pt or .safetensors; the whole network or its features), or a state dict.
        seed: of the untrained weights.

    Raises:
        WeightsError: if the weights are not available or do not fit.

    Example:
        >>> layers, about = load_trunk("alexnet", "untrained")
        >>> len(layers), about["weights"]
        (13, 'alexnet, untrained, seed 0')
    """
    if not isinstance(weights, (str, PathLike, Mapping)):
        raise WeightsError(
            f"weights must be pretrained, untrained, a file or a state dict, got {type(weights).__name__}."
        )
    if weights == "pretrained":
        _fetch(network)
    elif not isinstance(weights, Mapping) and weights != "untrained" and not Path(weights).expanduser().is_file():
        raise WeightsError(
            f"There is no weights file {weights}; metric.weights takes pretrained, untrained, or a .pth, .pt or "
            f".safetensors file of {network}."
        )
    import torchvision

    with torch.device("meta"):
        layers = cast(nn.Sequential, torchvision.models.get_model(network, weights=None).features)
    origin = fill(layers, network, _PRETRAINED, weights, seed)
    return layers, {
        "name": network,
        "weights": origin.name,
        "from": origin.weights,
        "sha256": origin.sha256,
        "pretrained": origin.weights != "untrained",
    }


def _fetch(network: str) -> None:
    url = entry(network, _PRETRAINED).url
    path = cache_path(url)
    try:
        cached_or_downloaded(url, network)
    except WeightsError as error:
        raise WeightsError(
            f"The pretrained weights of {network} are not on this machine and could not be downloaded "
            f"({error.__cause__}). Fetch {url} elsewhere and put it at {path}, or name a file with "
            "metric.weights=FILE, or take random features, metric.weights=untrained."
        ) from error
