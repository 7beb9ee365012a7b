"""python -m research.distill photos=DIR teacher=vgg19."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from research.distill.photographs import digest, divide
from research.distill.settings import DistillSettings, run

if TYPE_CHECKING:
    from torch import Tensor

    from enhance.backbones.network import Backbone


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; a mistake ends with one sentence and exit code 2."""
    run(DistillSettings, distill, arguments)


def distill(settings: DistillSettings) -> None:
    """Train a student, write its card and print its file; every part goes on from what the folder holds."""
    training, held_out = divide(settings.photos)
    import torch

    from enhance.backbones import compact
    from enhance.backbones.network import load
    from enhance.utils.files import lock, remove_partial, write_text
    from research.distill.agreement import agreements, scores_of
    from research.distill.cache import cache_folder
    from research.distill.card import Origin, card

    if settings.threads:
        torch.set_num_threads(settings.threads)
    teacher = load(settings.teacher, settings.weights, seed=settings.seed)
    given = load(compact.NAME, settings.student) if settings.student else None
    photographs = digest([*training, *held_out])
    folder = Path(settings.folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder):
        remove_partial(folder)
        file, seconds = _train(settings, training, photographs, teacher, given)
        student, files = load(compact.NAME, file), held_out[: settings.scored]
        cache = cache_folder(folder, "scores", teacher, photographs, settings.size)
        scores = scores_of(student, files, settings.size), scores_of(teacher, files, settings.size, cache)
        origin = Origin(
            teacher=teacher.origin.name,
            teacher_sha256=teacher.origin.sha256,
            first=given.origin.sha256 if given else "",
            photographs=photographs,
            sha256=student.origin.sha256,
            size=file.stat().st_size,
            parameters=sum(p.numel() for p in student.parameters()),
            training=len(training),
            held_out=len(held_out),
            scored=len(files),
            seconds=seconds,
            torch=torch.__version__,
        )
        write_text(folder / "student.md", card(settings, origin, agreements(*scores)))
    print(file)


def _train(
    settings: DistillSettings, photographs: Sequence[Path], sha256: str, backbone: Backbone, given: Backbone | None
) -> tuple[Path, float]:
    """The file of the trained student and the seconds of its updates: one round, two, or the second alone."""
    from enhance.backbones import compact
    from enhance.backbones.network import load
    from enhance.utils.files import write_bytes
    from research.distill.cache import cache_folder, progress
    from research.distill.crops import group
    from research.distill.on_policy import on_policy_group
    from research.distill.targets import Teacher
    from research.distill.training import first_round, second_round, train

    folder, crop, seed = Path(settings.folder).expanduser(), settings.crop, settings.seed
    identity = settings.identity(sha256, backbone.origin.sha256, given.origin.sha256 if given else "")
    if not given:  # another run's checkpoint is refused before anything that takes long
        first_round(settings, identity).load()
    if settings.on_policy:
        known = {name: value for name, value in identity.items() if value or name != "student"}
        second_round(settings, known).load()
    teacher: Teacher | None = None

    def targets(kind: str, count: int, make: Callable[[int], Tensor]) -> list[Path]:
        """Files of the teacher's targets of so many groups; those that are there and whole are not computed again."""
        nonlocal teacher
        place = cache_folder(folder, kind, backbone, sha256, crop, seed)
        files = [place / f"{index:06d}.npz" for index in range(count)]
        if missing := [index for index, file in enumerate(files) if not zipfile.is_zipfile(file)]:
            teacher = teacher or Teacher(backbone, photographs, crop, seed)
            for index in progress(missing, f"{settings.teacher} computes {len(missing)} groups of {kind}"):
                teacher(make(index)).save(files[index])
        return files

    files = targets("targets", settings.groups, lambda index: group(photographs, crop, seed, index))
    file, seconds = folder / "student.safetensors", 0.0
    first = folder / "first.safetensors" if settings.on_policy else file
    if not given:
        student = train(settings, first_round(settings, identity, files))
        write_bytes(first, student.weights())
        seconds += student.seconds
    if settings.on_policy:
        policy = given or load(compact.NAME, first)
        name = policy.origin.sha256
        samples = targets(
            f"on-policy-{name[:12]}",
            settings.on_policy,
            lambda index: on_policy_group(photographs, policy, crop, seed, index),
        )
        weights = {key.removeprefix("stages."): value for key, value in policy.state_dict().items()}
        student = train(settings, second_round(settings, {**identity, "student": name}, files, samples, weights))
        write_bytes(file, student.weights())
        seconds += student.seconds
    return file, seconds


if __name__ == "__main__":
    main()
