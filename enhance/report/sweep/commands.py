"""The commands that make the files of a study, read from those files."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from enhance.metrics.registry import METRICS
from enhance.runs.sweep import recorded_command

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
    scorers = _scorers(table)
    if not scorers:
        return ""
    metrics = ",".join(map(_named, scorers))
    weights = [f"{key}={value}" for key, value in _weights(scorers).items()]
    return shlex.join([*_COMMAND, "task=score", f"pairs={pairs}", f"metrics=[{metrics}]", *weights, f"output={table}"])


def weights_files(table: Path) -> dict[str, str]:
    """The files of weights of the networks of LPIPS and DISTS in a table of scores, by column."""
    found = {str(scorer["column"]): _weights([scorer]).get("metric.weights") for scorer in _scorers(table)}
    return {column: Path(file).name for column, file in found.items() if file}


def guide_command(sweeps: Sequence[Path], searches: Sequence[Path], scores: Sequence[Path], output: Path) -> str:
    """The command of `task=guide`."""
    named = {"sweep": sweeps, "search": searches, "scores": scores}
    lists = (f"{key}=[{','.join(map(str, paths))}]" for key, paths in named.items() if paths)
    return shlex.join([*_COMMAND, "task=guide", *lists, f"output={output}"])


def _scorers(table: Path) -> list[dict[str, Any]]:
    """What the columns of a table of scores are; nothing where no document lies beside it."""
    try:
        return json.loads(table.with_suffix(".json").read_text(encoding="utf-8"))["scorers"]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _named(scorer: Mapping[str, Any]) -> str:
    name = str(scorer["metric"])
    return f"{name}@{scorer['backbone']}" if name in METRICS and METRICS[name].deep else name


def _weights(scorers: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The settings that name files of weights."""
    found: dict[str, str] = {}
    for scorer in scorers:
        weights = str(scorer.get("from", ""))
        if scorer["metric"] not in METRICS or not Path(weights).suffix:
            continue  # pretrained, untrained or embedded
        if METRICS[scorer["metric"]].deep:
            found |= {"backbone": scorer["backbone"], "backbone.weights": weights}
        else:
            found["metric.weights"] = weights
    return found
