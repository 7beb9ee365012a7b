"""The plan that undoes a blur: one that is given, or one that is estimated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from enhance.restoration.blur import Blurred
from enhance.restoration.blur_estimation import SHARP, SMALLEST_SIDE, Blur, estimate_blurs, window_side
from enhance.restoration.blur_kinds import KINDS
from enhance.restoration.grey import is_grey
from enhance.restoration.noise_estimation import noise_level
from enhance.restoration.plans import Asked, Plan, coupled, require, unseen
from enhance.utils.errors import SettingsError
from enhance.utils.suggest import unknown
from enhance.utils.units import in_words

CERTAIN = 0.95
"""Probability of a kind of blur from which it is taken."""

QUANTISATION = 0.29 / 255
"""Standard deviation of the quantisation to 8 bits, the least noise that is assumed of a picture."""

_GIVEN = "kernel"  # name of a blur that a file shows
_EVIDENCE = 8.0  # misfit that a kind which was named must be better by than no blur
_NAME_IT = (
    "give degradation=gaussian_blur, disk_blur or motion_blur, with its size where it is known (degradation.sigma=, "
    "degradation.radius=, or degradation.length= and degradation.angle=), or kernel=FILE"
)


def deblur(asked: Asked) -> Plan:
    """A blur is undone: the one that is given, or the one that is estimated.

    Raises:
        SettingsError: for settings that do not fit together, and where the blur is neither given nor certain.
    """
    noise, of_noise = _noise_beside(asked)
    if asked.kernel is not None:
        name, kernel, of_blur, notes = _GIVEN, asked.kernel, {}, ()
        sizes = dict[str, float]()
        if asked.assumed.name not in (None, name):
            raise SettingsError(f"Give kernel= or degradation={asked.assumed.name}, not both.")
        require(asked, "noise")
    else:
        name, of_blur, notes = _named(asked), {}, ()
        values = None if name is None else _given(asked, name)
        if name is None or values is None:
            blur = _estimated(asked, name, noise)
            name, values, of_blur = blur.name, blur.values, _figures(blur)
            notes = (
                () if asked.assumed.name else (f"the blur is taken for {_in_words(blur)}; degradation= overrides it",)
            )
        kernel = KINDS[name].make(*values)
        sizes = {key: round(value, 3) for key, value in zip(KINDS[name].keys, values, strict=True)}
    blurred = Blurred(asked.image, kernel, noise, name)
    plan = coupled(blurred, asked, of_blur | of_noise)
    return replace(plan, settings=sizes, notes=(*notes, *unseen(blurred, of_noise, "noise="), *plan.notes))


def _named(asked: Asked) -> str | None:
    """The kind of blur that is named, or that has the settings that are given; None: it is to be estimated.

    Raises:
        SettingsError: for a name of no kind, or settings of another.
    """
    name = asked.assumed.name
    if name is None:
        keys = {key: kind for kind in KINDS for key in KINDS[kind].keys}
        name = next((kind for key, kind in keys.items() if getattr(asked.assumed, key) is not None), None)
    if name == _GIVEN:
        raise SettingsError("degradation=kernel needs kernel=FILE, a picture of the blur of a point of light.")
    if name is not None and name not in KINDS:
        raise SettingsError(unknown("degradation of task=deblur", name, [*KINDS, _GIVEN]))
    assumed = replace(asked.assumed, name=name)
    require(replace(asked, assumed=assumed), *([] if name is None else KINDS[name].keys), "noise")
    return name


def _given(asked: Asked, name: str) -> tuple[float, ...] | None:
    """The values of a kind of blur, or None where none is given.

    Raises:
        SettingsError: where one is missing, or the size is 0.
    """
    keys = KINDS[name].keys
    values = [getattr(asked.assumed, key) for key in keys]
    if all(value is None for value in values):
        return None
    if None in values or values[0] <= 0:
        settings = " and ".join(f"degradation.{key}=" for key in keys)
        raise SettingsError(
            f"degradation={name} needs {settings} above 0, or neither is given, and both are estimated."
            if len(keys) > 1
            else f"degradation={name} needs {settings} above 0, or it is left out and estimated."
        )
    return tuple(values)


def _estimated(asked: Asked, name: str | None, noise: float) -> Blur:
    """The blur of a picture, of the kind that is named, if one is.

    Raises:
        SettingsError: where none is seen, or none is certain.
    """
    if min(asked.image.shape[-2:]) < SMALLEST_SIDE:
        raise SettingsError(f"A blur is estimated from {SMALLEST_SIDE} pixels a side on; {_NAME_IT}.")
    of_mean = max(noise, QUANTISATION) / (1 if is_grey(asked.image) else math.sqrt(3))
    blurs, side = estimate_blurs(asked.image, of_mean), window_side(asked.image)
    if name is not None:
        best, sharp = (next(blur for blur in blurs if blur.name == each) for each in (name, SHARP))
        if not best.within or best.misfit > sharp.misfit - _EVIDENCE:
            settings = " and ".join(f"degradation.{key}=" for key in KINDS[name].keys)
            raise SettingsError(f"No {_range(name, side)} is seen in the picture; give {settings}.")
        return best
    best = blurs[0]
    if best.name == SHARP or (best.name in KINDS and not best.within):
        ranges = ", ".join(_range(each, side) for each in KINDS)
        raise SettingsError(f"No blur of those that are looked for is seen in the picture ({ranges}); {_NAME_IT}.")
    if best.name not in KINDS or best.probability < CERTAIN:
        raise SettingsError(f"The blur of the picture is not certain ({_listed(blurs)}); {_NAME_IT}.")
    return best


def _figures(blur: Blur) -> dict[str, Any]:
    """What was estimated, for people and metadata."""
    found = {f"blur_{key}": round(value, 2) for key, value in zip(KINDS[blur.name].keys, blur.values, strict=True)}
    return found | {"blur_standard_error": round(blur.error, 2), "blur_probability": round(blur.probability, 3)}


def _listed(blurs: Sequence[Blur]) -> str:
    """The blurs that are possible, with their probabilities."""
    possible = [blur for blur in blurs if blur.probability >= (1 - CERTAIN) / 2]
    return ", ".join(f"{_in_words(blur)}: {100 * blur.probability:.0f} %" for blur in possible)


def _in_words(blur: Blur) -> str:
    if blur.name == SHARP:
        return "no blur"
    if blur.name not in KINDS:
        return "another blur"
    values = zip(KINDS[blur.name].keys, blur.values, strict=True)
    return f"{blur.name} of {' and '.join(f'{key} {in_words(key, value, blur.name, 3)}' for key, value in values)}"


def _range(name: str, side: int) -> str:
    kind = KINDS[name]
    return f"{name} with a {kind.keys[0]} of {kind.smallest:g} to {kind.largest(side):.2g} pixels"


def _noise_beside(asked: Asked) -> tuple[float, dict[str, Any]]:
    """The noise beside a blur, in units of [0, 1]."""
    if asked.assumed.noise is not None:
        return asked.assumed.noise / 255, {}
    found = noise_level(asked.image)
    return found.sigma, {"noise": round(255 * found.sigma, 3), "standard_error": round(255 * found.error, 3)}
