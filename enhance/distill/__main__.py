"""python -m enhance.distill photos=DIR teacher=vgg16 weights=FILE."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from enhance.distill.photographs import divide
from enhance.distill.recipe import Recipe, guarded, parse

if TYPE_CHECKING:
    from torch import Tensor


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; a mistake ends with one sentence and exit code 2."""
    guarded(lambda: distill(parse(Recipe, sys.argv[1:] if arguments is None else arguments)))


def distill(recipe: Recipe) -> None:
    """Teacher's targets, student, images that it leads, student again, judgement, card: each goes on where it was
    ended.
    """
    learned, held_out = divide(recipe.photos)
    import torch

    from enhance.backbones import compact
    from enhance.backbones.network import Backbone, load
    from enhance.distill.agreement import MEASURES, agreement, cache_for, scores_of
    from enhance.distill.card import Facts, card
    from enhance.distill.crops import group
    from enhance.distill.led import led
    from enhance.distill.targets import Teacher
    from enhance.distill.training import Second, train
    from enhance.files import held, sweep, write_bytes, write_text

    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    network = load(recipe.teacher, recipe.weights, seed=recipe.seed)
    folder = Path(recipe.folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        sweep(folder)
        teacher: Teacher | None = None

        def measured(kind: str, count: int, group: Callable[[int], Tensor]) -> list[Path]:
            """Files of the teacher's targets of so many groups; those that are there are not made again."""
            nonlocal teacher
            place = folder / f"{kind}-{network.origin.sha256[:12]}-{recipe.crop}-{recipe.seed}"
            files = [place / f"{index:06d}.npz" for index in range(count)]
            if missing := [index for index, file in enumerate(files) if not file.is_file()]:
                teacher = teacher or Teacher(network, learned, recipe.crop, recipe.seed)
                _say(f"{recipe.teacher} measures {len(missing)} groups of {kind}")
                for index in missing:
                    teacher(group(index)).save(files[index])
            return files

        files = measured("targets", recipe.groups, lambda index: group(learned, recipe.crop, recipe.seed, index))
        weights = folder / "student.safetensors"
        so_far = folder / "first.safetensors" if recipe.led else weights
        if not recipe.begin:
            write_bytes(so_far, train(recipe, files, folder, _say).weights())
        if recipe.led:
            first = load(compact.NAME, recipe.begin or so_far)
            name = first.origin.sha256
            paths = measured(
                f"led-{name[:12]}", recipe.led, lambda index: led(learned, first, recipe.crop, recipe.seed, index)
            )
            state = {key.removeprefix("stages."): value for key, value in first.state_dict().items()}
            write_bytes(weights, train(recipe, files, folder, _say, Second(paths, state, name)).weights())
        data = weights.read_bytes()
        judged = held_out[: recipe.judged]
        _say(f"{recipe.teacher} and student score {len(judged)} photographs held out")
        own: Backbone = load(compact.NAME, weights)
        ours = scores_of(own, judged, recipe.size)
        theirs = scores_of(network, judged, recipe.size, cache_for(folder, network, recipe.size))
        facts = Facts(
            origin=network.origin.name,
            teacher=network.origin.sha256,
            student=hashlib.sha256(data).hexdigest(),
            size=len(data),
            parameters=sum(p.numel() for p in own.parameters()),
            learned=len(learned),
            held=len(held_out),
            judged=len(judged),
        )
        agreements = {measure: agreement(ours, theirs, measure) for measure in MEASURES}
        write_text(folder / "student.md", card(recipe, facts, agreements))
    print(weights)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
