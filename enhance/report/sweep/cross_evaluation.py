"""Optimised with one measure, evaluated by all: scores and ranks of a sweep's results by each metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from enhance.report.numbers import quantity
from enhance.report.sweep.jobs import Job, Sweep
from enhance.utils.tables import csv_text


@dataclass(frozen=True)
class Cell:
    """The results of one method by one metric.

    Attributes:
        score: mean over the questions; infinite where PSNR is.
        rank: mean over the questions of the rank among all methods, 1 the best; ties share the mean of their ranks.
        share: 1 of the best rank that can be, 0 of the worst.
        own: whether the metric is the measure that was optimised.
        text: the score as people read it.
    """

    score: float
    rank: float
    share: float
    own: bool
    text: str


@dataclass(frozen=True)
class Line:
    """The results of one method.

    Attributes:
        method: what distinguishes it.
        cells: one for each metric.
        mean: mean rank over the metrics.
        by_others: the same, without the measure that was optimised.
    """

    method: str
    cells: list[Cell]
    mean: float
    by_others: float


@dataclass(frozen=True)
class CrossEvaluation:
    """Methods by metrics: each method's results as each metric scores and ranks them.

    Attributes:
        metrics: by name.
        lines: by mean rank by the others, best first.
        questions: over how many the means are: those that every method has answered.
        of: how many there are.
    """

    metrics: list[str]
    lines: list[Line]
    questions: int
    of: int

    def csv(self) -> str:
        """A row for each method and metric."""
        rows = [
            (line.method, metric, cell.score, cell.rank, line.mean, line.by_others, self.questions)
            for line in self.lines
            for metric, cell in zip(self.metrics, line.cells, strict=True)
        ]
        columns = ["optimised_with", "evaluated_by", "score", "rank", "mean_rank", "mean_rank_by_others", "questions"]
        return csv_text(columns, rows)


def cross_evaluation(sweep: Sweep, only: Sequence[Job] | None = None) -> CrossEvaluation | None:
    """The matrix of a sweep's finished jobs, or of some of them; None where there are no scores, fewer than two
    methods, or no question that every method has answered.

    Args:
        sweep: whose jobs name their methods.
        only: the jobs that count.
    """
    jobs = [job for job in (sweep.finished if only is None else only) if job.scores]
    methods = list(dict.fromkeys(sweep.method(job) for job in jobs))
    asked: dict[str, dict[str, Job]] = {}
    for job in jobs:
        asked.setdefault(job.question, {})[sweep.method(job)] = job
    complete = [answers for answers in asked.values() if len(answers) == len(methods)]
    if len(methods) < 2 or not complete:
        return None
    metrics = [metric for metric in jobs[0].scores if all(_known(job, metric) for job in jobs)]
    higher = {metric: jobs[0].metadata["scores"][metric]["higher_is_better"] for metric in metrics}
    ranks = {metric: _mean_ranks(complete, metric, higher[metric]) for metric in metrics}
    lines = [_line(method, complete, ranks) for method in methods]
    return CrossEvaluation(metrics, sorted(lines, key=lambda line: line.by_others), len(complete), len(asked))


def ranks(values: Mapping[str, float]) -> dict[str, float]:
    """The rank of each value, 1 the smallest; equal values share the mean of their ranks.

    Example:
        >>> ranks({"a": 3.0, "b": 1.0, "c": 3.0})
        {'a': 2.5, 'b': 1.0, 'c': 2.5}
    """
    return {
        name: 1 + sum(other < value for other in values.values()) + (list(values.values()).count(value) - 1) / 2
        for name, value in values.items()
    }


def _mean_ranks(questions: Sequence[Mapping[str, Job]], metric: str, higher: bool) -> dict[str, float]:
    """The mean rank of each method by a metric."""
    sign = -1 if higher else 1
    found = [ranks({method: sign * _score(job, metric) for method, job in each.items()}) for each in questions]
    return {method: fmean(each[method] for each in found) for method in found[0]}


def _line(method: str, questions: Sequence[Mapping[str, Job]], ranks: Mapping[str, Mapping[str, float]]) -> Line:
    own, worst = own_measure(questions[0][method]), len(questions[0])
    cells = []
    for metric, by_method in ranks.items():
        score, rank = fmean(_score(each[method], metric) for each in questions), by_method[method]
        share = (worst - rank) / (worst - 1)
        cells.append(Cell(score, rank, share, metric == own, quantity(metric).write(score, unit=False)))
    others = [cell.rank for cell in cells if not cell.own] or [cell.rank for cell in cells]
    return Line(method, cells, fmean(cell.rank for cell in cells), fmean(others))


def own_measure(job: Job) -> str:
    """The measure that a job was optimised with."""
    return str((job.metadata.get("metric") or {}).get("name", ""))


def _known(job: Job, metric: str) -> bool:
    """Whether a job's result has a score by a metric: null is a score of PSNR alone, where it is infinite."""
    return metric in job.scores and (metric == "psnr" or job.scores[metric] is not None)


def _score(job: Job, metric: str) -> float:
    """The score of a job's result; what is null is the PSNR of a result that is equal to the reference."""
    score = job.scores[metric]
    return math.inf if score is None else score
