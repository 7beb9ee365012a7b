"""Loggers of other programs that a run may also write to: one, `logger=tensorboard`, or several, `logger=[NAME,NAME]`.

They consume the rows that the recorder wrote and change nothing of the run. One that fails is left out from there on,
with one warning.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, Self

from torch import Tensor

from enhance.runs.history import Row
from enhance.utils.errors import SettingsError
from enhance.utils.numbers import finite
from enhance.utils.suggest import unknown

_log = logging.getLogger(__name__)

LOGGERS: dict[str, str] = {
    "mlflow": "enhance.runs.loggers.mlflow_run:MLflow",
    "tensorboard": "enhance.runs.loggers.tensorboard:TensorBoard",
    "wandb": "enhance.runs.loggers.weights_and_biases:WeightsAndBiases",
}
"""Where each logger is; the name is that of its YAML in conf/logger and of its extra."""


class Logger(Protocol):
    """What a logger does. Its constructor begins or, after `resume`, goes on.

    Args:
        folder: of the run.
        settings: of the whole run, nested.
        first: the step that is logged first; above 0 in a run that goes on.
        The settings of its YAML follow, by name.
    """

    def log(self, step: int, scalars: Mapping[str, float], image: Tensor | None) -> None:
        """Write the finite figures of a step and, of a frame, its image (3, H, W) in [0, 1]."""
        ...

    def finish(self, figures: Mapping[str, float]) -> None:
        """Write the figures of the best image and close."""
        ...


class Loggers:
    """All loggers of a run. No failure of theirs is raised.

    Args:
        chosen: settings by name, as `Config.logger` has them.
        folder: of the run.
        settings: of the whole run.
        first: the step that is logged first.

    Example:
        >>> with Loggers({}, Path(), {}, 0) as loggers:
        ...     loggers.names
        []
    """

    def __init__(self, chosen: Mapping[str, Any], folder: Path, settings: Mapping[str, Any], first: int) -> None:
        self._running: dict[str, Logger] = {}
        for name, own in chosen.items():
            if made := self._tried(name, "start", lambda name=name, own=own: _make(name, own, folder, settings, first)):
                self._running[name] = made
        self._figures: dict[str, float] = {}

    @property
    def names(self) -> list[str]:
        """Those that have not failed."""
        return list(self._running)

    def log(self, row: Row, image: Tensor | None = None) -> None:
        """Pass on what was recorded of a step.

        Args:
            row: of the history.
            image: (1, 3, H, W) in [0, 1], of a step that is kept as a frame.
        """
        if not self._running:
            return
        scalars, shown = _scalars(row), None if image is None else image.detach()[0].float().cpu()
        for name, logger in list(self._running.items()):
            self._tried(name, "write", lambda logger=logger: logger.log(row.step, scalars, shown))

    def conclude(self, best: Mapping[str, Any]) -> None:
        """The figures of the best image, as metrics.json has them, for `finish`."""
        self._figures = {
            f"best/{name}": value for name in ("loss", "score", "psnr", "ssim") if (value := best.get(name)) is not None
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name, logger in list(self._running.items()):
            self._tried(name, "finish", lambda logger=logger: logger.finish(self._figures))

    def _tried(self, name: str, doing: str, act: Callable[[], Any]) -> Any:
        """What `act` returns; where it fails, one warning, and the logger takes no further part."""
        try:
            return act()
        except (Exception, SystemExit) as error:  # whatever another program raises, the run goes on
            self._running.pop(name, None)
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            missing = isinstance(error, ImportError)
            remedy = f"; pip install 'enhance[{name}]' installs what it needs" if missing else ""
            _log.warning("logger=%s cannot %s: %s%s. The run goes on without it.", name, doing, reason, remedy)
            return None


def check_loggers(chosen: Mapping[str, Any]) -> None:
    """Check that every logger is known.

    Raises:
        SettingsError: one sentence that names the nearest.
    """
    for name in chosen:
        if name not in LOGGERS:
            raise SettingsError(unknown("logger", name, LOGGERS))


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by their full dotted names, for programs that take plain values: lists as text, null left out.

    Example:
        >>> flat({"metric": {"name": "deepjsd", "best": None}, "betas": [0.9, 0.99]})
        {'metric.name': 'deepjsd', 'betas': '[0.9, 0.99]'}
    """
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        elif value is not None:
            found[prefix + key] = value if isinstance(value, (bool, int, float, str)) else str(value)
    return found


def _make(name: str, own: Mapping[str, Any] | None, folder: Path, settings: Mapping[str, Any], first: int) -> Logger:
    module, _, kind = LOGGERS[name].partition(":")
    return getattr(import_module(module), kind)(folder, settings, first, **dict(own or {}))


def _scalars(row: Row) -> dict[str, float]:
    """The figures of a row that are finite: other programs draw no infinity."""
    values = {"loss": row.loss, "score": row.score, "psnr": row.psnr, "ssim": row.ssim, "learning_rate": row.lr}
    for group in ("terms", "scores"):
        values |= {f"{group}/{name}": value for name, value in getattr(row, group).items()}
    return {name: value for name, value in values.items() if finite(value) is not None}
