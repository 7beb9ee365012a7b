"""What each task makes of a picture: an observation, and the passes that restore it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from enhance.config.restoration import FACTORS, METHODS, AssumedConfig, CouplingConfig
from enhance.config.schema import SettingsError
from enhance.images.arrays import ImageError
from enhance.kernels import disk_kernel, gaussian_kernel, motion_kernel
from enhance.restoration.blur import Blurred
from enhance.restoration.blur_estimation import LARGEST, SMALLEST, blur_sigma
from enhance.restoration.cells import JpegCells
from enhance.restoration.clipping import clipped_spread, unclipped
from enhance.restoration.coupling import Denoise, Pass, Schedule, split
from enhance.restoration.downscaling import Downscaled
from enhance.restoration.grey import is_grey
from enhance.restoration.jpeg_file import read_jpeg, reduces_colours
from enhance.restoration.noise_estimation import NoiseCurve, noise_curve, noise_level
from enhance.restoration.observations import Masked, Noisy, Observation
from enhance.restoration.oriented import as_shown
from enhance.utils.suggest import unknown

Passes = Callable[[Denoise], Iterator[Pass]]

_OUTLIER = 0.1  # from the median around it: a black or white pixel that is lost
_STRONG = 20 / 255  # noise whose clipping near black and white a second pass is worth
_LUMA_NOISE = math.hypot(0.299, 0.587, 0.114)  # of white noise in RGB: what is left where a JPEG averages its colours
_SEEN = 0.05  # of 255: noise below is none
_AT_ONCE = 2**18  # extreme pixels whose neighbourhoods are in memory
_BRIGHTNESS = 5  # pixels a side whose mean is the brightness that a noise level is looked up at


@dataclass(frozen=True)
class Asked:
    """What the user gave.

    Attributes:
        image: (1, 3, H, W) in [0, 1].
        path: of its file, where it has one.
        assumed: the degradation; its null settings are estimated.
        coupling: how it is coupled with the denoiser.
        kernel: of the blur, (kh, kw).
        factor: of an enlargement.
    """

    image: Tensor
    path: Path | None = None
    assumed: AssumedConfig = field(default_factory=AssumedConfig)
    coupling: CouplingConfig = field(default_factory=CouplingConfig)
    kernel: Tensor | None = None
    factor: int = FACTORS[0]


@dataclass(frozen=True)
class Plan:
    """How a picture is restored.

    Attributes:
        observation: what was observed.
        passes: of a denoiser.
        estimated: what was estimated from the picture, for people and metadata.
        finish: from the last estimate to the one that is shown.
        shown: from a picture of the observation to one in sRGB, upright.
        coupling: what of the coupling is used, as it is used; None: nothing.
        notes: what the user should know, in sentences.
    """

    observation: Observation
    passes: Passes
    estimated: dict[str, Any]
    finish: Callable[[Tensor], Tensor] = lambda estimate: estimate
    shown: Callable[[Tensor], Tensor] = lambda picture: picture
    coupling: CouplingConfig | None = None
    notes: tuple[str, ...] = ()


def denoise(asked: Asked) -> Plan:
    """Noise is removed: Gaussian, Poisson-Gaussian, or salt and pepper."""
    name = _name(asked, "gaussian_noise", "poisson_gaussian_noise", "salt_and_pepper")
    if name == "salt_and_pepper":
        _require(asked, "noise")
        return _filled_in(asked)
    _require_uncoupled(asked, f"degradation={name}")
    if name == "gaussian_noise":
        _require(asked, "sigma")
        return _evenly_noisy(asked)
    _require(asked, "peak", "sigma")
    return _brightly_noisy(asked)


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
        _require(asked, "noise")
    else:
        name, kernel, of_blur = _named_kernel(asked, noise)
    blurred = Blurred(asked.image, kernel, noise, name)
    plan = _coupled(blurred, asked, of_blur | of_noise)
    return replace(plan, notes=(*_unseen(blurred, of_noise, "noise="), *plan.notes))


def _named_kernel(asked: Asked, noise: float) -> tuple[str, Tensor, dict[str, Any]]:
    """The name of a blur, its kernel, and what was estimated of it."""
    name = asked.assumed.name or "gaussian_blur"
    if name == _GIVEN:
        raise SettingsError("degradation=kernel needs kernel=FILE, a picture of the blur of a point of light.")
    if name not in _KERNELS:
        raise SettingsError(unknown("degradation of task=deblur", name, [*_KERNELS, _GIVEN]))
    keys, make = _KERNELS[name]
    _require(asked, *keys, "noise")
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


def upscale(asked: Asked) -> Plan:
    """A reduced picture is enlarged."""
    _name(asked, "downscale")
    _require(asked, "noise", "method")
    noise = asked.assumed.noise or 0.0  # a reduction averages noise away
    method = asked.assumed.method or METHODS[0]
    return _coupled(Downscaled(asked.image, asked.factor, method, noise / 255), asked, {})


def jpeg(asked: Asked) -> Plan:
    """A JPEG is repaired within the cells of its own coefficients."""
    _name(asked, "jpeg")
    _require(asked)
    _require_uncoupled(asked, "task=jpeg")
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


def _evenly_noisy(asked: Asked) -> Plan:
    estimated: dict[str, Any] = {}
    sigma = asked.assumed.sigma
    if sigma is None:
        found = noise_level(asked.image)
        averaged = asked.path is not None and reduces_colours(asked.path) and not is_grey(asked.image)
        share = _LUMA_NOISE if averaged else 1.0
        sigma = 255 * found.sigma / share
        estimated = {"sigma": round(sigma, 3), "standard_error": round(255 * found.error / share, 3)}
    level = sigma / 255
    observation = Noisy(asked.image, asked.image.new_full((1, 1, *asked.image.shape[-2:]), level))

    def passes(denoiser: Denoise) -> Iterator[Pass]:
        """The denoiser finds the mean of noise that the file has clipped, from which the brightness follows; strong
        noise is so much weaker near black and white that a second pass is told where.
        """
        return _in_turn(
            2 if level > _STRONG else 1,
            observation.level,
            lambda spread: unclipped(denoiser(observation.observed, spread), level),
            lambda estimate: clipped_spread(estimate, level).mean(1, keepdim=True),
        )

    return Plan(observation, passes, estimated, notes=_unseen(observation, estimated, "sigma="))


def _in_turn(
    count: int, level: Tensor, denoised: Callable[[Tensor], Tensor], next_level: Callable[[Tensor], Tensor]
) -> Iterator[Pass]:
    """Passes of which each after the first takes its noise level from what the last has found."""
    for index in range(1, count + 1):
        estimate = denoised(level)
        yield Pass(index, level.square().mean().sqrt().item(), estimate)
        if index < count:
            level = next_level(estimate)


def _unseen(observation: Observation, estimated: Mapping[str, Any], setting: str) -> tuple[str, ...]:
    """That no noise was found, where it was looked for."""
    if not estimated or 255 * observation.noise >= _SEEN:
        return ()
    return (f"no noise was found in the picture; where there is some, give degradation.{setting}",)


def _brightly_noisy(asked: Asked) -> Plan:
    peak, sigma = asked.assumed.peak, asked.assumed.sigma
    if (peak is None) != (sigma is None):
        raise SettingsError(
            "degradation=poisson_gaussian_noise takes both degradation.peak= and degradation.sigma=, or neither: then "
            "the noise is estimated."
        )
    if peak is not None and sigma is not None:
        curve, estimated = NoiseCurve(1 / peak, (sigma / 255) ** 2), {}
    else:
        curve = noise_curve(asked.image)
        estimated = {"gain": round(curve.gain, 6), "sigma_at_black": round(255 * curve.variance**0.5, 3)}
    observation = Noisy(asked.image, curve.level(_brightness(asked.image)), "poisson_gaussian_noise")

    def passes(denoiser: Denoise) -> Iterator[Pass]:
        """The second pass looks the noise level up in what the first has found."""
        return _in_turn(
            2,
            observation.level,
            lambda level: denoiser(observation.observed, level),
            lambda estimate: curve.level(estimate.mean(1, keepdim=True)),
        )

    return Plan(observation, passes, estimated, notes=_unseen(observation, estimated, "peak= and degradation.sigma="))


def _filled_in(asked: Asked) -> Plan:
    kept = 1 - _lost(asked.image)
    if not kept.any():
        raise ImageError("All pixels of the picture are black or white outliers; there is nothing to start from.")
    estimated = {"lost": round(1 - kept.mean().item(), 4)}
    return _coupled(Masked(asked.image, kept, (asked.assumed.noise or 0) / 255), asked, estimated)


def _coupled(observation: Observation, asked: Asked, estimated: dict[str, Any]) -> Plan:
    coupling, notes = asked.coupling, list[str]()
    if coupling.last > coupling.first:
        raise SettingsError(f"coupling.last={coupling.last:g} must be at most coupling.first={coupling.first:g}.")
    if coupling.passes == 1 and coupling.last != CouplingConfig.last:
        raise SettingsError(
            f"coupling.last={coupling.last:g} changes nothing with coupling.passes=1, whose level is coupling.first=; "
            "leave it out."
        )
    last = min(coupling.first, max(coupling.last, 255 * observation.reckoned))
    if last > coupling.last and coupling.passes > 1:
        notes.append(f"coupling.last={coupling.last:g} is raised to {last:.3g}, for the noise of the picture")
    schedule = Schedule(coupling.passes, coupling.first / 255, last / 255, coupling.trust)
    return Plan(
        observation,
        lambda denoiser: split(observation, denoiser, schedule),
        estimated,
        coupling=replace(coupling, last=round(last, 3)),
        notes=tuple(notes),
    )


def _require_uncoupled(asked: Asked, what: str) -> None:
    """Nothing, where no setting of the coupling was given.

    Raises:
        SettingsError: for the first that was.
    """
    for key, value in asdict(asked.coupling).items():
        if value != getattr(CouplingConfig, key):
            raise SettingsError(
                f"coupling.{key}={value} changes nothing with {what}, which needs no coupling; leave it out."
            )


def _noise_beside(asked: Asked) -> tuple[float, dict[str, Any]]:
    """The noise beside a blur, in units of [0, 1]."""
    if asked.assumed.noise is not None:
        return asked.assumed.noise / 255, {}
    found = noise_level(asked.image)
    return found.sigma, {"noise": round(255 * found.sigma, 3), "standard_error": round(255 * found.error, 3)}


def _name(asked: Asked, *accepted: str) -> str:
    name = asked.assumed.name or accepted[0]
    if name not in accepted:
        raise SettingsError(unknown("degradation of this task", name, accepted))
    return name


def _require(asked: Asked, *keys: str) -> None:
    """Nothing, where no setting was given that the degradation does not have.

    Raises:
        SettingsError: for the first that was.
    """
    given: Mapping[str, Any] = asdict(asked.assumed)
    for key, value in given.items():
        if key != "name" and value is not None and key not in keys:
            takes = f"it takes {', '.join(keys)}" if keys else "it takes no settings"
            raise SettingsError(f"degradation.{key}={value} does not belong to {asked.assumed.name or 'it'}: {takes}.")


def _brightness(image: Tensor) -> Tensor:
    grey = image.mean(1, keepdim=True)
    padded = functional.pad(grey, [_BRIGHTNESS // 2] * 4, mode="replicate")
    return functional.avg_pool2d(padded, _BRIGHTNESS, 1)


def _lost(image: Tensor) -> Tensor:
    """Pixels that are black or white in all channels and far from the median around them, (1, 1, H, W)."""
    extreme = (image <= 0).all(1, keepdim=True) | (image >= 1).all(1, keepdim=True)
    grey = image.mean(1, keepdim=True)
    windows = functional.pad(grey, [2] * 4, mode="reflect")[0, 0].unfold(0, 5, 1).unfold(1, 5, 1)
    lost = torch.zeros_like(grey)
    for part in extreme[0, 0].nonzero().split(_AT_ONCE):
        rows, columns = part.unbind(1)
        median = windows[rows, columns].flatten(1).median(1).values
        lost[0, 0, rows, columns] = ((grey[0, 0, rows, columns] - median).abs() > _OUTLIER).to(lost)
    return lost
