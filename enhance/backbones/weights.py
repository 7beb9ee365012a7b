"""Where a network's weights come from: torchvision's pretrained ones, a file, a state dict, or a seeded random draw."""

from __future__ import annotations

import urllib.error
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlparse

import torch
from torch import Tensor, nn
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from enhance.backbones.untrained import draw
from enhance.utils.hashes import hash_file, hash_tensors
from enhance.utils.suggest import unknown

_TENSOR_FILES = (".safetensors",)
_PICKLE_FILES = (".pth", ".pt")


class WeightsError(ValueError):
    """Weights that are not available, cannot be read or do not fit; the message names the remedy."""


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
        weights: see `enhance.backbones.load`.
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


def read_file(path: Path) -> dict[str, Tensor]:
    """The state dict in a .pth, .pt or .safetensors file. Pickled code is refused, never run.

    Raises:
        WeightsError: if there is no such file, or it is not a state dict.
    """
    if not path.is_file():
        accepted = "weights takes pretrained, untrained, embedded (vgg_compact) or a .pth, .pt or .safetensors file"
        close = get_close_matches(str(path), ("pretrained", "untrained", "embedded"), n=1, cutoff=0.7)
        question = f"did you mean '{close[0]}'? " if close else ""
        raise WeightsError(f"There is no weights file {path}; {question}{accepted}.")
    if path.suffix.lower() not in _TENSOR_FILES + _PICKLE_FILES:
        raise WeightsError(f"{path} is not a weights file: its name must end in .pth, .pt or .safetensors.")
    try:
        if path.suffix.lower() in _TENSOR_FILES:
            from safetensors.torch import load_file

            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on how the file was pickled
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(
            f"{path} cannot be read as weights: it is damaged, or holds more than tensors, which is not run. "
            "Save a state dict, torch.save(network.state_dict(), FILE), or fetch the file anew."
        ) from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        raise WeightsError(f"{path} does not hold a state dict, a mapping from parameter names to tensors.")
    for wrapper in ("_orig_mod.", "module."):  # of torch.compile and DataParallel
        consume_prefix_in_state_dict_if_present(state, wrapper)
    return state


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


def assign(layers: nn.Module, state: Mapping[str, Tensor], network: str, source: str) -> None:
    """Copy the state into the layers. Names may be those of the whole network (`features.0.weight`) or of its features
    (`0.weight`).
    """
    prefix = (
        "features." if any(key.startswith("features.") for key in state) and not hasattr(layers, "features") else ""
    )
    wanted = layers.state_dict()
    chosen: dict[str, Tensor] = {}
    for key, parameter in wanted.items():
        given = state.get(prefix + key)
        if given is None and key.endswith("num_batches_tracked"):
            given = torch.zeros((), dtype=torch.long)
        if given is None:
            raise WeightsError(
                f"{source} does not fit {network}: it has no '{prefix}{key}'. "
                f"Give the weights of {network}, whole or its features alone."
            )
        if given.shape != parameter.shape:
            shapes = f"{tuple(given.shape)} instead of {tuple(parameter.shape)}"
            raise WeightsError(
                f"{source} does not fit {network}: '{prefix}{key}' has shape {shapes}. Give the weights of {network}."
            )
        if given.layout != torch.strided or given.is_meta or given.is_floating_point() != parameter.is_floating_point():
            kind = f"{given.dtype}, {given.layout}, on {given.device}"
            raise WeightsError(
                f"{source} does not fit {network}: '{prefix}{key}' is {kind}; save the network's own state dict, dense "
                f"and in {parameter.dtype}."
            )
        given = given.to(torch.float32) if given.is_floating_point() else given
        if given.is_floating_point() and not given.isfinite().all():
            raise WeightsError(f"{source} is damaged: '{prefix}{key}' holds values that are not finite; fetch it anew.")
        chosen[key] = given
    layers.load_state_dict(chosen, assign=True)
