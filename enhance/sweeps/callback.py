"""Hydra tells this of the beginning and the end of a sweep."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

if TYPE_CHECKING:
    from enhance.sweeps.jobs import Sweep

_log = logging.getLogger(__name__)


class Summary(Callback):
    """Writes down what was typed, and in the end what came of it."""

    under_way: Path | None = None  # the sweep of this process whose end Hydra has not told
    summarised: Sweep | None = None  # the one whose end it has told

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        from enhance.sweeps.folder import begin

        Summary.under_way = Path(config.hydra.sweep.dir)
        begin(Summary.under_way, list(config.hydra.overrides.task))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        Summary.conclude()

    @classmethod
    def conclude(cls) -> bool:
        """Summarise the sweep that is under way; False where none is."""
        from enhance.sweeps.summary import summarise

        folder, cls.under_way = cls.under_way, None
        if folder is None:
            return False
        try:
            cls.summarised = summarise(folder)
        except (ValueError, OSError) as error:  # the jobs stand, whatever becomes of their summary
            _log.error("The sweep has no summary: %s", error)
        return True
