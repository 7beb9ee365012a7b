"""MLflow, by its client, which has no current run: runs in several threads do not disturb each other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow.tracking import MlflowClient  # type: ignore[import-not-found]
from torch import Tensor

from enhance.images.arrays import to_array
from enhance.runs.loggers import flat

_LONGEST = 6000  # characters of a parameter that MLflow takes
_OF = "enhance.folder"  # the tag by which a resumed run is found


class MLflow:
    """A run of MLflow: parameters, metrics, frames as artifacts.

    Args:
        folder: of the run.
        settings: of the whole run.
        first: the step that is logged first; above 0 the run of MLflow goes on.
        tracking_uri: of a server or a store; None: the environment's, else a database in the run's folder.
        experiment: the name; made where it is not there.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, Any], first: int, *, tracking_uri: str | None, experiment: str
    ) -> None:
        place = folder.resolve()
        own = tracking_uri is None and "MLFLOW_TRACKING_URI" not in os.environ
        self._client = MlflowClient(f"sqlite:///{(place / 'mlflow.db').as_posix()}" if own else tracking_uri)
        known = self._client.get_experiment_by_name(experiment)
        artifacts = (place / "mlflow").as_uri() if own else None
        where = known.experiment_id if known else self._client.create_experiment(experiment, artifacts)
        found = self._client.search_runs([where], f"tags.`{_OF}` = '{place.as_posix()}'") if first else []
        if found:
            self._run = found[0].info.run_id
            return
        self._run = self._client.create_run(where, tags={_OF: place.as_posix()}, run_name=folder.name).info.run_id
        for name, value in flat(settings).items():
            self._client.log_param(self._run, name, str(value)[:_LONGEST])

    def log(self, step: int, scalars: Mapping[str, float], image: Tensor | None) -> None:
        """Write the figures of a step and the image of a frame."""
        for name, value in scalars.items():
            self._client.log_metric(self._run, name, value, step=step)
        if image is not None:
            self._client.log_image(self._run, to_array(image[None]), f"frames/step_{step:06d}.png")

    def finish(self, figures: Mapping[str, float]) -> None:
        """Write the figures of the best image and end the run: finished, or killed where there are none."""
        for name, value in figures.items():
            self._client.log_metric(self._run, name, value)
        self._client.set_terminated(self._run, "FINISHED" if figures else "KILLED")
