"""The evaluation of metrics: correlations over all images and by distortion type, comparisons; as CSV and JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from enhance.evaluation.statistics import MEASURES, Agreement, Comparison, agreement, compare, draw, orientation
from enhance.evaluation.subjective_scores import Data
from enhance.utils.files import write_json, write_text
from enhance.utils.numbers import finite
from enhance.utils.tables import csv_text

ALL = "all"


@dataclass(frozen=True)
class Evaluation:
    """The result of `evaluate`.

    Attributes:
        agreements: by metric, then by distortion type; `all` comes first.
        directions: by metric, "rises" or "falls": its scores as the subjective scores rise.
        comparisons: of all pairs of metrics, over all rows.
        resamples: number of bootstrap resamples.
        seed: of the resamples.
    """

    data: Data
    agreements: dict[str, dict[str, Agreement]]
    directions: dict[str, str]
    comparisons: list[Comparison]
    resamples: int
    seed: int


def evaluate(data: Data, resamples: int, seed: int, tick: Callable[[str], None] = lambda metric: None) -> Evaluation:
    """Correlations of every metric with the subjective scores, over all rows and for each distortion type.

    Args:
        data: complete rows.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        tick: called with the name of each metric before its correlations are computed.

    Example:
        >>> mos = np.linspace(1, 5, 20)
        >>> data = Data([f"{n}.png" for n in range(20)], {"psnr": 20 + mos**2}, mos, "mos", [], [])
        >>> found = evaluate(data, resamples=100, seed=0)
        >>> found.directions, round(found.agreements["psnr"]["all"].values["srcc"], 4)
        ({'psnr': 'rises'}, 1.0)
    """
    groups = {ALL: np.arange(len(data.subjective))}
    if len(set(data.types)) > 1:
        types = np.array(data.types)
        groups |= {name: np.flatnonzero(types == name) for name in sorted(set(data.types), key=_natural)}
    counts = {name: draw(len(rows), resamples, seed) for name, rows in groups.items()}
    signs = {metric: orientation(scores, data.subjective) for metric, scores in data.scores.items()}
    agreements: dict[str, dict[str, Agreement]] = {}
    for metric, scores in data.scores.items():
        tick(metric)
        agreements[metric] = {
            name: agreement(scores[rows], data.subjective[rows], signs[metric], counts[name])
            for name, rows in groups.items()
        }
    overall = {metric: found[ALL] for metric, found in agreements.items() if found[ALL].resampled.size}
    directions = {metric: "rises" if sign > 0 else "falls" for metric, sign in signs.items()}
    return Evaluation(data, agreements, directions, compare(overall), resamples, seed)


def write(evaluation: Evaluation, folder: Path) -> list[Path]:
    """The paths of `correlations.csv`, `comparisons.csv` and `evaluation.json`, written into `folder`."""
    header = ["metric", "type", "images", "direction"]
    header += [name for measure in MEASURES for name in (measure, f"{measure}_low", f"{measure}_high")]
    header += ["b1", "b2", "b3", "b4", "b5", "monotone", "note"]
    rows = []
    for metric, found in evaluation.agreements.items():
        for name, one in found.items():
            values = [value for key in MEASURES for value in (one.values[key], *one.intervals[key])]
            curve = [*one.curve.parameters, one.curve.monotone] if one.curve else [""] * 6
            rows.append([metric, name, one.count, evaluation.directions[metric], *map(_text, values), *curve, one.note])
    paths = [folder / "correlations.csv", folder / "comparisons.csv", folder / "evaluation.json"]
    write_text(paths[0], csv_text(header, rows))
    compared = [
        [c.first, c.second, c.difference, *c.interval, c.p, c.p_holm, c.significant] for c in evaluation.comparisons
    ]
    write_text(
        paths[1],
        csv_text(["first", "second", "srcc_difference", "low", "high", "p", "p_holm", "significant"], compared),
    )
    write_json(paths[2], summary(evaluation))
    return paths


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """The content of `evaluation.json`; an undefined value is null."""
    return {
        "subjective_column": evaluation.data.subjective_column,
        "images": len(evaluation.data.images),
        "left_out": evaluation.data.notes,
        "bootstrap": {"resamples": evaluation.resamples, "seed": evaluation.seed, "confidence": 0.95},
        "metrics": {
            metric: {
                "direction": evaluation.directions[metric],
                "types": {name: _agreement(one) for name, one in found.items()},
            }
            for metric, found in evaluation.agreements.items()
        },
        "comparisons": [
            {
                "first": c.first,
                "second": c.second,
                "srcc_difference": c.difference,
                "interval": [finite(end) for end in c.interval],
                "p": c.p,
                "p_holm": c.p_holm,
                "significant": c.significant,
            }
            for c in evaluation.comparisons
        ],
    }


def _agreement(one: Agreement) -> dict[str, Any]:
    values = {
        name: {"value": finite(one.values[name]), "interval": [finite(end) for end in one.intervals[name]]}
        for name in MEASURES
    }
    curve = {"parameters": list(one.curve.parameters), "monotone": one.curve.monotone} if one.curve else None
    return {"images": one.count, **values, "logistic": curve, **({"note": one.note} if one.note else {})}


def _text(value: float) -> float | str:
    return value if math.isfinite(value) else ""


def _natural(name: str) -> tuple[float, str]:
    return (float(name), "") if name.replace(".", "", 1).isdigit() else (math.inf, name)
