"""The settings of the groups of conf/, as their YAML files have them."""

from __future__ import annotations

from typing import Any, TypeVar

from omegaconf import OmegaConf

from enhance.config.paths import choices, default_choice, home
from enhance.config.schema import BackboneConfig
from enhance.utils.errors import SettingsError
from enhance.utils.suggest import unknown

_Settings = TypeVar("_Settings")


def group_settings(kind: type[_Settings], group: str, name: str | None = None) -> _Settings:
    """The settings of a choice of a group as its YAML has them.

    Args:
        kind: dataclass of the group.
        group: of conf/.
        name: of the YAML; None: that of a run in which nothing is chosen.

    Raises:
        SettingsError: for an unknown name.
    """
    name = name or default_choice(group)
    if name not in choices()[group]:
        raise SettingsError(unknown(group, name, choices()[group]))
    file = home() / "conf" / group / f"{name}.yaml"
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(kind), OmegaConf.load(file)))  # type: ignore[return-value]


def backbone_settings(name: str | None = None) -> BackboneConfig:
    """The settings of a backbone, see `group_settings`."""
    return group_settings(BackboneConfig, "backbone", name)


def degradation_settings(name: str) -> dict[str, Any]:
    """The settings of a degradation as its YAML has them, its name among them.

    Raises:
        SettingsError: for an unknown name.
    """
    if name not in choices()["degradation"]:
        raise SettingsError(unknown("degradation", name, choices()["degradation"]))
    values = OmegaConf.to_container(OmegaConf.load(home() / "conf" / "degradation" / f"{name}.yaml"))
    return {str(key): value for key, value in dict(values or {}).items()}  # type: ignore[arg-type]
