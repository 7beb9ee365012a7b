"""Where a network's weights come from: torchvision's pretrained ones, a file, a state dict, or a seeded random draw."""

from __future__ import annotations

import urllib.error
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

from enhance.backbones.untrained import draw
from enhance.utils.hashes import hash_file, hash_tensors
from enhance.utils.suggest import unknown
from enhance.utils.weights import WeightsError, assign, read_file


@dataclass(frozen=True)
class Origin:
    """Where a backbone's weights come from.

    Attributes:
        weights: `pretrained`, `untrained`, `embedded`, `state dict`, `module` or the file's path.
        name: for people: torchvision's name of the weights, the seed, or the file's name.
        sha256: of the file or, where there is none, of the tensors.
        pretrained: False for random weights.
    """

    weights: str
    name: str
    sha256: str
    pretrained: bool

    @classmethod
    def of_tensors(cls, layers: nn.Module, weights: str, name: str, pretrained: bool = True) -> Self:
        """The origin of weights that come from no file, with the hash of the tensors in `layers`."""
        return cls(weights, name, hash_tensors(layers.state_dict()), pretrained)


@contextmanager
def ordinary_tensors() -> Iterator[None]:
    """While it is entered, tensors are made as anywhere else: on the CPU, in single precision, with gradients. Whoever
    builds a model around a metric may have asked for something else.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.device("cpu"), torch.inference_mode(False):
            yield
    finally:
        torch.set_default_dtype(before)


def fill(
    layers: nn.Module, network: str, pretrained: str, weights: str | PathLike[str] | Mapping[str, Tensor], seed: int
) -> Origin:
    """Fill the layers of a torchvision network, on the meta device, with weights in place; returns their origin.

    Args:
        layers: the network or its features.
        network: torchvision's name of the network.
        pretrained: torchvision's name of its pretrained weights.
        weights: see `enhance.load_backbone`.
        seed: of untrained weights.

    Raises:
        WeightsError: if the weights are not available or do not fit.
    """
    if isinstance(weights, Mapping):
        assign(layers, weights, network, "the state dict")
        return Origin.of_tensors(layers, "state dict", f"state dict for {network}")
    if weights == "untrained":
        draw(layers, seed)
        name = f"{network}, untrained, seed {seed}"
        return Origin.of_tensors(layers, "untrained", name, pretrained=False)
    if weights == "pretrained":
        found = entry(network, pretrained)
        path, kind, name = cached_or_downloaded(found.url, network), "pretrained", f"{network} {found.name}"
    else:
        path = Path(weights).expanduser()
        kind, name = str(path), path.name
    state, sha256 = _read(path)
    assign(layers, state, network, str(path))
    return Origin(kind, name, sha256, pretrained=True)


_files: ContextVar[dict[Path, tuple[dict[str, Tensor], str]] | None] = ContextVar("files of weights", default=None)


@contextmanager
def read_once(files: dict[Path, tuple[dict[str, Tensor], str]]) -> Iterator[None]:
    """While it is entered, each file of weights is read and hashed once; `files` keeps what was read."""
    token = _files.set(files)
    try:
        yield
    finally:
        _files.reset(token)


def _read(path: Path) -> tuple[dict[str, Tensor], str]:
    """The state dict in a file and the file's SHA-256."""
    files = _files.get()
    if files is None:
        files = {}
    if path not in files:
        state = read_file(path)
        files[path] = state, hash_file(path)
    return files[path]


def layers_of(network: str) -> nn.Sequential:
    """The layers of a network of torchvision in order, on the meta device: without memory for their weights.

    Raises:
        ValueError: if torchvision has no such network, or it has no list of layers.
    """
    from torchvision import models  # takes as long to import as torch, and the embedded backbone does without

    if network not in models.list_models():
        raise ValueError(unknown("torchvision model", network, models.list_models()))
    with torch.device("meta"):
        whole = models.get_model(network, weights=None)
    if isinstance(layers := getattr(whole, "features", None), nn.Sequential):
        return layers
    names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")  # of ResNet's state dict
    if not all(hasattr(whole, name) for name in names):
        raise ValueError(
            f"torchvision's {network} has no list of layers; take backbone=torchvision and name its nodes."
        )
    return nn.Sequential(OrderedDict((name, getattr(whole, name)) for name in names))


def entry(network: str, pretrained: str) -> Any:
    import torchvision

    return torchvision.models.get_model_weights(network)[pretrained]


def cache_path(url: str) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name


def cached_or_downloaded(url: str, network: str) -> Path:
    path = cache_path(url)
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=path.stem.split("-")[-1], progress=True)
    except (OSError, urllib.error.URLError, RuntimeError) as error:
        raise WeightsError(
            f"The pretrained weights of {network} are not on this machine and could not be downloaded ({error}). "
            f"Fetch {url} elsewhere and put it at {path}, or name a file with backbone.weights=FILE, or take a "
            "backbone that needs no download: backbone=vgg_compact, or backbone.weights=untrained (random features)."
        ) from error
    return path
