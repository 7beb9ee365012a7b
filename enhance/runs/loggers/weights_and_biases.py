"""Weights & Biases, offline unless the settings say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import wandb  # type: ignore[import-not-found]
from torch import Tensor

from enhance.images.arrays import to_array
from enhance.runs.loggers import flat


class WeightsAndBiases:
    """A run of Weights & Biases, whose identity is the run's folder: a resumed run goes on in it.

    Args:
        folder: of the run; the files go to `wandb` in it.
        settings: of the whole run.
        first: the step that is logged first.
        project: the name.
        mode: offline, online, shared or disabled.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], first: int, *, project: str, mode: str) -> None:
        self._run = wandb.init(
            project=project,
            name=folder.name,
            id=sha256(str(folder.resolve()).encode()).hexdigest()[:16],
            dir=str(folder),
            config=flat(settings),
            mode=mode,
            resume="allow" if first else None,
        )

    def log(self, step: int, scalars: Mapping[str, float], image: Tensor | None) -> None:
        """Write the figures of a step and the image of a frame."""
        shown = {} if image is None else {"image": wandb.Image(to_array(image[None]))}
        self._run.log({**scalars, **shown}, step=step)

    def finish(self, figures: Mapping[str, float]) -> None:
        """Write the figures of the best image and close."""
        self._run.summary.update(dict(figures))
        self._run.finish(exit_code=0 if figures else 1)
