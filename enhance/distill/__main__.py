"""python -m enhance.distill photos=DIR teacher=vgg16 weights=FILE."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from enhance.distill.photographs import divide
from enhance.distill.recipe import Recipe, guarded, parse


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; a mistake ends with one sentence and exit code 2."""
    guarded(lambda: distill(parse(Recipe, sys.argv[1:] if arguments is None else arguments)))


def distill(recipe: Recipe) -> None:
    """Teacher's targets, student, judgement, card: each goes on where it was ended."""
    learned, held_out = divide(recipe.photos)
    import torch

    from enhance.backbones import compact
    from enhance.backbones.network import Backbone, load
    from enhance.distill.agreement import MEASURES, agreement, cache_for, scores_of
    from enhance.distill.card import Facts, card
    from enhance.distill.crops import group
    from enhance.distill.targets import Teacher
    from enhance.distill.training import train
    from enhance.files import held, sweep, write_bytes, write_text

    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    network = load(recipe.teacher, recipe.weights, seed=recipe.seed)
    folder = Path(recipe.folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        sweep(folder)
        targets = folder / f"targets-{network.origin.sha256[:12]}-{recipe.crop}-{recipe.seed}"
        files = [targets / f"{index:06d}.npz" for index in range(recipe.groups)]
        if missing := [index for index, file in enumerate(files) if not file.is_file()]:
            teacher = Teacher(network, learned, recipe.crop, recipe.seed)
            _say(f"{recipe.teacher} measures {len(missing)} groups of crops")
            for index in missing:
                teacher(group(learned, recipe.crop, recipe.seed, index)).save(files[index])
        student = train(recipe, files, folder, _say)
        weights = folder / "student.safetensors"
        write_bytes(weights, data := student.weights())
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
