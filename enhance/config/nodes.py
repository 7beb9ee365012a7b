"""The settings as nodes of Hydra."""

from __future__ import annotations

from functools import cache
from typing import Any

from omegaconf import OmegaConf

from enhance.config.hydra_versions import store
from enhance.config.reference import described
from enhance.config.restoration import RestoreConfig
from enhance.config.schema import Config

OPEN = ("terms", "slurm", "metric.arguments", "optimizer.arguments", "schedule.arguments", "parametrization.arguments")
"""Sections whose keys are free. Those of `degradation` are the ones that its YAML names."""


def register() -> None:
    """Make the types known to Hydra under the names that conf/base.yaml and conf/restore.yaml start from."""
    store("schema", opened(Config))
    store("restore_schema", opened(RestoreConfig))


@cache
def opened(settings: type) -> Any:
    """A node of a dataclass whose open sections take any key; Hydra copies it whenever it composes."""
    node, names = OmegaConf.structured(settings), described(settings)
    for section in (section for section in OPEN if section in names):
        OmegaConf.set_struct(OmegaConf.select(node, section), False)
    return node
