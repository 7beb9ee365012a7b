"""`enhance.restore`: a restoration for programs and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import torch

from enhance.config.restoration import AssumedConfig, CouplingConfig, DenoiserConfig, RestorationConfig
from enhance.config.schema import Config
from enhance.experiment.restoration import Restoration
from enhance.experiment.restored import Restored
from enhance.optim.inputs import Given
from enhance.restoration.coupling import Denoise
from enhance.restoration.denoisers import load_denoiser
from enhance.runs.restoration import Moment
from enhance.utils.errors import SettingsError
from enhance.utils.suggest import short, unknown

_DEVICE = "cpu"


def restore(
    image: Given,
    task: str = "denoise",
    *,
    degradation: str | Mapping[str, Any] | None = None,
    kernel: Given | None = None,
    factor: int | None = None,
    reference: Given | None = None,
    denoiser: str | DenoiserConfig | Denoise = DenoiserConfig.name,
    weights: str = DenoiserConfig.weights,
    coupling: CouplingConfig | None = None,
    background: str = Config.background,
    range: float | None = Config.range,
    device: torch.device | str = _DEVICE,
    callback: Callable[[Moment], object] | None = None,
) -> Restored:
    """A picture without its degradation; nobody needs to have the clean one.

    Args:
        image: what one has: a file, a sample's name, a tensor (1, 3, H, W) in [0, 1], an array, or Pillow's.
        task: denoise, deblur, jpeg (a file), or upscale.
        degradation: its name, or `name` with settings, see `enhance.config.restoration.AssumedConfig`; what is not
            given is estimated.
        kernel: of the blur: an image of what a point of light became, or its weights in [0, 1], a tensor or an array
            (H, W).
        factor: of upscale: 2, 3 or 4.
        reference: the clean picture, where there is one: it is only compared with the result.
        denoiser: a name, its settings, or a function of an image (1, 3, H, W) and a map (1, 1, H, W) of its noise
            level in [0, 1], that of noise which is independent between the channels: for a grey picture, whose
            channels are equal, it is given sqrt(3) times the level, and its channels are averaged.
        weights: of a denoiser that is named: embedded, or a file.
        coupling: of the observation and the denoiser, for blur, lost pixels and reduced pictures.
        background: what transparent pixels are laid on.
        range: of floats, the value that is white; None: they must lie in [0, 1].
        device: of a denoiser that is named.
        callback: called with each moment.

    Raises:
        ValueError: one sentence about an image, name or number that cannot be.

    Example:
        >>> noisy = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
        >>> restored = restore(noisy, degradation={"name": "gaussian_noise", "sigma": 25}, denoiser=lambda y, s: y / 2)
        >>> restored.image.shape, restored.assumed["degradation"]
        (torch.Size([1, 3, 32, 40]), 'gaussian_noise')
    """
    if not isinstance(denoiser, str):
        _require_unnamed(weights, device if callable(denoiser) else _DEVICE)
    if coupling is not None and not isinstance(coupling, CouplingConfig):
        raise SettingsError(
            f"coupling must be a CouplingConfig of enhance.config.restoration, got {type(coupling).__name__}."
        )
    if isinstance(denoiser, DenoiserConfig):
        named = denoiser
    else:
        named = DenoiserConfig() if callable(denoiser) else DenoiserConfig(denoiser, weights)
    config = RestorationConfig(_assumed(degradation), coupling or CouplingConfig(), named)
    restoration = Restoration(
        image,
        task,
        config=config,
        kernel=kernel,
        factor=factor,
        reference=reference,
        background=background,
        range=range,
    )
    function = denoiser if callable(denoiser) else load_denoiser(named, device).function
    history, image, own = list[dict[str, float]](), restoration.initial, None
    for moment in restoration.moments(function):
        history.append({key: getattr(moment, key) for key in ("step", "level", "residual", "seconds")})
        image, own = moment.image, moment.own
        if callback:
            callback(moment)
    before = {f"initial_{key}": value for key, value in restoration.figures(restoration.initial).items()}
    return Restored(
        image,
        restoration.initial,
        restoration.plan.assumed,
        restoration.plan.estimated,
        restoration.fit(),
        restoration.figures(image) | before,
        history,
        restoration.notes,
        own,
        restoration.profile,
        restoration.bits,
    )


def _require_unnamed(weights: str, device: torch.device | str) -> None:
    """Check that no setting of a named denoiser stands beside a function or settings.

    Raises:
        SettingsError: if one does.
    """
    for key, value, default in (("weights", weights, DenoiserConfig.weights), ("device", device, _DEVICE)):
        if str(value) != default:
            raise SettingsError(
                f"{key}={value} goes with a denoiser's name, not with a function or settings; leave it out."
            )


def _assumed(given: str | Mapping[str, Any] | None) -> AssumedConfig:
    if given is not None and not isinstance(given, str | Mapping):
        raise SettingsError(
            "degradation must be a name, or settings like {'name': 'gaussian_noise', 'sigma': 25}, got "
            f"{type(given).__name__}."
        )
    settings: dict[str, Any] = {"name": given} if isinstance(given, str) else dict(given or {})
    known = [each.name for each in fields(AssumedConfig)]
    for key, value in settings.items():
        if key in ("factor", "kernel"):
            raise SettingsError(f"{key} is no setting of the degradation; give {key}={short(value)} beside it.")
        if key not in known:
            raise SettingsError(unknown("setting of the degradation", key, known))
    return AssumedConfig(**settings)
