"""What Hydra calls when a sweep begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class RecordCommand(Callback):
    """Writes the command of a sweep into the sweep's folder, and offers the machine's GPUs to its jobs.

    Args:
        pointer: a file that receives the folder's path, for the process that started the sweep; None: no such file.
    """

    def __init__(self, pointer: str | None = None) -> None:
        self._pointer = pointer

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        from enhance.runs.sweep import record_command
        from enhance.utils.files import write_text
        from enhance.utils.gpus import offer

        folder = Path(config.hydra.sweep.dir).absolute()
        if self._pointer:
            write_text(Path(self._pointer), str(folder))
        record_command(folder, list(config.hydra.overrides.task))
        offer(config.hydra.launcher._target_, config.device)
