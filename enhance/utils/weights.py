"""Files of weights, read without running what they hold, and fitted to the layers of a network."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

_TENSOR_FILES = (".safetensors",)
_PICKLE_FILES = (".pth", ".pt")


class WeightsError(ValueError):
    """Weights that are not available, cannot be read or do not fit; the message names the remedy."""


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
