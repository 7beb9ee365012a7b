"""The metadata of a run for its metrics.json, and its fingerprint, by which a checkpoint is known to be of the run."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy
import torch

from enhance.config.schema import Config
from enhance.experiment.steps import steps
from enhance.optim.inputs import Inputs
from enhance.optim.objective import Objective
from enhance.utils.hashes import hash_tensor
from enhance.utils.machine import VERSION, processor


def describe(
    config: Config, inputs: Inputs, objective: Objective, device: torch.device, command: str
) -> dict[str, Any]:
    """What is known of a run before its first step, for metrics.json."""
    metric = objective.main.describe()
    return {
        "command": command,
        "task": config.task.name,
        "reference": config.reference,
        "start": inputs.start,
        "mask": config.mask,
        "width": inputs.reference.shape[-1],
        "height": inputs.reference.shape[-2],
        "notes": list(inputs.notes),
        "metric": {key: value for key, value in metric.items() if key != "backbone"},
        "backbone": metric.get("backbone"),
        "objective": objective.describe(),
        "parametrization": asdict(config.parametrization),
        "optimizer": asdict(config.optimizer),
        "schedule": asdict(config.schedule),
        "stopping": asdict(config.stopping),
        "degradation": dict(config.degradation) if inputs.degraded else None,
        "steps": steps(config),
        "seed": config.seed,
        "precision": {key: getattr(config, key) for key in ("compile", "autocast", "tf32", "deterministic")},
        "device": {"type": str(device), "name": device_name(device), "threads": torch.get_num_threads()},
        "versions": {
            "enhance": VERSION,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": version("torchvision"),
            "numpy": numpy.__version__,
            "platform": platform.platform(),
        },
    }


def device_name(device: torch.device) -> str:
    """The name of the GPU or of the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


def fingerprint(config: Config, inputs: Inputs, objective: Objective) -> dict[str, str]:
    """All that a run's numbers depend on, by name: a checkpoint is of this run if it has the same. `threads` is one:
    sums in another order differ in the last digits.
    """
    settings = dict(_flat(asdict(config)))
    of_loggers = [key for key in settings if key == "logger" or key.startswith("logger.")]
    for key in ("checkpoint", "figures", "live", "sweep.resume", *of_loggers):
        del settings[key]  # how often to save, what to draw and to show, what a sweep leaves out, where figures also go
    weights = {
        f"the weights of {term['name']}": term["metric"]["backbone"]["sha256"]
        for term in objective.describe()
        if term.get("metric", {}).get("backbone")
    }
    mask = {} if inputs.mask is None else {"the mask's SHA-256": hash_tensor(inputs.mask)}
    images = {
        "the reference's SHA-256": hash_tensor(inputs.reference),
        "the start's SHA-256": hash_tensor(inputs.initial),
    }
    return settings | weights | mask | images


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, str(value)
