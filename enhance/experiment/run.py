"""One run from its settings: inputs are read, the image is optimised, the recorder writes the results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch

from enhance.config.schema import DUEL, Config
from enhance.experiment.checks import check
from enhance.experiment.duel import run_duel
from enhance.experiment.metrics import evaluation_metrics, terms
from enhance.experiment.optimization import Optimization
from enhance.experiment.recording import conclude, concluded, followed, record, set_up
from enhance.optim.determinism import deterministic
from enhance.runs import layout as names
from enhance.runs.errors import explained
from enhance.runs.loggers import check_loggers
from enhance.utils.files import lock, remove_partial

__all__ = ["conclude", "run"]

_log = logging.getLogger(__name__)

Kind = Callable[[Config, Path, str, bool], float]


def run(config: Config, folder: Path, command: str, resume: bool = False) -> float:
    """Run one experiment and leave its results in `folder`.

    Args:
        config: the settings.
        folder: an existing folder of its own.
        command: what the user typed, for the record.
        resume: go on from the checkpoint in the folder; from the beginning if it has none. Where all steps are made,
            what is missing of the figures is drawn.

    Returns:
        The objective: the best loss; of a duel, see `enhance.experiment.duel`.

    Raises:
        ValueError: one sentence about what is wrong with the settings, the files, the weights or the checkpoint.
        OSError: if the folder cannot be written any more; the run can go on from what it has.
        KeyboardInterrupt: after Ctrl-C, once everything so far has been written.
    """
    check(config)
    check_loggers(config.logger)
    with lock(folder):
        if resume:
            remove_partial(folder)
        elif found := names.existing_output(folder):
            raise ValueError(f"{folder} holds a {found} already; name another folder, or resume the run in it.")
        fixed = deterministic(config.deterministic, _log.warning)
        with explained(config.compile), _threads(config.threads), fixed:
            return _KINDS.get(config.task.name, _run)(config, folder, command, resume)


def _run(config: Config, folder: Path, command: str, resume: bool) -> float:
    if resume and (made := concluded(folder, command, config.figures)):
        return float(made["best"]["loss"])
    setup = set_up(config, command)
    optimization = Optimization(config, terms(config, setup.metrics), setup.inputs, setup.device)
    evaluation = evaluation_metrics(config, optimization.reference)
    with followed(config.live, folder):
        results = record(setup, optimization, evaluation, folder, resume)
    return float(results["best"]["loss"])


_KINDS: Mapping[str, Kind] = {DUEL: run_duel}


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """The number of CPU threads, given back afterwards."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
