"""The tables of the guide, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from enhance.metrics.registry import METRICS, display_name
from enhance.report.numbers import quantity
from enhance.report.sweep.cross_evaluation import CrossEvaluation
from enhance.report.sweep.jobs import Sweep


def ranks(matrix: CrossEvaluation, weights: Mapping[str, str] = MappingProxyType({})) -> str:
    """Mean ranks: optimised with one, evaluated by all.

    Args:
        matrix: what is shown.
        weights: files with the weights of the networks of metrics, by metric.
    """
    heads = ["optimised with", *map(title, matrix.metrics), "by the others"]
    rows = [
        [
            display_name(line.method),
            *(f"_{cell.rank:.1f}_" if cell.own else f"{cell.rank:.1f}" for cell in line.cells),
            f"**{line.by_others:.2f}**",
        ]
        for line in matrix.lines
    ]
    note = (
        f"Mean rank of the results among the {len(matrix.lines)}, 1 the best, by each metric (columns). In italics: a "
        "measure that evaluates itself, which the last column leaves out."
    )
    if "psnr" in matrix.metrics and any(line.method == "mse" for line in matrix.lines):
        note += " PSNR is MSE on another scale, yet counts as another: it flatters MSE there."
    if further := [title(metric) for metric in matrix.metrics if "-" in metric]:
        note += f" {listed(further)}: scores of the results' files by `task=score`, in another backbone "
        note += "than that of the runs."
    if weights:
        note += f" The networks of {listed(map(title, weights))} have the weights of "
        note += f"{listed(dict.fromkeys(weights.values()))}: their scores are the published ones only if these are "
        note += "torchvision's, on which their heads were trained."
    return f"{_markdown(heads, rows)}\n\n{note}"


def tasks(matrix: CrossEvaluation, by_task: Mapping[str, CrossEvaluation]) -> str:
    """Mean rank by the others and PSNR, task by task."""
    places = {task: {line.method: line for line in found.lines} for task, found in by_task.items()}
    psnr = matrix.metrics.index("psnr") if "psnr" in matrix.metrics else None
    heads = ["optimised with", *(f"{task}: rank by the others" for task in by_task)]
    heads += [f"{task}: PSNR" for task in by_task] if psnr is not None else []
    rows = []
    for line in matrix.lines:
        found = [lines[line.method] for lines in places.values()]
        row = [display_name(line.method), *(f"{each.by_others:.1f}" for each in found)]
        rows.append(row + ([each.cells[psnr].text for each in found] if psnr is not None else []))
    return _markdown(heads, rows)


def scores(matrix: CrossEvaluation) -> str:
    """Mean scores: optimised with one, evaluated by all."""
    rows = [[display_name(line.method), *(cell.text for cell in line.cells)] for line in matrix.lines]
    return _markdown(["optimised with", *map(title, matrix.metrics)], rows)


def rates(searches: Iterable[Sweep], tasks: Iterable[str] = ()) -> str:
    """The lowest loss of each measure at each rate, task by task; `tasks` without a search are named."""
    found: dict[str, dict[str, dict[float, float]]] = {}
    where = set()
    for job in (job for sweep in searches for job in sweep.finished):
        rate, loss = job.metadata["optimizer"]["learning_rate"], job.result("loss")
        if rate is not None and loss is not None:
            measure = str(job.metadata["metric"]["name"])
            found.setdefault(str(job.metadata.get("task")), {}).setdefault(measure, {})[float(rate)] = loss
            where.add(str(job.metadata.get("reference")))
    parts = [
        f"On {listed(sorted(where))} alone, each measure at several learning rates with its own number of steps; the "
        "rate of its lowest own loss is bold. A bold number at the edge of the search may not be the best there is."
    ]
    if without := [task for task in tasks if task not in found]:
        parts[0] += f" No search was made in {listed(without)}: the rates there are those that the recipe gives."
    for task, measures in found.items():
        tried = sorted({rate for losses in measures.values() for rate in losses})
        rows = [
            [display_name(measure), *(_loss(losses, rate, min(losses.values())) for rate in tried)]
            for measure, losses in measures.items()
        ]
        parts.append(_markdown([f"{task}: loss at rate", *(f"{rate:g}" for rate in tried)], rows))
    return "\n\n".join(parts)


def _loss(losses: Mapping[float, float], rate: float, best: float) -> str:
    if rate not in losses:
        return ""
    written = quantity("loss").write(losses[rate])
    return f"**{written}**" if losses[rate] == best else written


def title(metric: str) -> str:
    """The name of a metric, `deepwsd` or the column `deepwsd-vgg16`."""
    name, _, backbone = metric.partition("-")
    return display_name(name, backbone) if name in METRICS else display_name(metric)


def listed(items: Iterable[Any]) -> str:
    """Items in a sentence.

    Example:
        >>> listed(["a", "b", "c"])
        'a, b and c'
    """
    *most, last = [*map(str, items)] or ["none"]
    return f"{', '.join(most)} and {last}" if most else last


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
