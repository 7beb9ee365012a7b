"""Which measure? A sweep with `judges=` as Markdown: every sentence and number comes from the sweep's files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from statistics import fmean
from types import MappingProxyType

from PIL import Image

from enhance.metrics.registry import METRICS, display_name
from enhance.report.run_data import reduced
from enhance.report.sweep import guide_tables as tables
from enhance.report.sweep.cross_evaluation import CrossEvaluation, cross_evaluation, own_measure
from enhance.report.sweep.jobs import Job, Sweep
from enhance.report.sweep.sheet import contact_sheet
from enhance.runs import layout as names
from enhance.utils.numbers import counted
from enhance.utils.tables import read_csv

_WIDE = 2400  # pixels of the picture's longer side
_MOVED = 0.5  # dB: a result that gained less PSNR than this on its initial image has hardly moved
_KEYS = ("reference", "image", "inputs")  # columns of a table of scores that are no scores


def guide(
    sweep: Sweep,
    searches: Sequence[Sweep] = (),
    picture: str = "",
    commands: Sequence[str] = (),
    weights: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The page.

    Args:
        sweep: its runs have `judges=`.
        searches: sweeps over the learning rate, one photograph each.
        picture: name of the picture beside the page; empty: there is none.
        commands: that made the files.
        weights: files with the weights of the networks of metrics, by metric.

    Raises:
        ValueError: if the sweep has no such scores, or no question that every measure has answered.
    """
    matrix = cross_evaluation(sweep)
    if matrix is None:
        raise ValueError(
            f"{sweep.folder} holds no question that two measures have answered with judges=; run recipes=guide."
        )
    tasks = list(dict.fromkeys(str(job.metadata.get("task")) for job in sweep.finished))
    by_task = {
        task: found
        for task in tasks
        if (found := cross_evaluation(sweep, [job for job in sweep.finished if job.metadata.get("task") == task]))
    }
    parts = [
        "# Which measure?",
        _introduction(sweep, matrix),
        "## Optimised with one, evaluated by all",
        tables.ranks(matrix, weights),
        "## By task",
        tables.tasks(matrix, by_task),
        *_figure(picture, matrix),
        "## What surprised",
        "\n".join(f"- {sentence}" for sentence in surprises(sweep, matrix, by_task)),
        "## Mean scores",
        tables.scores(matrix),
    ]
    if searches:
        parts += ["## The search for the rates", tables.rates(searches, tasks)]
    if commands:
        parts += ["## Run it again", "\n".join(["```bash", *commands, "```"])]
    return "\n\n".join(parts) + "\n"


def surprises(sweep: Sweep, matrix: CrossEvaluation, by_task: Mapping[str, CrossEvaluation]) -> list[str]:
    """What a reader would not expect, in sentences."""
    said = []
    first, last = matrix.lines[0], matrix.lines[-1]
    said.append(
        f"The images optimised with {display_name(first.method)} have the best mean rank by the other measures "
        f"({first.by_others:.1f} of {len(matrix.lines)}), those optimised with {display_name(last.method)} the worst "
        f"({last.by_others:.1f})."
    )
    for method, metrics in _preferred(matrix).items():
        one = len(metrics) == 1
        said.append(
            f"{tables.listed(metrics)} {'prefers' if one else 'prefer'} the images optimised with "
            f"{display_name(method)} to those optimised with {'itself' if one else 'themselves'}; in brackets the mean "
            f"rank of the latter, on a scale of 1 to {len(matrix.lines)}."
        )
    for task, found in by_task.items():
        if found.lines[0].method != first.method:
            said.append(f"In {task} it is {display_name(found.lines[0].method)} that ranks best by the others.")
    for task in by_task:
        if stuck := _hardly_moved(sweep, task):
            said.append(f"In {task} the PSNR did not rise by {_MOVED:g} dB, on the mean, with {tables.listed(stuck)}.")
    return said


def _preferred(matrix: CrossEvaluation) -> dict[str, list[str]]:
    """The metrics that prefer the results of another measure, by that measure, with the mean rank of their own."""
    found: dict[str, list[str]] = {}
    for place, metric in enumerate(matrix.metrics):
        own = next((line.cells[place] for line in matrix.lines if line.cells[place].own), None)
        best = min(matrix.lines, key=lambda line: line.cells[place].rank)
        if own and best.cells[place].rank < own.rank:
            found.setdefault(best.method, []).append(f"{tables.title(metric)} ({own.rank:.1f})")
    return found


def with_scores(sweep: Sweep, tables: Sequence[Path]) -> Sweep:
    """The jobs of a sweep whose results are in tables of scores, with the columns as further metrics.

    Raises:
        ValueError: if the tables hold no scores of the sweep's results, differ in their columns, or have a column that
            is no metric's, or one of the `judges=` of the runs.
        OSError: if one cannot be read.
    """
    known: dict[Path, dict[str, float]] = {}
    metrics: list[str] = []
    for table in tables:
        columns, rows = read_csv(table)
        found = [name for name in columns if name not in _KEYS]
        if strange := [name for name in found if name.partition("-")[0] not in METRICS]:
            raise ValueError(f"{table} has a column {strange[0]}, which is no metric's; leave it out.")
        if metrics and found != metrics:
            raise ValueError(
                f"{table} has the columns {', '.join(found)}, another has {', '.join(metrics)}; score anew."
            )
        metrics = found
        full = [row for row in rows if row["image"] and all(row[name] for name in metrics)]
        known |= {Path(row["image"]).resolve(): {name: float(row[name]) for name in metrics} for row in full}
    if twice := [name for name in metrics if any(name in job.scores for job in sweep.finished)]:
        raise ValueError(f"{twice[0]} is one of the judges= of the runs already; leave it out of the tables of scores.")
    results = {job.folder: (job.folder / names.RESULT).resolve() for job in sweep.finished}
    jobs = [_scored(job, known[results[job.folder]]) for job in sweep.finished if results[job.folder] in known]
    if not metrics or not jobs:
        raise ValueError(f"{', '.join(map(str, tables))} holds no scores of the results in {sweep.folder}.")
    return replace(sweep, jobs=jobs)


def picture(sweep: Sweep) -> bytes | None:
    """A JPEG of the results of all measures for the photograph of the first job: a line for each task."""
    reference = next((job.settings.get("reference") for job in sweep.finished), None)
    jobs = [job for job in sweep.jobs if job.settings.get("reference") == reference]
    sheet = contact_sheet(Sweep(sweep.folder, jobs, [key for key in sweep.varying if key != "reference"]))
    if sheet is None:
        return None
    stream = BytesIO()
    reduced(Image.open(BytesIO(sheet)).convert("RGB"), _WIDE).save(stream, "JPEG", quality=88)
    return stream.getvalue()


def _scored(job: Job, scores: Mapping[str, float]) -> Job:
    best = {**job.metadata["best"], "scores": job.scores | dict(scores)}
    about = {name: {"higher_is_better": _higher(name)} for name in scores}
    return replace(job, metadata=job.metadata | {"best": best, "scores": job.metadata["scores"] | about})


def _higher(column: str) -> bool:
    """Whether higher scores of a column are better: `ssim`, or `deepwsd-vgg16`."""
    return METRICS[column.partition("-")[0]].higher_is_better


def _introduction(sweep: Sweep, matrix: CrossEvaluation) -> str:
    jobs = sweep.finished
    references = sorted({str(job.metadata.get("reference")) for job in jobs})
    tasks = list(dict.fromkeys(f"{job.metadata.get('task')} (from {job.metadata.get('start')})" for job in jobs))
    sides = {min(job.metadata.get("width", 0), job.metadata.get("height", 0)) for job in jobs}
    steps = {job.metadata.get("steps") for job in jobs} - {None}
    length = f", in {steps.pop()} steps each" if len(steps) == 1 else ""
    deep = [job.metadata for job in jobs if (row := METRICS.get(own_measure(job))) and row.deep]
    backbones = {(metadata.get("backbone") or {}).get("name") for metadata in deep} - {None}
    seen = f"Deep measures look through {tables.listed(sorted(backbones))}. " if backbones else ""
    pairs = counted(matrix.questions, "pair")
    if matrix.of > matrix.questions:
        pairs = f"{matrix.questions} of {matrix.of} pairs"
    return (
        f"{len(matrix.lines)} measures as objectives, {len(matrix.metrics)} as evaluation metrics: {len(jobs)} runs "
        f"that each move one image towards its reference by one measure alone{length}. With the reference at hand "
        "all of them have the same optimum; what differs is the way there, where it ends, and what a measure does not "
        "see on it.\n\n"
        f"Tasks: {tables.listed(tasks)}. Photographs: {tables.listed(references)}, the shorter side "
        f"{tables.listed(sorted(sides))} pixels. {seen}Every figure is over "
        f"the {pairs} of task and photograph that every measure has been run on."
    )


def _figure(picture: str, matrix: CrossEvaluation) -> list[str]:
    if not picture:
        return []
    return [f"![The results of {len(matrix.lines)} measures, a line for each task]({picture})"]


def _hardly_moved(sweep: Sweep, task: str) -> list[str]:
    """The measures whose results gained next to nothing in PSNR on their initial images, on the mean."""
    gains: dict[str, list[float]] = {}
    for job in sweep.finished:
        before, after = job.metadata.get("initial", {}).get("psnr"), job.result("psnr")
        if job.metadata.get("task") == task and before is not None and after is not None:
            gains.setdefault(sweep.method(job), []).append(after - before)
    return [display_name(method) for method, values in gains.items() if fmean(values) < _MOVED]
