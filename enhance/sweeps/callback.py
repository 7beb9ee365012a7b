"""Hydra tells this of the beginning and the end of a sweep."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

_log = logging.getLogger(__name__)


class Summary(Callback):
    """Writes down what was typed, and in the end what came of it."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        from enhance.sweeps.folder import begin

        begin(Path(config.hydra.sweep.dir), list(config.hydra.overrides.task))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from enhance.sweeps.summary import summarise

        try:
            summarise(Path(config.hydra.sweep.dir))
        except (ValueError, OSError) as error:  # the jobs stand, whatever becomes of their summary
            _log.error("The sweep has no summary: %s", error)
