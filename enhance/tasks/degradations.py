"""What can happen to an image: small, seeded functions (B, 3, H, W) in [0, 1] -> the same, by name in `DEGRADATIONS`.

Whatever is random is drawn on the CPU from its seed, so the same call gives the same image everywhere. Settings of
strength zero return the image unchanged.
"""

from __future__ import annotations

import inspect
import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from enhance.images import from_array, to_array
from enhance.suggest import unknown


def gaussian_noise(image: Tensor, sigma: float = 50.0, seed: int = 0) -> Tensor:
    """Additive white Gaussian noise of standard deviation `sigma`, on the scale of 0 to 255; clipped to the range."""
    _between("sigma", sigma, 0, 255)
    return (image + _normal(image, seed) * (sigma / 255)).clamp(0, 1)


def poisson_gaussian_noise(image: Tensor, peak: float = 30.0, sigma: float = 5.0, seed: int = 0) -> Tensor:
    """A sensor's noise: Poisson with `peak` photons at white, and Gaussian of `sigma` on the scale of 0 to 255."""
    _between("peak", peak, 0.1, 1e6)
    _between("sigma", sigma, 0, 255)
    generator = torch.Generator().manual_seed(seed)
    photons = torch.poisson(image.detach().cpu() * peak, generator=generator).to(image) / peak
    return (photons + _normal(image, seed + 1) * (sigma / 255)).clamp(0, 1)


def salt_and_pepper(image: Tensor, amount: float = 0.1, seed: int = 0) -> Tensor:
    """Turn a share `amount` of the pixels black or white, half and half, all channels together."""
    _between("amount", amount, 0, 1)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand((len(image), 1, *image.shape[-2:]), generator=generator).to(image)
    salted = torch.where(drawn > 1 - amount / 2, torch.ones_like(image), image)
    return torch.where(drawn < amount / 2, torch.zeros_like(image), salted)


def gaussian_blur(image: Tensor, sigma: float = 3.0) -> Tensor:
    """Blur with a Gaussian of standard deviation `sigma` pixels, cut at four of them."""
    _between("sigma", sigma, 0, 100)
    if sigma == 0:
        return image
    reach = max(1, math.ceil(4 * sigma))
    along = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / sigma) ** 2)
    return _filtered(_filtered(image, along[None]), along[:, None])


def motion_blur(image: Tensor, length: float = 15.0, angle: float = 30.0) -> Tensor:
    """Blur along a straight line `length` pixels long, `angle` degrees counter-clockwise from the horizontal."""
    _between("length", length, 0, 200)
    reach = math.ceil(length / 2) + 1
    kernel = torch.zeros(2 * reach + 1, 2 * reach + 1, dtype=torch.float64)
    samples = max(1, math.ceil(length) * 8)
    for place in (
        (torch.arange(samples) + 0.5) / samples - 0.5
    ).tolist():  # bilinear footprint of each point of the line
        x = reach + place * length * math.cos(math.radians(angle))
        y = reach - place * length * math.sin(math.radians(angle))
        left, top = math.floor(x), math.floor(y)
        right, below = x - left, y - top
        kernel[top, left] += (1 - right) * (1 - below)
        kernel[top, left + 1] += right * (1 - below)
        kernel[top + 1, left] += (1 - right) * below
        kernel[top + 1, left + 1] += right * below
    return _filtered(image, kernel) if length else image


def disk_blur(image: Tensor, radius: float = 4.0) -> Tensor:
    """Blur of a lens out of focus: a uniform disk of `radius` pixels, its edge anti-aliased."""
    _between("radius", radius, 0, 100)
    if radius == 0:
        return image
    reach = math.ceil(radius)
    along = torch.arange(-reach, reach + 1, dtype=torch.float64)
    kernel = (radius + 0.5 - torch.hypot(along[:, None], along[None])).clamp(0, 1)
    return _filtered(image, kernel)


def jpeg(image: Tensor, quality: int = 10, subsampling: int = 2) -> Tensor:
    """What a JPEG encoder leaves at a `quality` of 1 to 95; chroma `subsampling` 0 (4:4:4), 1 (4:2:2) or 2 (4:2:0)."""
    _between("quality", quality, 1, 95)
    _between("subsampling", subsampling, 0, 2)
    decoded = []
    for single in image:
        buffer = io.BytesIO()
        Image.fromarray(to_array(single)).save(buffer, "JPEG", quality=int(quality), subsampling=int(subsampling))
        with Image.open(buffer) as opened:
            decoded.append(from_array(np.array(opened.convert("RGB"))))
    return torch.cat(decoded).to(image)


def contrast(image: Tensor, factor: float = 0.5) -> Tensor:
    """Multiply the distance of every pixel from each image's mean grey by `factor`; clipped to the range."""
    _between("factor", factor, 0, 10)
    mean = image.mean((1, 2, 3), keepdim=True)
    return (mean + (image - mean) * factor).clamp(0, 1)


def colour_cast(image: Tensor, red: float = 0.1, green: float = 0.0, blue: float = -0.1) -> Tensor:
    """Add a constant to each channel, in units of the range; clipped to it."""
    for name, value in (("red", red), ("green", green), ("blue", blue)):
        _between(name, value, -1, 1)
    return (image + image.new_tensor([red, green, blue])[:, None, None]).clamp(0, 1)


def mean_shift(image: Tensor, amount: float = 0.1) -> Tensor:
    """Add `amount`, in units of the range, to every pixel; clipped to the range."""
    _between("amount", amount, -1, 1)
    return (image + amount).clamp(0, 1)


DEGRADATIONS: dict[str, Callable[..., Tensor]] = {
    function.__name__: function
    for function in (
        gaussian_noise,
        poisson_gaussian_noise,
        salt_and_pepper,
        gaussian_blur,
        motion_blur,
        disk_blur,
        jpeg,
        contrast,
        colour_cast,
        mean_shift,
    )
}


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
        ValueError: for an unknown name or setting, or a value out of range.
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
    return function(image, **settings, **({"seed": seed} if "seed" in accepted else {}))


def _between(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name}={value} must be between {least:g} and {most:g}.")


def _normal(image: Tensor, seed: int) -> Tensor:
    return torch.randn(image.shape, generator=torch.Generator().manual_seed(seed)).to(image)


def _filtered(image: Tensor, kernel: Tensor) -> Tensor:
    """Filter every channel with a kernel of odd sides, normalised to sum 1.

    Beyond its border the image is mirrored, or its edge repeated where the kernel reaches further than the image.
    """
    rows, columns = kernel.shape[0] // 2, kernel.shape[1] // 2
    mirrored = rows < image.shape[-2] and columns < image.shape[-1]
    padded = functional.pad(image, (columns, columns, rows, rows), mode="reflect" if mirrored else "replicate")
    weight = (kernel / kernel.sum()).to(image).expand(image.shape[1], 1, *kernel.shape)
    return functional.conv2d(padded, weight, groups=image.shape[1]).clamp(0, 1)
