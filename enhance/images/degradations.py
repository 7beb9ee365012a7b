"""Degradations by name: seeded functions from an image (B, 3, H, W) in [0, 1] to an image of the same shape and range.

A degradation has no default strength: every setting is given by the caller. The examples in conf/degradation/ are the
command line's. Random numbers are drawn on the CPU, so the same call gives the same image on every device. A strength
of zero returns the image unchanged.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from enhance.images.arrays import from_array, resized, to_array
from enhance.images.kernels import disk_kernel, gaussian_profile, motion_kernel
from enhance.utils.defaults import SEED
from enhance.utils.ranges import remedy
from enhance.utils.suggest import unknown

_TOLERANCE = 1e-4
_LARGE = 1000  # taps beyond which the Fourier transform is the faster filter
_Function = TypeVar("_Function", bound=Callable[..., Tensor])

DEGRADATIONS: dict[str, Callable[..., Tensor]] = {}


def _registered(function: _Function) -> _Function:
    """Enter a function into `DEGRADATIONS`. Its keyword arguments are numbers, with `seed` if it is random."""
    DEGRADATIONS[function.__name__] = function
    return function


@_registered
def gaussian_noise(image: Tensor, *, sigma: float, seed: int) -> Tensor:
    """The image plus white Gaussian noise of standard deviation `sigma` (0 to 255, of 255), clipped to [0, 1]."""
    _check_range("sigma", sigma, 0, 255)
    return (image + _normal(image, _generator(seed)) * (sigma / 255)).clamp(0, 1)


@_registered
def poisson_gaussian_noise(image: Tensor, *, peak: float, sigma: float, seed: int) -> Tensor:
    """The image with a sensor's noise: Poisson(`peak` * image) / `peak` plus Gaussian noise, clipped to [0, 1].

    `peak` is the number of photons at white (0.1 to 1e6), `sigma` the standard deviation of the Gaussian noise (0 to
    255, of 255).
    """
    _check_range("peak", peak, 0.1, 1e6)
    _check_range("sigma", sigma, 0, 255)
    generator = _generator(seed)
    photons = torch.poisson(image.detach().cpu().clamp(0, 1) * peak, generator=generator).to(image) / peak
    return (photons + _normal(image, generator) * (sigma / 255)).clamp(0, 1)


@_registered
def salt_and_pepper(image: Tensor, *, amount: float, seed: int) -> Tensor:
    """The image with a share `amount` (0 to 1) of its pixels black or white, half of them each, in all channels."""
    _check_range("amount", amount, 0, 1)
    drawn = torch.rand((len(image), 1, *image.shape[-2:]), generator=_generator(seed)).to(image.device)
    salted = torch.where(drawn > 1 - amount / 2, torch.ones_like(image), image)
    return torch.where(drawn < amount / 2, torch.zeros_like(image), salted)


@_registered
def gaussian_blur(image: Tensor, *, sigma: float) -> Tensor:
    """The image filtered with a Gaussian of standard deviation `sigma` pixels (0 to 100), cut off at 4 `sigma`."""
    _check_range("sigma", sigma, 0, 100)
    if sigma == 0:
        return image
    along = gaussian_profile(sigma)
    return _filtered(_filtered(image, along[None]), along[:, None])


@_registered
def motion_blur(image: Tensor, *, length: float, angle: float) -> Tensor:
    """The image filtered along a line of `length` pixels (0 to 200), at `angle` degrees, counter-clockwise."""
    _check_range("length", length, 0, 200)
    _check_range("angle", angle, -360, 360)
    if length == 0:
        return image
    return _filtered(image, motion_kernel(length, angle))


@_registered
def disk_blur(image: Tensor, *, radius: float) -> Tensor:
    """The image out of focus: filtered with a uniform disk of `radius` pixels (0 to 100), its edge anti-aliased."""
    _check_range("radius", radius, 0, 100)
    if radius == 0:
        return image
    return _filtered(image, disk_kernel(radius))


@_registered
def jpeg(image: Tensor, *, quality: int, subsampling: int) -> Tensor:
    """The image after JPEG at a `quality` of 1 to 95, with chroma `subsampling` 0 (4:4:4), 1 (4:2:2) or 2 (4:2:0)."""
    _check_range("quality", quality, 1, 95)
    _check_range("subsampling", subsampling, 0, 2)
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
def downscale(image: Tensor, *, factor: int) -> Tensor:
    """The image reduced by a whole `factor` (1 to 8) and enlarged again, both bicubic, clipped to [0, 1]."""
    _check_range("factor", factor, 1, 8)
    if factor != int(factor):
        raise ValueError(f"factor={factor} must be a whole number.")
    height, width = image.shape[-2:]
    small = (max(1, round(height / factor)), max(1, round(width / factor)))
    return resized(resized(image, small), (height, width))


@_registered
def contrast(image: Tensor, *, factor: float) -> Tensor:
    """mean + `factor` (0 to 10) * (image - mean), clipped to [0, 1], with the mean of each image over all channels."""
    _check_range("factor", factor, 0, 10)
    if factor == 1:
        return image
    mean = image.mean((1, 2, 3), keepdim=True)
    return (mean + (image - mean) * factor).clamp(0, 1)


@_registered
def colour_cast(image: Tensor, *, red: float, green: float, blue: float) -> Tensor:
    """The image plus a constant in each channel (-1 to 1), clipped to [0, 1]."""
    for name, value in (("red", red), ("green", green), ("blue", blue)):
        _check_range(name, value, -1, 1)
    return (image + image.new_tensor([red, green, blue])[:, None, None]).clamp(0, 1)


@_registered
def mean_shift(image: Tensor, *, amount: float) -> Tensor:
    """The image plus `amount` (-1 to 1), clipped to [0, 1]."""
    _check_range("amount", amount, -1, 1)
    return (image + amount).clamp(0, 1)


def degrade(image: Tensor, name: str, *, seed: int = SEED, **settings: float) -> Tensor:
    """The image after the degradation `name`, in the image's shape and in [0, 1].

    Args:
        image: (B, 3, H, W) in [0, 1].
        name: a name of `DEGRADATIONS`.
        seed: of the random numbers, where the degradation has any.
        **settings: all settings of the degradation, see its function.

    Raises:
        ValueError: for an unknown name, a missing or unknown setting, a value out of range, or an image of another
            kind; the message names what is accepted.

    Example:
        >>> grey = torch.full((1, 3, 64, 64), 0.5)
        >>> noisy = degrade(grey, "gaussian_noise", sigma=25, seed=0)
        >>> round(noisy.std().item() * 255)
        25
        >>> degrade(grey, "gaussian_noise")
        Traceback (most recent call last):
        ValueError: gaussian_noise needs all of its settings: sigma; sigma is missing.
    """
    if name not in DEGRADATIONS:
        raise ValueError(unknown("degradation", name, DEGRADATIONS))
    function = DEGRADATIONS[name]
    parameters = inspect.signature(function).parameters
    accepted = [key for key, each in parameters.items() if each.kind == each.KEYWORD_ONLY and key != "seed"]
    for key, value in settings.items():
        if key not in accepted:
            raise ValueError(unknown(f"setting of {name}", key, accepted))
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{key}={value} of {name} must be a number.")
    if missing := [key for key in accepted if key not in settings]:
        is_missing = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        raise ValueError(f"{name} needs all of its settings: {', '.join(accepted)}; {is_missing}.")
    _require_image(image)
    return function(image, **settings, **({"seed": seed} if "seed" in parameters else {}))


def _require_image(image: Tensor) -> None:
    if image.dim() != 4 or image.shape[1] != 3 or not image.numel():
        raise ValueError(f"The image to degrade must be RGB of shape (B, 3, H, W), got {tuple(image.shape)}.")
    if not image.is_floating_point():
        raise ValueError(f"The image to degrade must be floating point in [0, 1], got {image.dtype}; divide by 255.")
    low, high = (value.item() for value in torch.aminmax(image.detach()))
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):
        raise ValueError(
            f"The image to degrade must lie in [0, 1], got [{low:.4g}, {high:.4g}]. {remedy(low, high, 'image')}"
        )


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name}={value} must be between {low:g} and {high:g}.")


def _generator(seed: int) -> torch.Generator:
    if not -(2**63) <= seed < 2**64:
        raise ValueError(f"seed={seed} must fit into 64 bits.")
    return torch.Generator().manual_seed(seed)


def _normal(image: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(image.shape, generator=generator).to(image)


def _filtered(image: Tensor, kernel: Tensor) -> Tensor:
    """The image filtered with a kernel of odd sides, normalised to sum 1; beyond its border the image is mirrored."""
    rows, columns = (_mirrored(side, reach // 2) for side, reach in zip(image.shape[-2:], kernel.shape, strict=True))
    padded = image[..., rows.to(image.device), :][..., columns.to(image.device)]
    weight = kernel / kernel.sum()
    if min(kernel.shape) > 1 and kernel.numel() > _LARGE:
        return _by_fourier(padded, weight).to(image).clamp(0, 1)
    return functional.conv2d(padded, weight.to(image).expand(3, 1, *kernel.shape), groups=3).clamp(0, 1)


def _by_fourier(padded: Tensor, kernel: Tensor) -> Tensor:
    """The valid part of the correlation with a kernel, as of conv2d, by the Fourier transform in float64."""
    size = padded.shape[-2:]
    transfer = torch.fft.rfft2(kernel.flip(0, 1).to(padded.device, torch.float64), s=size)
    filtered = torch.fft.irfft2(torch.fft.rfft2(padded.double()) * transfer, s=size)
    return filtered[..., kernel.shape[0] - 1 :, kernel.shape[1] - 1 :]


def _mirrored(side: int, reach: int) -> Tensor:
    """Indices from -reach to side + reach, reflected at both ends as often as it takes; the ends are not repeated."""
    period = max(1, 2 * (side - 1))
    places = torch.arange(-reach, side + reach) % period
    return torch.minimum(places, period - places) if side > 1 else torch.zeros_like(places)
