"""The settings of a distillation, read from key=value arguments, and how its commands end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from enhance.distill.photographs import DistillError
from enhance.suggest import unknown

_Settings = TypeVar("_Settings")


@dataclass(frozen=True)
class Recipe:
    """What is learned, from whom and for how long.

    Attributes:
        photos: folder of photographs; one of every seven is held out.
        teacher: a backbone of five stages whose widths are multiples of 64, e.g. vgg16 or vgg19.
        weights: the teacher's, as in `enhance.load_backbone`.
        folder: for the teacher's targets, the checkpoint, the student and its card. The same command goes on there.
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
        for name, least in (("groups", 1), ("steps", 1), ("judged", 1), ("led", 0), ("led_steps", 1)):
            if getattr(self, name) < least:
                raise DistillError(f"{name}={getattr(self, name)} is too small; it must be at least {least}.")
        if self.begin and not self.led:
            raise DistillError(f"begin={self.begin} leaves out the first round; the second needs led=N, e.g. led=150.")
        for name, unit in (("batch", 3), ("crop", 32)):
            if (value := getattr(self, name)) < unit or value % unit:
                raise DistillError(f"{name}={value} must be a multiple of {unit}, at least {unit}.")
        if not self.learning_rate > 0:
            raise DistillError(f"learning_rate={self.learning_rate} must be above 0.")

    @property
    def identity(self) -> dict[str, Any]:
        """The settings on which the weights depend."""
        judging = ("folder", "judged", "size", "threads")
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in judging}

    @property
    def first_round(self) -> dict[str, Any]:
        """The settings on which the weights after the first round depend."""
        return {key: value for key, value in self.identity.items() if key not in ("led", "led_steps", "begin")}


def parse(kind: type[_Settings], arguments: Sequence[str]) -> _Settings:
    """Fill a dataclass of settings from key=value arguments.

    Raises:
        DistillError: for an unknown key, a value of another type, or no photographs.
    """
    defaults = {field.name: field.default for field in fields(kind)}  # type: ignore[arg-type]
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


def guarded(command: Callable[[], None]) -> None:
    """Run a command that ends, after a mistake, with one sentence and exit code 2."""
    try:
        command()
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
