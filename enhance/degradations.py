"""What can happen to an image: small, seeded functions (B, 3, H, W) in [0, 1] -> the same, by name in `DEGRADATIONS`.

Whatever is random is drawn on the CPU from its seed, so the same call gives the same image everywhere. Settings of
strength zero return the image unchanged.
"""

from __future__ import annotations

import inspect
import io
import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from enhance.images.arrays import from_array, to_array
from enhance.utils.suggest import unknown

_TOLERANCE = 1e-4
_LARGE = 1000  # taps beyond which the Fourier transform is the faster filter
_Function = TypeVar("_Function", bound=Callable[..., Tensor])

DEGRADATIONS: dict[str, Callable[..., Tensor]] = {}


def _registered(function: _Function) -> _Function:
    """Offer a degradation by its name. Its settings are numbers with defaults; `seed` is one if it is random."""
    DEGRADATIONS[function.__name__] = function
    return function


@_registered
def gaussian_noise(image: Tensor, sigma: float = 50.0, seed: int = 0) -> Tensor:
    """Additive white Gaussian noise of standard deviation `sigma`, on the scale of 0 to 255; clipped to the range."""
    _between("sigma", sigma, 0, 255)
    return (image + _normal(image, _generator(seed)) * (sigma / 255)).clamp(0, 1)


@_registered
def poisson_gaussian_noise(image: Tensor, peak: float = 30.0, sigma: float = 5.0, seed: int = 0) -> Tensor:
    """A sensor's noise: Poisson with `peak` photons at white, and Gaussian of `sigma` on the scale of 0 to 255."""
    _between("peak", peak, 0.1, 1e6)
    _between("sigma", sigma, 0, 255)
    generator = _generator(seed)
    photons = torch.poisson(image.detach().cpu().clamp(0, 1) * peak, generator=generator).to(image) / peak
    return (photons + _normal(image, generator) * (sigma / 255)).clamp(0, 1)


@_registered
def salt_and_pepper(image: Tensor, amount: float = 0.1, seed: int = 0) -> Tensor:
    """Turn a share `amount` of the pixels black or white, half and half, all channels together."""
    _between("amount", amount, 0, 1)
    drawn = torch.rand((len(image), 1, *image.shape[-2:]), generator=_generator(seed)).to(image.device)
    salted = torch.where(drawn > 1 - amount / 2, torch.ones_like(image), image)
    return torch.where(drawn < amount / 2, torch.zeros_like(image), salted)


@_registered
def gaussian_blur(image: Tensor, sigma: float = 3.0) -> Tensor:
    """Blur with a Gaussian of standard deviation `sigma` pixels, cut at four of them."""
    _between("sigma", sigma, 0, 100)
    if sigma == 0:
        return image
    reach = max(1, math.ceil(4 * sigma))
    along = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / sigma) ** 2)
    return _filtered(_filtered(image, along[None]), along[:, None])


@_registered
def motion_blur(image: Tensor, length: float = 15.0, angle: float = 30.0) -> Tensor:
    """Blur along a straight line `length` pixels long, `angle` degrees counter-clockwise from the horizontal."""
    _between("length", length, 0, 200)
    _between("angle", angle, -360, 360)
    if length == 0:
        return image
    reach = math.ceil(length / 2) + 1
    kernel = torch.zeros(2 * reach + 1, 2 * reach + 1, dtype=torch.float64)
    samples = math.ceil(length) * 8
    for place in ((torch.arange(samples) + 0.5) / samples - 0.5).tolist():
        # bilinear footprint of each point of the line
        x = reach + place * length * math.cos(math.radians(angle))
        y = reach - place * length * math.sin(math.radians(angle))
        left, top = math.floor(x), math.floor(y)
        right, below = x - left, y - top
        kernel[top, left] += (1 - right) * (1 - below)
        kernel[top, left + 1] += right * (1 - below)
        kernel[top + 1, left] += (1 - right) * below
        kernel[top + 1, left + 1] += right * below
    return _filtered(image, kernel)


@_registered
def disk_blur(image: Tensor, radius: float = 4.0) -> Tensor:
    """Blur of a lens out of focus: a uniform disk of `radius` pixels, its edge anti-aliased."""
    _between("radius", radius, 0, 100)
    if radius == 0:
        return image
    reach = math.ceil(radius)
    along = torch.arange(-reach, reach + 1, dtype=torch.float64)
    kernel = (radius + 0.5 - torch.hypot(along[:, None], along[None])).clamp(0, 1)
    return _filtered(image, kernel)


@_registered
def jpeg(image: Tensor, quality: int = 10, subsampling: int = 2) -> Tensor:
    """What a JPEG encoder leaves at a `quality` of 1 to 95; chroma `subsampling` 0 (4:4:4), 1 (4:2:2) or 2 (4:2:0)."""
    _between("quality", quality, 1, 95)
    _between("subsampling", subsampling, 0, 2)
    for name, value in (("quality", quality), ("subsampling", subsampling)):
        if value != int(value):
            raise ValueError(f"{name}={value} must be a whole number.")
    decoded = []
    for single in image:
        buffer = io.BytesIO()
        Image.fromarray(to_array(single)).save(buffer, "JPEG", quality=int(quality), subsampling=int(subsampling))
        with Image.open(buffer) as opened:
            decoded.append(from_array(np.array(opened.convert("RGB"))))
    return torch.cat(decoded).to(image)


@_registered
def contrast(image: Tensor, factor: float = 0.5) -> Tensor:
    """Multiply the distance of every pixel from each image's mean grey by `factor`; clipped to the range."""
    _between("factor", factor, 0, 10)
    if factor == 1:
        return image
    mean = image.mean((1, 2, 3), keepdim=True)
    return (mean + (image - mean) * factor).clamp(0, 1)


@_registered
def colour_cast(image: Tensor, red: float = 0.1, green: float = 0.0, blue: float = -0.1) -> Tensor:
    """Add a constant to each channel, in units of the range; clipped to it."""
    for name, value in (("red", red), ("green", green), ("blue", blue)):
        _between(name, value, -1, 1)
    return (image + image.new_tensor([red, green, blue])[:, None, None]).clamp(0, 1)


@_registered
def mean_shift(image: Tensor, amount: float = 0.1) -> Tensor:
    """Add `amount`, in units of the range, to every pixel; clipped to the range."""
    _between("amount", amount, -1, 1)
    return (image + amount).clamp(0, 1)


def degrade(image: Tensor, name: str, seed: int = 0, **settings: Any) -> Tensor:
    """Apply a degradation by name.

    Args:
        image: (B, 3, H, W) in [0, 1].
        name: a name of `DEGRADATIONS`.
        seed: for those that are random.
        **settings: the degradation's own.

    Returns:
        The degraded image, the same shape, in [0, 1].

    Raises:
        ValueError: for an unknown name or setting, a value out of range, or an image of another kind.
    """
    if name not in DEGRADATIONS:
        raise ValueError(unknown("degradation", name, DEGRADATIONS))
    function = DEGRADATIONS[name]
    accepted = list(inspect.signature(function).parameters)[1:]
    for key, value in settings.items():
        if key not in accepted or key == "seed":
            raise ValueError(unknown(f"setting of {name}", key, [each for each in accepted if each != "seed"]))
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{key}={value} of {name} must be a number.")
    _require_image(image)
    return function(image, **settings, **({"seed": seed} if "seed" in accepted else {}))


def _require_image(image: Tensor) -> None:
    if image.dim() != 4 or image.shape[1] != 3 or not image.numel():
        raise ValueError(f"The image to degrade must be RGB of shape (B, 3, H, W), got {tuple(image.shape)}.")
    if not image.is_floating_point():
        raise ValueError(f"The image to degrade must be floating point in [0, 1], got {image.dtype}; divide by 255.")
    low, high = (value.item() for value in torch.aminmax(image.detach()))
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):
        raise ValueError(f"The image to degrade must lie in [0, 1], got [{low:.4g}, {high:.4g}]; clamp or rescale it.")


def _between(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name}={value} must be between {least:g} and {most:g}.")


def _generator(seed: int) -> torch.Generator:
    if not -(2**63) <= seed < 2**64:
        raise ValueError(f"seed={seed} must fit into 64 bits.")
    return torch.Generator().manual_seed(seed)


def _normal(image: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(image.shape, generator=generator).to(image)


def _filtered(image: Tensor, kernel: Tensor) -> Tensor:
    """Filter every channel with a kernel of odd sides, normalised to sum 1; beyond its border the image is mirrored."""
    rows, columns = (_mirrored(side, reach // 2) for side, reach in zip(image.shape[-2:], kernel.shape, strict=True))
    padded = image[..., rows.to(image.device), :][..., columns.to(image.device)]
    weight = kernel / kernel.sum()
    if min(kernel.shape) > 1 and kernel.numel() > _LARGE:
        return _by_fourier(padded, weight).to(image).clamp(0, 1)
    return functional.conv2d(padded, weight.to(image).expand(3, 1, *kernel.shape), groups=3).clamp(0, 1)


def _by_fourier(padded: Tensor, kernel: Tensor) -> Tensor:
    """The same as conv2d, in float64 and in time that does not grow with the kernel."""
    size = padded.shape[-2:]
    transfer = torch.fft.rfft2(kernel.flip(0, 1).to(padded.device, torch.float64), s=size)
    filtered = torch.fft.irfft2(torch.fft.rfft2(padded.double()) * transfer, s=size)
    return filtered[..., kernel.shape[0] - 1 :, kernel.shape[1] - 1 :]


def _mirrored(side: int, reach: int) -> Tensor:
    """Indices from -reach to side + reach, reflected at both ends as often as it takes; the ends are not repeated."""
    period = max(1, 2 * (side - 1))
    places = torch.arange(-reach, side + reach) % period
    return torch.minimum(places, period - places) if side > 1 else torch.zeros_like(places)
