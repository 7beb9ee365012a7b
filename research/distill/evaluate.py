"""Compare a student with its teacher: python -m research.distill.evaluate photos=DIR teacher=vgg19 student=FILE.

Prints rank correlations of their scores of the photographs held out and, with optimized=N, what optimising the
student's measure reaches of the loss reduction that optimising the teacher's own reaches, by the teacher's measure,
over N photographs. The teacher's numbers are computed once and kept in the folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from enhance.config.schema import Config, MetricConfig
from enhance.experiment.steps import steps
from research.distill.photographs import centre, digest, divide
from research.distill.settings import EvaluationSettings, run

if TYPE_CHECKING:
    from enhance.backbones.network import Backbone


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; a mistake ends with one sentence and exit code 2."""
    run(EvaluationSettings, evaluate, arguments)


def evaluate(settings: EvaluationSettings) -> None:
    """Print the comparison."""
    training, held_out = divide(settings.photos)
    import torch

    from enhance.backbones import compact
    from enhance.backbones.network import load
    from research.distill.agreement import agreements, scores_of, table
    from research.distill.cache import cache_folder

    if settings.threads:
        torch.set_num_threads(settings.threads)
    teacher, student = load(settings.teacher, settings.weights), load(compact.NAME, settings.student)
    folder, photographs = Path(settings.folder).expanduser(), digest([*training, *held_out])
    if files := held_out[: settings.scored]:
        cache = cache_folder(folder, "scores", teacher, photographs, settings.size)
        scores = scores_of(student, files, settings.size), scores_of(teacher, files, settings.size, cache)
        print(table(agreements(*scores)), flush=True)
    for measure in settings.measures if settings.optimized else ():
        count = steps(Config(metric=MetricConfig(measure), steps=settings.steps))
        cache = cache_folder(folder, "transfer", teacher, photographs, settings.optimized_size, count)
        _transfer(settings, measure, count, teacher, student, held_out[: settings.optimized], cache)


def _transfer(
    settings: EvaluationSettings,
    measure: str,
    count: int,
    teacher: Backbone,
    student: Backbone,
    files: Sequence[Path],
    cache: Path,
) -> None:
    from research.distill.cache import cached
    from research.distill.transfer import INITIAL, Transfer, losses, metric_of

    teachers, students = metric_of(teacher, measure), metric_of(student, measure)
    for initial in INITIAL:
        ratios = []
        for file in files:
            reference = centre(file, settings.optimized_size)
            own = partial(losses, teachers, teachers, reference, initial, count)
            known = cached(cache / f"{measure}-{initial}-{file.name}.json", own)
            final = losses(teachers, students, reference, initial, count)["final"]
            found = Transfer(known["initial"], known["final"], final)
            ratios.append(found.ratio)
            numbers = f"initial {found.initial:.4f}, teacher {found.teacher:.5f}, student {found.student:.5f}"
            print(f"{measure} {initial} {file.stem}: {numbers}, ratio {found.ratio:.3f}", flush=True)
        mean = sum(ratios) / len(ratios)
        print(f"{measure} {initial}, {count} steps: mean ratio {mean:.3f}, lowest {min(ratios):.3f}", flush=True)


if __name__ == "__main__":
    main()
