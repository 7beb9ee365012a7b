"""The tables behind the meaning of a score: those that come with the package, and those that were measured here.

A table that was measured here is kept beside the weights that torch keeps. Its name says what the metric was. A
function of the user may have changed since under the same name, so one score is computed anew and must agree.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from enhance.metrics.registry import METRICS
from enhance.scoring import degraded
from enhance.scoring.scorers import Scorer, described, prepare, score
from enhance.utils.files import write_json
from enhance.utils.machine import VERSION

SHIPPED = Path(__file__).with_name("meaning.json")
"""Written by `python -m benchmarks.meaning`."""
_FREE = (
    "weights",
    "from",
    "pretrained",
    "kernel",
)  # what a score does not depend on: the SHA-256 identifies the weights
_CHECKED = ("jpeg", 50)  # the degradation of the first photograph whose score shows whether a kept table is of a metric
_AGREES = 1e-3  # relative; devices and numbers of threads differ by less


@dataclass(frozen=True)
class Table:
    """Scores of known degradations by one metric.

    Attributes:
        metric: what it is, as `described` has it.
        levels: the strengths of each kind of degradation, from the weakest.
        mean, spread: of the scores over the photographs, at each level.
        best: score of equal images; NaN where that is not known.
    """

    metric: Mapping[str, Any]
    levels: Mapping[str, Sequence[float]]
    mean: Mapping[str, Sequence[float]]
    spread: Mapping[str, Sequence[float]]
    best: float

    @property
    def higher_is_better(self) -> bool:
        """Whether the metric is a similarity."""
        return self.metric["higher_is_better"]


def shipped(name: str) -> Table | None:
    """The table of a metric with its default settings that comes with the package, if there is one."""
    tables = _shipped()
    if name not in tables["metrics"]:
        return None
    return Table(**tables["metrics"][name], levels=tables["levels"], best=METRICS[name].best)


def table_of(scorer: Scorer) -> Table | None:
    """The table of the very metric of a scorer, with its settings and its weights: shipped, kept, or None."""
    about = described(scorer)
    found = shipped(about["metric"])
    if found and _identity(found.metric) == _identity(about):
        return found
    return _kept(scorer)


def measure(scorer: Scorer, done: Callable[[], None] = lambda: None) -> Table:
    """Measure the table of a metric.

    Args:
        scorer: the metric.
        done: called after each of the `degraded.images()`.

    Raises:
        ValueError: if the metric cannot compare the photographs, or has a score that is not finite.
    """
    (row,) = degraded.measured([scorer], degraded.LEVELS, done).values()
    return Table(**row, levels=degraded.LEVELS, best=_best(scorer))


def keep(scorer: Scorer, table: Table) -> Path:
    """Keep the table of a scorer's metric, where `table_of` finds it; returns its file.

    Raises:
        OSError: if the file cannot be written.
    """
    file = _file(scorer)
    values = {key: value for key, value in asdict(table).items() if key != "best"}  # JSON has no infinity
    write_json(file, {**values, "checked": _check_score(scorer)})
    return file


def _kept(scorer: Scorer) -> Table | None:
    file = _file(scorer)
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        expected = values.pop("checked")
        table = Table(**values, best=_best(scorer))
        agrees = math.isclose(_check_score(scorer), expected, rel_tol=_AGREES)
    except (OSError, ValueError, KeyError, TypeError):  # not there, no file of this program, or a metric that fails
        return None
    return table if agrees else None


def _check_score(scorer: Scorer) -> float:
    image = degraded.photograph(degraded.PHOTOGRAPHS[0])
    where = {"device": scorer.metric.device, "dtype": scorer.metric.dtype}
    found = score([scorer], degraded.degraded(image, *_CHECKED).to(**where), prepare([scorer], image.to(**where)))
    return found.item()


def _best(scorer: Scorer) -> float:
    unknown = math.nan if scorer.metric.higher_is_better else 0.0
    return getattr(scorer.metric, "best", unknown)


def _identity(about: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in about.items() if key not in _FREE}


def _file(scorer: Scorer) -> Path:
    known = json.dumps([VERSION, _identity(described(scorer))], sort_keys=True, default=str)
    digest = hashlib.sha256(known.encode()).hexdigest()[:16]
    return Path(torch.hub.get_dir()) / "enhance" / f"meaning-{digest}.json"


@cache
def _shipped() -> dict[str, Any]:
    return json.loads(SHIPPED.read_text(encoding="utf-8"))
