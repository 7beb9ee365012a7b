"""What is known of a run before its first step: for its metrics.json, and to tell it from other runs."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy
import torch

import enhance
from enhance.config.schema import Config
from enhance.inputs import Problem
from enhance.metrics import DeepDistance
from enhance.utils.hashes import hash_tensor
from enhance.utils.machine import processor


def facts(config: Config, problem: Problem, metric: DeepDistance, device: torch.device, command: str) -> dict[str, Any]:
    """For metrics.json."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    return {
        "command": command,
        "task": config.task.name,
        "reference": config.reference,
        "start": problem.start,
        "width": problem.reference.shape[-1],
        "height": problem.reference.shape[-2],
        "notes": list(problem.notes),
        "metric": asdict(config.metric) | {"prefilter": metric.prefilter, "rounding": metric.rounding},
        "backbone": {
            "name": metric.backbone.name,
            "weights": metric.backbone.origin.name,
            "from": metric.backbone.origin.weights,
            "sha256": metric.backbone.origin.sha256,
            "pretrained": metric.backbone.origin.pretrained,
        },
        "parametrization": asdict(config.parametrization),
        "optimizer": asdict(config.optimizer),
        "schedule": asdict(config.schedule),
        "stopping": asdict(config.stopping),
        "degradation": dict(config.degradation) if problem.degraded else None,
        "steps": config.steps,
        "seed": config.seed,
        "precision": {"compile": config.compile, "autocast": config.autocast},
        "device": {"type": str(device), "name": name, "threads": torch.get_num_threads()},
        "versions": {
            "enhance": enhance.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": version("torchvision"),
            "numpy": numpy.__version__,
            "platform": platform.platform(),
        },
    }


def identity(config: Config, problem: Problem, metric: DeepDistance) -> dict[str, str]:
    """All that a run's numbers depend on, by name: a checkpoint is of this run if it has the same. `threads` is one:
    sums in another order differ in the last digits.
    """
    settings = dict(_flat(asdict(config)))
    for key in ("checkpoint", "sweep.resume"):  # how often to save, and what a sweep leaves out
        del settings[key]
    return settings | {
        "the weights' SHA-256": metric.backbone.origin.sha256,
        "the reference's SHA-256": hash_tensor(problem.reference),
        "the start's SHA-256": hash_tensor(problem.initial),
    }


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, str(value)
