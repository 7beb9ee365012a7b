"""Denoisers by name, with their weights, for pictures of any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from enhance.config.restoration import DenoiserConfig
from enhance.restoration import foreign
from enhance.restoration.coupling import Denoise
from enhance.restoration.denoiser import PERCEPTUAL, STRIDE, Denoiser
from enhance.utils.hashes import hash_file
from enhance.utils.suggest import unknown
from enhance.utils.weights import WeightsError, assign, read_file

COMPACT = DenoiserConfig.name
FILE = Path(__file__).resolve().parent / "embedded" / f"{COMPACT}.safetensors"
SHA256 = "acaf2a4b4a7daeca2044cf7e923f647f42baad2d1c10825a4c117f96b9d7f79d"  # of the embedded file
MARGIN = 64  # pixels that a tile sees beyond its own


@dataclass(frozen=True)
class LoadedDenoiser:
    """A denoiser that is ready.

    Attributes:
        function: of an image and a map of its noise level.
        about: its name, weights and their hash, for metadata.
    """

    function: Denoise
    about: dict[str, Any]


DENOISERS: dict[str, Callable[[DenoiserConfig], tuple[Denoise, dict[str, Any]]]] = {}


def load_denoiser(config: DenoiserConfig | None = None, device: torch.device | str = "cpu") -> LoadedDenoiser:
    """The denoiser that the settings name. Images come and go on the CPU; it computes on the device.

    Raises:
        WeightsError: if its weights are missing, damaged or of another network, or its package is missing.
        ValueError: for an unknown name, tiles that are no multiple of 8, or settings that the denoiser has not.
    """
    config = config or DenoiserConfig()
    if config.name not in DENOISERS:
        raise ValueError(unknown("denoiser", config.name, DENOISERS))
    if config.tile % STRIDE:
        raise ValueError(f"denoiser.tile={config.tile} must be a multiple of {STRIDE}, or 0 for never.")
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"device={device} is not available here; take device=cpu.") from error
    function, about = DENOISERS[config.name](config)
    if isinstance(function, torch.nn.Module):
        function = function.eval().to(device)
    if config.ensemble:
        function = turned(function)
    about |= {"perception": config.perception, "ensemble": config.ensemble}
    return LoadedDenoiser(tiled(_on(device, function), config.tile), about)


def turned(denoise: Denoise) -> Denoise:
    """The mean of what a denoiser makes of a picture turned and mirrored in the eight ways, each put back.

    Example:
        >>> same = turned(lambda image, noise: image)
        >>> image = torch.rand(1, 3, 8, 9)
        >>> torch.allclose(same(image, image[:, :1]), image)
        True

    References:
        Timofte, Rothe and Van Gool, "Seven ways to improve example-based single image super resolution", CVPR 2016.
    """

    def mean(image: Tensor, noise: Tensor) -> Tensor:
        total = torch.zeros_like(image)
        for mirrored, quarters in product((False, True), range(4)):
            given = [(each.flip(-1) if mirrored else each).rot90(quarters, (-2, -1)) for each in (image, noise)]
            found = denoise(*given).rot90(-quarters, (-2, -1))
            total += found.flip(-1) if mirrored else found
        return total / 8

    return mean


def tiled(denoise: Denoise, side: int, margin: int = MARGIN) -> Denoise:
    """A denoiser that works on tiles of a picture, which overlap by `margin` pixels on each side.

    Args:
        denoise: of whole pictures.
        side: of the part that a tile contributes, a multiple of 8; 0: never.
        margin: a multiple of 8.

    Example:
        >>> halved = tiled(lambda image, noise: image / 2, 16, margin=8)
        >>> torch.equal(halved(torch.ones(1, 3, 40, 50), torch.ones(1, 1, 40, 50)), torch.full((1, 3, 40, 50), 0.5))
        True
    """

    def by_tiles(image: Tensor, noise: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        if not side or max(height, width) <= side + 2 * margin:
            return denoise(image, noise)
        found = torch.empty_like(image)
        for top in range(0, height, side):
            for left in range(0, width, side):
                above, before = min(top, margin), min(left, margin)
                window = (
                    ...,
                    slice(top - above, min(height, top + side + margin)),
                    slice(left - before, min(width, left + side + margin)),
                )
                part = denoise(image[window], noise[window])
                below, right = min(height, top + side), min(width, left + side)
                found[..., top:below, left:right] = part[
                    ..., above : above + below - top, before : before + right - left
                ]
        return found

    return by_tiles


def weights_file(weights: str) -> Path:
    """The file that the setting `weights` of a denoiser names.

    Example:
        >>> weights_file("embedded").name
        'denoiser_compact.safetensors'
    """
    return FILE if weights == DenoiserConfig.weights else Path(weights).expanduser()


def _compact(config: DenoiserConfig) -> tuple[Denoise, dict[str, Any]]:
    path = weights_file(config.weights)
    if path == FILE and not FILE.is_file():
        raise WeightsError(
            f"The weights of {COMPACT} are missing from the installation ({FILE}); install enhance again, or name a "
            "file with denoiser.weights=FILE."
        )
    found = hash_file(path) if path.is_file() else ""
    if path == FILE and found != SHA256:
        raise WeightsError(
            f"The weights of {COMPACT} ({FILE}) are damaged or were changed: SHA-256 {found[:12]}... instead of "
            f"{SHA256[:12]}...; install enhance again, or name another file with denoiser.weights=FILE."
        )
    network = Denoiser()
    assign(network, _weights(read_file(path), config.perception, path), COMPACT, str(path))
    network.to(memory_format=torch.channels_last)
    return network, {"name": COMPACT, "weights": config.weights, "sha256": found}


def _weights(tensors: dict[str, Tensor], perception: float, path: Path) -> dict[str, Tensor]:
    """The weights between those of the least error, at 0, and the last layers' of the twin, at 1."""
    own = {key: value for key, value in tensors.items() if not key.startswith(PERCEPTUAL)}
    if not perception:
        return own
    twin = {key: tensors[PERCEPTUAL + key] for key in own if PERCEPTUAL + key in tensors}
    if not twin:
        raise WeightsError(f"denoiser.perception={perception:g} needs weights with the twin's layers; {path} has none.")
    return own | {key: own[key].float().lerp(value.float(), perception) for key, value in twin.items()}


def _foreign(config: DenoiserConfig) -> tuple[Denoise, dict[str, Any]]:
    if config.weights == DenoiserConfig.weights:
        raise ValueError("denoiser=spandrel needs denoiser.weights=FILE, the weights of a network of spandrel.")
    if config.perception:
        raise ValueError(f"denoiser.perception= belongs to {COMPACT}; leave it out beside denoiser=spandrel.")
    path = weights_file(config.weights)
    network = foreign.Foreign(path)
    about = {"architecture": network.name, "noise level": "given" if network.takes_level else "not given"}
    return network, {"name": foreign.NAME, "weights": config.weights, "sha256": hash_file(path)} | about


DENOISERS[COMPACT] = _compact
DENOISERS[foreign.NAME] = _foreign


def _on(device: torch.device | str, denoise: Denoise) -> Denoise:
    @torch.inference_mode()
    def moved(image: Tensor, noise: Tensor) -> Tensor:
        return denoise(image.float().to(device), noise.float().to(device)).to(image)

    return moved
