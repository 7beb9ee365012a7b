"""What the settings files can ask for: ${enhance.home:} and its like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enhance.config.hydra_versions import register_resolver
from enhance.config.paths import claim_folder, home
from enhance.metrics.registry import METRICS
from enhance.utils.gpus import gpus_per_job, jobs_at_once


def register_resolvers() -> None:
    """Make ${enhance.home:}, ${enhance.folder:PARENT,NAME}, ${enhance.title:TASK,METRIC,BACKBONE},
    ${enhance.chosen:NAME,{NAME: VALUE, ...}}, ${enhance.jobs_at_once:DEVICE} and ${enhance.gpus_per_job:DEVICE,ADDRESS}
    known to YAML.
    """
    register_resolver("enhance.jobs_at_once", jobs_at_once)
    register_resolver("enhance.gpus_per_job", gpus_per_job)
    register_resolver("enhance.chosen", chosen)
    register_resolver("enhance.title", title)
    register_resolver("enhance.home", lambda: str(home()))
    register_resolver("enhance.folder", claim_folder, use_cache=True)


def title(task: str, metric: str, backbone: str) -> str:
    """The name of a run: the backbone belongs to the deep measures alone."""
    row = METRICS.get(metric)
    return f"{task}-{metric}-{backbone}" if row and row.deep else f"{task}-{metric}"


def chosen(name: str, values: Mapping[str, Any]) -> Any:
    """The value of that name, a recipe's own setting for each metric or photograph; of a name that has none that of
    `others`.

    Raises:
        ValueError: if there is neither.

    Example:
        >>> chosen("mse", {"mse": 0.01, "others": 0.02}), chosen("vsi", {"mse": 0.01, "others": 0.02})
        (0.01, 0.02)
    """
    if name in values:
        return values[name]
    if "others" not in values:
        raise ValueError(f"This recipe has no setting for {name}, but for {', '.join(values)}.")
    return values["others"]
