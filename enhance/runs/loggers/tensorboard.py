"""TensorBoard, by torch's own writer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from enhance.runs.loggers import flat


class TensorBoard:
    """Event files in a folder: scalars, frames, the settings as text and, in the end, as hyperparameters.

    Args:
        folder: of the run.
        settings: of the whole run.
        first: the step that is logged first; later ones of an interrupted run are hidden.
        into: where the files go, seen from the run's folder.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], first: int, *, into: str) -> None:
        self._settings = flat(settings)
        self._writer = SummaryWriter(str(folder / into), purge_step=first or None)
        if not first:
            text = json.dumps(settings, indent=2, default=str)
            self._writer.add_text("settings", "    " + text.replace("\n", "\n    "), 0)

    def log(self, step: int, scalars: Mapping[str, float], image: Tensor | None) -> None:
        """Write the figures of a step and the image of a frame."""
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)
        if image is not None:
            self._writer.add_image("image", image.clamp(0, 1), step)
            self._writer.flush()

    def finish(self, figures: Mapping[str, float]) -> None:
        """Write the settings beside the figures of the best image, for TensorBoard's table of runs, and close."""
        if figures:
            self._writer.add_hparams(self._settings, dict(figures), run_name=".")
        self._writer.close()
