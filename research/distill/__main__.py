"""python -m research.distill photos=DIR teacher=vgg16 weights=FILE."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from research.distill.photographs import digest, divide
from research.distill.recipe import Recipe, guarded, parse

if TYPE_CHECKING:
    from torch import Tensor


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; a mistake ends with one sentence and exit code 2."""
    guarded(lambda: distill(parse(Recipe, sys.argv[1:] if arguments is None else arguments)))


def distill(recipe: Recipe) -> None:
    """Teacher's targets, student, images that it leads, student again, judgement, card: each goes on where it ended."""
    learned, held_out = divide(recipe.photos)
    import torch

    from enhance.backbones import compact
    from enhance.backbones.network import load
    from enhance.utils.files import lock, remove_partial, write_bytes, write_text
    from research.distill.agreement import agreement, scores_of
    from research.distill.card import Facts, card
    from research.distill.crops import group
    from research.distill.distances import MEASURES
    from research.distill.kept import place, say, watched
    from research.distill.led import led
    from research.distill.targets import Teacher
    from research.distill.training import Second, check, train

    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    network = load(recipe.teacher, recipe.weights, seed=recipe.seed)
    photographs = digest([*learned, *held_out])
    first = load(compact.NAME, recipe.begin) if recipe.begin else None
    identity = recipe.identity(photographs, network.origin.sha256, first.origin.sha256 if first else "")
    folder = Path(recipe.folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder):
        remove_partial(folder)
        check(folder, identity)
        teacher: Teacher | None = None

        def measured(kind: str, count: int, make: Callable[[int], Tensor]) -> list[Path]:
            """Files of the teacher's targets of so many groups; those that are there and whole are not made again."""
            nonlocal teacher
            targets = place(folder, kind, network, photographs, recipe.crop, recipe.seed)
            files = [targets / f"{index:06d}.npz" for index in range(count)]
            if missing := [index for index, file in enumerate(files) if not zipfile.is_zipfile(file)]:
                teacher = teacher or Teacher(network, learned, recipe.crop, recipe.seed)
                for index in watched(missing, f"{recipe.teacher} measures {len(missing)} groups of {kind}"):
                    teacher(make(index)).save(files[index])
            return files

        files = measured("targets", recipe.groups, lambda index: group(learned, recipe.crop, recipe.seed, index))
        file = folder / "student.safetensors"
        so_far = folder / "first.safetensors" if recipe.led else file
        seconds = 0.0
        if not first:
            student = train(recipe, identity, files, folder, say)
            write_bytes(so_far, student.weights())
            seconds += student.seconds
        if recipe.led:
            leader = first or load(compact.NAME, so_far)
            name = leader.origin.sha256
            paths = measured(
                f"led-{name[:12]}", recipe.led, lambda index: led(learned, leader, recipe.crop, recipe.seed, index)
            )
            state = {key.removeprefix("stages."): value for key, value in leader.state_dict().items()}
            student = train(recipe, identity, files, folder, say, Second(paths, state, name))
            write_bytes(file, student.weights())
            seconds += student.seconds
        judged = held_out[: recipe.judged]
        own = load(compact.NAME, file)
        ours = scores_of(own, judged, recipe.size)
        theirs = scores_of(network, judged, recipe.size, place(folder, "scores", network, photographs, recipe.size))
        facts = Facts(
            origin=network.origin.name,
            teacher=network.origin.sha256,
            begin=identity["begin"],
            photographs=photographs,
            student=own.origin.sha256,
            size=file.stat().st_size,
            parameters=sum(p.numel() for p in own.parameters()),
            learned=len(learned),
            held=len(held_out),
            judged=len(judged),
            seconds=seconds,
            torch=torch.__version__,
        )
        agreements = {measure: agreement(ours, theirs, measure) for measure in MEASURES}
        write_text(folder / "student.md", card(recipe, facts, agreements))
    print(file)


if __name__ == "__main__":
    main()
