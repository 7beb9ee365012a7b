"""Compare a student with its teacher: python -m enhance.distill.judge photos=DIR weights=FILE.

Prints rank correlations of their scores of the photographs held out and, with guided=N, what optimising the student's
measure reaches, in the teacher's eyes, of what optimising the teacher's own reaches, over N photographs. A teacher's
figures are computed once and kept in the folder.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from enhance.distill.photographs import DistillError, divide
from enhance.distill.recipe import guarded, parse

if TYPE_CHECKING:
    from enhance.backbones.network import Backbone


@dataclass(frozen=True)
class Judgement:
    """Settings, each key=value.

    Attributes:
        photos: the folder of photographs of the distillation; those held out are judged.
        teacher, weights: the teacher, as in `Recipe`.
        student: `embedded`, or a file.
        folder: where the teacher's figures are kept.
        judged: how many photographs are scored.
        size: side of the middle part that is scored.
        guided: how many photographs are optimised from each start; 0: none.
        extent: side of the middle part that is optimised.
        steps: of an optimisation; 0: as many as the measure takes by default.
        measures: by which it goes, separated by commas.
        threads: CPU threads; 0 takes all.
    """

    photos: str = ""
    teacher: str = "vgg16"
    weights: str = "pretrained"
    student: str = "embedded"
    folder: str = "outputs/distill"
    judged: int = 60
    size: int = 160
    guided: int = 0
    extent: int = 128
    steps: int = 0
    measures: str = "deepjsd,deepskld,deepwsd"
    threads: int = 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; a mistake ends with one sentence and exit code 2."""
    guarded(lambda: judge(parse(Judgement, sys.argv[1:] if arguments is None else arguments)))


def judge(given: Judgement) -> None:
    """Print what was found."""
    _, held_out = divide(given.photos)
    import torch

    from enhance.backbones import compact
    from enhance.backbones.network import load
    from enhance.distill.agreement import MEASURES, agreement, cache_for, scores_of, table

    measures = given.measures.split(",")
    if strange := set(measures) - set(MEASURES):
        raise DistillError(
            f"measures={given.measures}: there is no {strange.pop()}; take some of {', '.join(MEASURES)}."
        )
    if given.threads:
        torch.set_num_threads(given.threads)
    teacher, student = load(given.teacher, given.weights), load(compact.NAME, given.student)
    folder = Path(given.folder).expanduser()
    if judged := held_out[: given.judged]:
        ours = scores_of(student, judged, given.size)
        theirs = scores_of(teacher, judged, given.size, cache_for(folder, teacher, given.size))
        print(table({measure: agreement(ours, theirs, measure) for measure in MEASURES}), flush=True)
    for measure in measures if given.guided else ():
        _guide(given, teacher, student, held_out[: given.guided], measure, folder)


def _guide(
    given: Judgement, teacher: Backbone, student: Backbone, files: Sequence[Path], measure: str, folder: Path
) -> None:
    from enhance.distill.guidance import TASKS, Guided, measured, reached, settings
    from enhance.distill.photographs import centre
    from enhance.files import write_json

    whole, part = measured(teacher, measure), measured(student, measure)
    steps = given.steps or settings("white", measure).steps
    name = f"guidance-{teacher.name}-{teacher.origin.sha256[:12]}-{given.extent}-{steps}"
    for start in TASKS:
        ratios = []
        for file in files:
            reference = centre(file, given.extent)
            kept = folder / name / f"{measure}-{start}-{file.stem}.json"
            if not kept.is_file():
                first, last = reached(whole, whole, reference, start, steps)
                write_json(kept, {"start": first, "end": last})
            known = json.loads(kept.read_text())
            _, ended = reached(whole, part, reference, start, steps)
            found = Guided(known["start"], known["end"], ended)
            ratios.append(found.ratio)
            losses = f"start {found.start:.4f}, teacher {found.teacher:.5f}, student {found.student:.5f}"
            print(f"{measure} {start} {file.stem}: {losses}, ratio {found.ratio:.3f}", flush=True)
        print(
            f"{measure} {start}, {steps} steps: mean ratio {sum(ratios) / len(ratios):.3f}, lowest {min(ratios):.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
