"""The inputs of an optimisation: a reference, an initial image, a mask."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from enhance.config.schema import Config
from enhance.images.arrays import MIN_SIDE, ImageError, require_size, require_unmasked, resize
from enhance.images.degradations import degrade
from enhance.images.floats import check_range, unit, without_effect
from enhance.images.masks import as_mask
from enhance.images.pictures import open_picture
from enhance.images.reading import Picture, from_pillow, from_values
from enhance.images.samples import SAMPLE_SIZE, SAMPLES
from enhance.metrics import checks

_ALIKE = 0.5  # correlation above which an initial image resembles the reference

_LEVELS = {"white": 1.0, "grey": 0.5, "gray": 0.5, "black": 0.0}

Given = str | os.PathLike[str] | Tensor | np.ndarray[Any, Any] | Image.Image


@dataclass(frozen=True)
class Inputs:
    """The images of an optimisation, whose optimum is the reference.

    Attributes:
        reference: (1, 3, H, W) in [0, 1].
        initial: the same shape.
        notes: what was done to the user's files, in sentences.
        start: what the initial image is, for people, e.g. `gaussian_noise (sigma 50)`.
        degraded: whether the initial image is the degraded reference.
        mask: (1, 1, H, W) in [0, 1], or None: where the image is optimised.
        bits: of a channel of the results: 16 where the reference or the initial image has more than 8, else 8.
    """

    reference: Tensor
    initial: Tensor
    notes: tuple[str, ...]
    start: str
    degraded: bool = False
    mask: Tensor | None = None
    bits: int = 8

    @property
    def similar(self) -> bool:
        """Whether the initial image resembles the reference: by its origin, or by a correlation above 0.5."""
        pair = torch.stack((self.initial.flatten(), self.reference.flatten()))
        return self.degraded or torch.corrcoef(pair)[0, 1].item() > _ALIKE


def read_inputs(
    reference: Given,
    initial: Given,
    degradation: Mapping[str, Any],
    *,
    mask: Given | None = None,
    size: int | None = None,
    seed: int = Config.seed,
    background: str = Config.background,
    range: float | None = Config.range,
) -> Inputs:
    """The reference, and the initial image as it was made or read.

    Args:
        reference: a file or the name of a sample, or an image: a tensor (1, 3, H, W) in [0, 1], an array (H, W, 3) or
            (H, W), or Pillow's.
        initial: white, grey, black, noise (uniform), degraded, or as the reference.
        degradation: for `degraded`: `name` and its settings, see `enhance.images.degradations`.
        mask: an image like `reference` and of its size, grey: where the image is optimised; a tensor may be (1, 1, H,
            W).
        size: longer side that larger images are reduced to; None leaves files as they are and samples at 256.
        seed: of everything random.
        background: what transparent pixels are laid on.
        range: of floats, the value that is white, see `enhance.images.reading.read`.

    Raises:
        ImageError: if a file cannot be read, is smaller than 8 x 8, or the two differ in size.
        ValueError: for an unknown degradation or setting.
    """
    if size is None and isinstance(reference, str) and reference in SAMPLES:
        size = SAMPLE_SIZE
    picture, truth = _open(reference, "reference", size, background, range)
    region, said = (None, ()) if mask is None else _mask(mask, truth, size)
    if isinstance(initial, str) and initial == "degraded":
        if degradation.get("name") in (None, "none"):
            raise ImageError(
                "initial=degraded needs a degradation, e.g. degradation=gaussian_noise; or start from initial=white."
            )
        settings = {key: value for key, value in degradation.items() if key != "name"}
        start = degrade(truth, degradation["name"], seed=seed, **settings)
        listed = ", ".join(f"{key} {value}" for key, value in settings.items())
        name = f"{degradation['name']} ({listed})" if listed else degradation["name"]
        notes = picture.notes + said + _degraded(picture.source, name, settings)
        return Inputs(truth, start, notes, name, degraded=True, mask=region, bits=picture.bits)
    if isinstance(initial, str) and (plain := _plain(initial, truth, seed)) is not None:
        return Inputs(truth, plain, picture.notes + said, initial, mask=region, bits=picture.bits)
    other, start = _open(initial, "initial", size, background, range, (*_LEVELS, "noise", "degraded"))
    if start.shape != truth.shape:
        raise ImageError(
            f"initial is {_size(start)} but reference is {_size(truth)} (width x height); "
            "they must show the same picture at the same size: resize one of them."
        )
    bits = max(picture.bits, other.bits)
    notes = picture.notes + other.notes + said
    return Inputs(truth, start, notes, Path(other.source).name, mask=region, bits=bits)


def read_image(
    given: Given,
    role: str,
    background: str = Config.background,
    smallest: int = MIN_SIDE,
    range: float | None = Config.range,
    own: bool = False,
) -> Picture:
    """An image that was given, whether a file, a sample's name or an image in memory.

    Args:
        given: see `read_inputs`.
        role: what messages call it.
        background: what transparent pixels are laid on.
        smallest: side in pixels that it must have.
        range: of floats, the value that is white.
        own: leave the image in the RGB values of its file, see `enhance.images.reading.read`.

    Raises:
        ImageError: if it cannot be read or is smaller.
    """
    named = isinstance(given, str | os.PathLike)
    if named:
        picture = open_picture(given, background, range=range, own=own)
    else:
        picture = _picture(given, role, background, range, smallest, own)
    require_size(picture.image, role, smallest)
    return picture


def _degraded(source: str, name: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Notes that a file of the user's is not the initial image but the optimum, and is degraded first."""
    if source in SAMPLES:
        return ()
    noise = "noise" in name
    said = [f"{name} is {'added' if noise else 'applied'} to {Path(source).name}, which the result is compared with"]
    if noise and 0 < settings.get("sigma", 1) < 1:
        said.append(
            f"sigma={settings['sigma']:g} is on the scale of 255; {settings['sigma'] * 255:g} on that of [0, 1]"
        )
    return tuple(said)


def _open(
    given: Given, role: str, size: int | None, background: str, range: float | None, others: Iterable[str] = ()
) -> tuple[Picture, Tensor]:
    named = isinstance(given, str | os.PathLike)
    picture = open_picture(given, background, others, range) if named else _picture(given, role, background, range)
    require_size(picture.image, role)
    image = resize(picture.image, size) if size else picture.image
    require_size(image, f"{role} at size={size}")
    return picture, image


def _picture(
    given: object, role: str, background: str, range: float | None, smallest: int = MIN_SIDE, own: bool = False
) -> Picture:
    """An image that is in memory already."""
    if isinstance(given, Image.Image):
        return from_pillow(given, background, role, range, own)
    if isinstance(given, np.ndarray | Tensor) and range is not None:
        return _ranged(given, role, background, range)
    if isinstance(given, np.ndarray):
        return from_values(given, background, role)
    if not isinstance(given, Tensor):
        raise ImageError(
            f"{role} must be a file, a sample's name, a tensor (1, 3, H, W), an array (H, W, 3) or a Pillow image, got "
            f"{type(given).__name__}."
        )
    if given.is_meta:
        raise ImageError(f"{role} is a tensor of the meta device, which has no values; move one with values there.")
    precision = torch.float64 if given.dtype == torch.float64 else torch.float32
    image = checks.image(role, given.detach(), precision, given.device, True, smallest)
    if len(image) != 1:
        raise ImageError(f"{role} must be one image (1, 3, H, W), got {tuple(given.shape)}; take them one by one.")
    return Picture(image, role)


def _ranged(given: np.ndarray[Any, Any] | Tensor, role: str, background: str, range: float) -> Picture:
    """An array or a tensor whose white is `range`, if it is of floats."""
    check_range(range)
    array = isinstance(given, np.ndarray)
    if not (given.dtype.kind == "f" if isinstance(given, np.ndarray) else given.is_floating_point()):
        picture = _picture(given, role, background, None)
        return replace(picture, notes=(*picture.notes, without_effect(range, role)))
    notes: list[str] = []
    values = given if isinstance(given, np.ndarray) else given.detach().cpu().numpy()
    require_unmasked(values)
    transparent = array and values.ndim == 3 and values.shape[-1] in (2, 4)
    colours = values[..., :-1] if transparent else values
    scaled = unit(colours, role, range, notes) if colours.size else colours
    if transparent:
        scaled = np.concatenate([scaled, unit(values[..., -1:], f"the alpha of {role}", None, [])], axis=-1)
    plain = scaled if array else torch.from_numpy(scaled).to(given.device)
    picture = _picture(plain, role, background, None)
    return replace(picture, notes=(*notes, *picture.notes))


def _plain(initial: str, like: Tensor, seed: int) -> Tensor | None:
    """The initial image of that name, if it needs no file."""
    if initial in _LEVELS:
        return torch.full_like(like, _LEVELS[initial])
    if initial == "noise":
        return torch.rand(like.shape, generator=torch.Generator().manual_seed(seed))
    return None


def _mask(given: Given, truth: Tensor, size: int | None) -> tuple[Tensor, tuple[str, ...]]:
    """The mask of the reference's size, (1, 1, H, W), and what was done to the file."""
    if isinstance(given, Tensor) and given.dim() == 4 and given.shape[1] == 1:
        given = given.expand(-1, 3, -1, -1)
    picture, image = _open(given, "mask", size, "black", None)
    mask, notes = as_mask(image, Path(picture.source).name)
    if mask.shape[-2:] != truth.shape[-2:]:
        raise ImageError(f"mask is {_size(mask)} but reference is {_size(truth)} (width x height); resize one of them.")
    if not mask.any():
        raise ImageError("mask is black everywhere: no pixel would be optimised; white is what counts.")
    return mask, picture.notes + notes


def _size(image: Tensor) -> str:
    return f"{image.shape[-1]} x {image.shape[-2]}"
