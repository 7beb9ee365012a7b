"""What each task makes of a picture: its plan."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor

from enhance.config.restoration import METHODS
from enhance.config.schema import SettingsError
from enhance.images.arrays import ImageError
from enhance.images.kernels import disk_kernel, gaussian_kernel, motion_kernel
from enhance.restoration.blur import Blurred
from enhance.restoration.blur_estimation import LARGEST, SMALLEST, blur_sigma
from enhance.restoration.cells import JpegCells
from enhance.restoration.coupling import Schedule, split
from enhance.restoration.denoising import denoise
from enhance.restoration.downscaling import Downscaled
from enhance.restoration.grey import is_grey
from enhance.restoration.jpeg_file import read_jpeg
from enhance.restoration.noise_estimation import noise_level
from enhance.restoration.oriented import as_shown
from enhance.restoration.plans import Asked, Plan, coupled, name_of, require, require_uncoupled, unseen
from enhance.utils.suggest import unknown

_KERNELS: dict[str, tuple[tuple[str, ...], Callable[..., Tensor]]] = {
    "gaussian_blur": (("sigma",), gaussian_kernel),
    "motion_blur": (("length", "angle"), motion_kernel),
    "disk_blur": (("radius",), disk_kernel),
}


_GIVEN = "kernel"  # name of a blur that a file shows


def deblur(asked: Asked) -> Plan:
    """A blur is undone: the one that is given, or a Gaussian whose sigma is estimated."""
    noise, of_noise = _noise_beside(asked)
    if asked.kernel is not None:
        name, kernel, of_blur = _GIVEN, asked.kernel, {}
        if asked.assumed.name not in (None, name):
            raise SettingsError(f"Give kernel= or degradation={asked.assumed.name}, not both.")
        require(asked, "noise")
    else:
        name, kernel, of_blur = _named_kernel(asked, noise)
    blurred = Blurred(asked.image, kernel, noise, name)
    plan = coupled(blurred, asked, of_blur | of_noise)
    return replace(plan, notes=(*unseen(blurred, of_noise, "noise="), *plan.notes))


def upscale(asked: Asked) -> Plan:
    """A reduced picture is enlarged."""
    name_of(asked, "downscale")
    require(asked, "noise", "method")
    noise = asked.assumed.noise or 0.0  # a reduction averages noise away
    method = asked.assumed.method or METHODS[0]
    return coupled(Downscaled(asked.image, asked.factor, method, noise / 255), asked, {})


def jpeg(asked: Asked) -> Plan:
    """A JPEG is repaired within the cells of its own coefficients."""
    name_of(asked, "jpeg")
    require(asked)
    require_uncoupled(asked, "task=jpeg")
    if asked.path is None:
        raise ImageError("task=jpeg needs the file itself, whose quantisation tables it reads: image=FILE.jpg.")
    cells, path = JpegCells(read_jpeg(asked.path)), asked.path
    level = cells.reckoned
    schedule = Schedule(1, level, level, asked.coupling.trust)
    estimated = {"level_told_to_the_denoiser": round(255 * level, 2)}
    return Plan(
        cells,
        lambda denoiser: split(cells, denoiser, schedule),
        estimated,
        finish=lambda estimate: cells.proximal(estimate, 0),
        shown=lambda picture: as_shown(picture, path),
    )


TASKS: dict[str, Callable[[Asked], Plan]] = {"denoise": denoise, "deblur": deblur, "jpeg": jpeg, "upscale": upscale}


def _named_kernel(asked: Asked, noise: float) -> tuple[str, Tensor, dict[str, Any]]:
    """The name of a blur, its kernel, and what was estimated of it."""
    name = asked.assumed.name or "gaussian_blur"
    if name == _GIVEN:
        raise SettingsError("degradation=kernel needs kernel=FILE, a picture of the blur of a point of light.")
    if name not in _KERNELS:
        raise SettingsError(unknown("degradation of task=deblur", name, [*_KERNELS, _GIVEN]))
    keys, make = _KERNELS[name]
    require(asked, *keys, "noise")
    values = [getattr(asked.assumed, key) for key in keys]
    if None not in values and values[0] > 0:
        return name, make(*values), {}
    if name != "gaussian_blur" or values[0] == 0:
        raise SettingsError(f"degradation={name} needs {' and '.join(f'degradation.{key}=' for key in keys)} above 0.")
    found = blur_sigma(asked.image, noise if is_grey(asked.image) else noise / math.sqrt(3))
    if found is None:
        raise SettingsError(
            f"No Gaussian blur of {SMALLEST:g} to {LARGEST:g} pixels is seen in the picture; give degradation.sigma=, "
            "degradation=motion_blur degradation.length= degradation.angle=, degradation=disk_blur "
            "degradation.radius=, or kernel=FILE."
        )
    estimated = {key: round(getattr(found, key), 2) for key in ("sigma", "low", "high")}
    return name, gaussian_kernel(found.sigma), {f"blur_{key}": value for key, value in estimated.items()}


def _noise_beside(asked: Asked) -> tuple[float, dict[str, Any]]:
    """The noise beside a blur, in units of [0, 1]."""
    if asked.assumed.noise is not None:
        return asked.assumed.noise / 255, {}
    found = noise_level(asked.image)
    return found.sigma, {"noise": round(255 * found.sigma, 3), "standard_error": round(255 * found.error, 3)}
