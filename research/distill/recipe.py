"""The settings of a distillation, read from key=value arguments, and how its commands end."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from enhance.utils.suggest import unknown
from research.distill.photographs import LEAST, DistillError

_Settings = TypeVar("_Settings")


@dataclass(frozen=True)
class Recipe:
    """Settings of python -m research.distill, which makes a student on the CPU.

    Attributes:
        photos: folder of photographs; one of every seven is held out.
        teacher: a backbone of five stages whose widths are multiples of 64, e.g. vgg16 or vgg19.
        weights: the teacher's: `pretrained`, `untrained` or a file.
        folder: for the teacher's targets, the checkpoint, the student and its card; the same command goes on there.
        groups: how many clean crops the teacher measures, each with six degraded versions.
        steps: updates of the student.
        led: after that, how many groups of images that optimising with the student makes; 0: none.
        led_steps: updates of the student in a second round, which learns from those groups too.
        begin: weights of a student, or `embedded`, to take into the second round; the first is left out.
        batch: groups an update; a multiple of three, since each measure takes a third.
        crop: side of a crop, a multiple of 32.
        learning_rate: after warming up and before the decay.
        judged: how many of the photographs held out the card's figures are taken from.
        size: side of the part of those that is judged.
        seed: of the crops, of the student's first weights and of the order.
        threads: CPU threads; 0 takes all.
    """

    photos: str = ""
    teacher: str = "vgg16"
    weights: str = "pretrained"
    folder: str = "outputs/distill"
    groups: int = 1792
    steps: int = 1775
    led: int = 0
    led_steps: int = 230
    begin: str = ""
    batch: int = 3
    crop: int = 128
    learning_rate: float = 2e-3
    judged: int = 60
    size: int = 160
    seed: int = 0
    threads: int = 0

    def __post_init__(self) -> None:
        at_least(self, groups=1, steps=1, judged=1, led=0, led_steps=1, size=LEAST, seed=0, threads=0)
        if self.begin and not self.led:
            raise DistillError(f"begin={self.begin} leaves out the first round; the second needs led=N, e.g. led=150.")
        for name, unit in (("batch", 3), ("crop", 32)):
            if (value := getattr(self, name)) < unit or value % unit:
                raise DistillError(f"{name}={value} must be a multiple of {unit}, at least {unit}.")
        if not self.learning_rate > 0:
            raise DistillError(f"learning_rate={self.learning_rate} must be above 0.")

    def identity(self, photos: str, weights: str, begin: str = "") -> dict[str, Any]:
        """The settings on which the student's weights depend; what lies in files is given by its SHA-256."""
        free = ("folder", "judged", "size", "threads")
        named = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in free}
        return named | {"photos": photos, "weights": weights, "begin": begin}


def at_least(settings: object, **least: int) -> None:
    """Refuse settings that are too small.

    Raises:
        DistillError: naming the first.
    """
    for name, value in least.items():
        if getattr(settings, name) < value:
            raise DistillError(f"{name}={getattr(settings, name)} is too small; it must be at least {value}.")


def parse(kind: type[_Settings], arguments: Sequence[str]) -> _Settings:
    """Fill a dataclass of settings from key=value arguments; --help prints them and ends.

    Raises:
        DistillError: for an unknown key, a value of another type, or no photographs.
    """
    defaults = {field.name: field.default for field in fields(kind)}  # type: ignore[arg-type]
    if {"--help", "-h"} & set(arguments):
        print(_help(kind, defaults))
        sys.exit()
    given: dict[str, Any] = {}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if key not in defaults:
            raise DistillError(unknown("setting", key, defaults))
        wanted = type(defaults[key])
        try:
            given[key] = wanted(text)
        except ValueError as error:
            what = "a whole number" if wanted is int else "a number"
            raise DistillError(f"{argument}: {key} takes {what}, as in {key}={defaults[key]}.") from error
        if not equals:
            raise DistillError(f"{argument} has no value; write {key}=...")
    if not given.get("photos"):
        raise DistillError("Name a folder of photographs: photos=DIR")
    return kind(**given)


def _help(kind: type, defaults: dict[str, Any]) -> str:
    """The docstring of the settings, with their defaults."""
    text = inspect.getdoc(kind) or ""
    meanings = re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", text, re.M)
    lines = [f"  {f'{key}={defaults[key]}':36}{' '.join(meaning.split())}" for key, meaning in meanings]
    return "\n".join([text.partition("\n")[0], "", *lines])


def guarded(command: Callable[[], None]) -> None:
    """Run a command that ends, after a mistake, with one sentence and exit code 2."""
    try:
        command()
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from what it has kept", file=sys.stderr)
        sys.exit(130)
    except (ValueError, OSError) as error:
        # A backbone's weights are spoken of as the settings of `python -m enhance` call them.
        said = str(error).replace("backbone.weights=", "weights=").replace("backbone=", "teacher=")
        print(f"error: {said}", file=sys.stderr)
        sys.exit(2)
