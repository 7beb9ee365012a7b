"""The commands by which the files of a study come to be, read from those files."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from enhance.metrics.registry import METRICS
from enhance.sweeps.folder import recorded_command

_COMMAND = ("python", "-m", "enhance")


def sweep_command(folder: Path) -> str:
    """The command of the sweep in a folder; empty where its files do not say."""
    overrides = recorded_command(folder)
    if overrides is None:
        return ""
    return shlex.join([*_COMMAND, "-m", *map(str, overrides), f"hydra.sweep.dir={folder}"])


def scores_command(table: Path, pairs: Path) -> str:
    """The command of `task=score` that made a table; empty where no document lies beside it.

    Args:
        table: a CSV of scores.
        pairs: what was scored: the folder of a sweep.
    """
    try:
        scorers = json.loads(table.with_suffix(".json").read_text(encoding="utf-8"))["scorers"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    metrics = ",".join(map(_named, scorers))
    parts = [*_COMMAND, "task=score", f"pairs={pairs}", f"metrics=[{metrics}]", *_weights(scorers), f"output={table}"]
    return shlex.join(parts)


def guide_command(sweeps: Sequence[Path], searches: Sequence[Path], scores: Sequence[Path], output: Path) -> str:
    """The command of `task=guide`."""
    named = {"sweep": sweeps, "search": searches, "scores": scores}
    lists = (f"{key}=[{','.join(map(str, paths))}]" for key, paths in named.items() if paths)
    return shlex.join([*_COMMAND, "task=guide", *lists, f"output={output}"])


def _named(scorer: Mapping[str, Any]) -> str:
    name = str(scorer["metric"])
    return f"{name}@{scorer['backbone']}" if name in METRICS and METRICS[name].deep else name


def _weights(scorers: Iterable[Mapping[str, Any]]) -> list[str]:
    """The files of weights, as settings."""
    found = {}
    for scorer in scorers:
        weights = str(scorer.get("from", ""))
        if scorer["metric"] not in METRICS or not Path(weights).suffix:
            continue  # pretrained, untrained or embedded
        if METRICS[scorer["metric"]].deep:
            found |= {"backbone": scorer["backbone"], "backbone.weights": weights}
        else:
            found["metric.weights"] = weights
    return [f"{key}={value}" for key, value in found.items()]
