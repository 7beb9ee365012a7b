"""What a task makes of a picture: what was asked, and the plan by which it is restored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from enhance.config.restoration import FACTORS, AssumedConfig, CouplingConfig
from enhance.restoration.coupling import Denoise, Pass, Schedule, split
from enhance.restoration.observations import Observation
from enhance.utils.errors import SettingsError
from enhance.utils.suggest import unknown

_SEEN = 0.05  # of 255: noise below is none

Passes = Callable[[Denoise], Iterator[Pass]]


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
        own: whether the image is in the RGB values of its file, which keeps its profile; else it is sRGB.
    """

    image: Tensor
    path: Path | None = None
    assumed: AssumedConfig = field(default_factory=AssumedConfig)
    coupling: CouplingConfig = field(default_factory=CouplingConfig)
    kernel: Tensor | None = None
    factor: int = FACTORS[0]
    own: bool = False


@dataclass(frozen=True)
class Plan:
    """How a picture is restored.

    Attributes:
        observation: what was observed.
        passes: of a denoiser.
        estimated: what was estimated from the picture, for people and metadata.
        finish: from the last estimate to the one that is shown.
        as_read: from a picture of the observation to one as its file is read: upright, of the colours of `Asked.image`.
        coupling: what of the coupling is used, as it is used; None: nothing.
        settings: of the degradation that was assumed, given or estimated, beside what the observation says of itself.
        notes: what the user should know, in sentences.
    """

    observation: Observation
    passes: Passes
    estimated: dict[str, Any]
    finish: Callable[[Tensor], Tensor] = lambda estimate: estimate
    as_read: Callable[[Tensor], Tensor] = lambda picture: picture
    coupling: CouplingConfig | None = None
    settings: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def assumed(self) -> dict[str, Any]:
        """What the restoration assumes, for people and metadata: JSON values."""
        return self.observation.describe() | self.settings


def coupled(observation: Observation, asked: Asked, estimated: dict[str, Any]) -> Plan:
    """The plan that couples an observation with the denoiser.

    Raises:
        SettingsError: for levels that rise, or a last one that changes nothing.
    """
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
        notes.append(f"coupling.last={coupling.last:g} is raised to {last:.3g} of 255, the noise of the picture")
    schedule = Schedule(coupling.passes, coupling.first / 255, last / 255, coupling.trust)
    return Plan(
        observation,
        lambda denoiser: split(observation, denoiser, schedule),
        estimated,
        coupling=replace(coupling, last=round(last, 3)),
        notes=tuple(notes),
    )


def unseen(observation: Observation, estimated: Mapping[str, Any], setting: str) -> tuple[str, ...]:
    """A note that no noise was found, where noise was estimated."""
    if not estimated or 255 * observation.noise >= _SEEN:
        return ()
    return (f"no noise was found in the picture; where there is some, give degradation.{setting}",)


def name_of(asked: Asked, *accepted: str) -> str:
    """The name of the degradation, by default the first that is accepted.

    Raises:
        SettingsError: for another.
    """
    name = asked.assumed.name or accepted[0]
    if name not in accepted:
        raise SettingsError(unknown("degradation of this task", name, accepted))
    return name


def require(asked: Asked, *keys: str) -> None:
    """Check that no setting was given that the degradation does not have.

    Raises:
        SettingsError: for the first that was.
    """
    given: Mapping[str, Any] = asdict(asked.assumed)
    for key, value in given.items():
        if key != "name" and value is not None and key not in keys:
            takes = f"it takes {', '.join(keys)}" if keys else "it takes no settings"
            raise SettingsError(f"degradation.{key}={value} does not belong to {asked.assumed.name or 'it'}: {takes}.")


def require_uncoupled(asked: Asked, what: str) -> None:
    """Check that no setting of the coupling was given.

    Raises:
        SettingsError: for the first that was.
    """
    for key, value in asdict(asked.coupling).items():
        if value != getattr(CouplingConfig, key):
            raise SettingsError(
                f"coupling.{key}={value} changes nothing with {what}, which needs no coupling; leave it out."
            )
