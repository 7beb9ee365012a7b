"""Compare a student with its teacher: python -m research.distill.judge photos=DIR weights=FILE student=FILE.

Prints rank correlations of their scores of the photographs held out and, with guided=N, what optimising the student's
measure reaches, in the teacher's eyes, of what optimising the teacher's own reaches, over N photographs. A teacher's
figures are computed once and kept in the folder.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from enhance.utils.suggest import unknown
from research.distill.photographs import LEAST, DistillError, digest, divide
from research.distill.recipe import at_least, guarded, parse

if TYPE_CHECKING:
    from enhance.backbones.network import Backbone


@dataclass(frozen=True)
class Judgement:
    """Settings of python -m research.distill.judge, which compares a student with its teacher on the CPU.

    Attributes:
        photos: the folder of photographs of the distillation; those held out are judged.
        teacher: a backbone of five stages, e.g. vgg16 or vgg19.
        weights: the teacher's: `pretrained`, `untrained` or a file.
        student: weights of the student: `embedded`, or a file such as outputs/distill/student.safetensors.
        folder: where the teacher's figures are kept.
        judged: how many photographs are scored; 0: none.
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

    def __post_init__(self) -> None:
        at_least(self, judged=0, size=LEAST, guided=0, extent=LEAST, steps=0, threads=0)
        if not self.judged and not self.guided:
            raise DistillError("judged=0 leaves nothing to do; give guided=N too, or leave it out.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; a mistake ends with one sentence and exit code 2."""
    guarded(lambda: judge(parse(Judgement, sys.argv[1:] if arguments is None else arguments)))


def judge(given: Judgement) -> None:
    """Print what was found."""
    learned, held_out = divide(given.photos)
    import torch

    from enhance.backbones import compact
    from enhance.backbones.network import load
    from research.distill.agreement import agreement, scores_of, table
    from research.distill.distances import MEASURES
    from research.distill.guidance import settings
    from research.distill.kept import place

    measures = [name.strip() for name in given.measures.split(",")]
    if strange := [name for name in measures if name not in MEASURES]:
        raise DistillError(f"measures={given.measures}: {unknown('measure', strange[0], MEASURES)}")
    if given.threads:
        torch.set_num_threads(given.threads)
    teacher, student = load(given.teacher, given.weights), load(compact.NAME, given.student)
    folder, photographs = Path(given.folder).expanduser(), digest([*learned, *held_out])
    if judged := held_out[: given.judged]:
        ours = scores_of(student, judged, given.size)
        theirs = scores_of(teacher, judged, given.size, place(folder, "scores", teacher, photographs, given.size))
        print(table({measure: agreement(ours, theirs, measure) for measure in MEASURES}), flush=True)
    for measure in measures if given.guided else ():
        steps = given.steps or settings("white", measure).steps
        kept = place(folder, "guidance", teacher, photographs, given.extent, steps)
        _guide(given.extent, steps, measure, teacher, student, held_out[: given.guided], kept)


def _guide(
    extent: int, steps: int, measure: str, teacher: Backbone, student: Backbone, files: Sequence[Path], kept: Path
) -> None:
    from research.distill.guidance import TASKS, Guided, measured, reached
    from research.distill.kept import recall
    from research.distill.photographs import centre

    whole, part = measured(teacher, measure), measured(student, measure)
    for start in TASKS:
        ratios = []
        for file in files:
            reference = centre(file, extent)
            own = partial(reached, whole, whole, reference, start, steps)
            known = recall(kept / f"{measure}-{start}-{file.name}.json", own)
            found = Guided(known["start"], known["end"], reached(whole, part, reference, start, steps)["end"])
            ratios.append(found.ratio)
            losses = f"start {found.start:.4f}, teacher {found.teacher:.5f}, student {found.student:.5f}"
            print(f"{measure} {start} {file.stem}: {losses}, ratio {found.ratio:.3f}", flush=True)
        print(
            f"{measure} {start}, {steps} steps: mean ratio {sum(ratios) / len(ratios):.3f}, lowest {min(ratios):.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
