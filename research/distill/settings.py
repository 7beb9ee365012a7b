"""The settings of the commands, typed, read from key=value arguments; and how a command ends."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, TypeVar

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from enhance.config.limits import check_ranges
from enhance.config.schema import BackboneConfig, Config, limited
from enhance.utils.errors import SettingsError
from enhance.utils.files import sentence
from enhance.utils.suggest import unknown
from research.distill.photographs import LEAST

MEASURES = ("deepjsd", "deepskld", "deepwsd")
FREE = ("folder", "scored", "size", "threads")  # settings on which the student's weights do not depend


@dataclass
class TeacherSettings:
    """Settings that the commands share.

    Attributes:
        photos: folder of photographs; one of every seven is held out.
        teacher: a backbone of five stages whose widths are multiples of 64: vgg16 or vgg19.
        weights: the teacher's: pretrained, untrained or a file.
        folder: where targets, checkpoints, scores and results lie; the same command goes on there.
        scored: how many of the photographs held out are scored.
        size: side in pixels of the middle part that is scored.
        threads: of the CPU; null: all.
    """

    photos: str = MISSING
    teacher: str = "vgg16"
    weights: str = BackboneConfig.weights
    folder: str = "outputs/distill"
    scored: int = limited(60, low=0)
    size: int = limited(160, low=LEAST)
    threads: int | None = limited(Config.threads, low=1, high=1024)

    def check(self) -> None:
        """Check that the settings go together.

        Raises:
            SettingsError: one sentence about the first setting that cannot be.
        """


@dataclass
class DistillSettings(TeacherSettings):
    """Settings of python -m research.distill, which trains a student on the CPU.

    Attributes:
        groups: clean crops whose targets the teacher computes, each with six degraded versions.
        steps: updates of the student.
        on_policy: groups of images that optimising with the student makes, for a second round; 0: no second round.
        on_policy_steps: updates of the second round.
        student: weights with which the second round begins, a file or embedded; the first is left out.
        batch: groups an update; a multiple of three, since each measure takes a third.
        crop: side of a crop in pixels, a multiple of 32.
        learning_rate: after the warm-up and before the decay.
        seed: of the crops, of the student's first weights and of the order.
    """

    scored: int = limited(60, low=1)
    groups: int = limited(1792, low=1)
    steps: int = limited(1775, low=1)
    on_policy: int = limited(0, low=0)
    on_policy_steps: int = limited(230, low=1)
    student: str | None = None
    batch: int = limited(3, low=3)
    crop: int = limited(128, low=32)
    learning_rate: float = limited(2e-3, positive=True)
    seed: int = limited(Config.seed, low=0)

    def check(self) -> None:
        if self.student and not self.on_policy:
            raise SettingsError(
                f"student={self.student} leaves out the first round; the second needs on_policy=N, e.g. on_policy=150."
            )
        for name, unit in (("batch", 3), ("crop", 32)):
            if (value := getattr(self, name)) % unit:
                raise SettingsError(f"{name}={value} must be a multiple of {unit}.")

    def identity(self, photographs: str, teacher: str, student: str) -> dict[str, str]:
        """The settings on which the student's weights depend; files are given by their SHA-256."""
        named = {field.name: str(getattr(self, field.name)) for field in fields(self) if field.name not in FREE}
        return named | {"photos": photographs, "weights": teacher, "student": student}


@dataclass
class EvaluationSettings(TeacherSettings):
    """Settings of python -m research.distill.evaluate, which compares a student with its teacher on the CPU.

    Attributes:
        student: weights of the student: embedded, or a file such as outputs/distill/student.safetensors.
        optimized: how many of the photographs held out are optimised from each initial image; 0: none.
        optimized_size: side in pixels of the middle part that is optimised.
        steps: of an optimisation; null: the measure's own.
        measures: of the optimisations.
    """

    student: str = "embedded"
    optimized: int = limited(0, low=0)
    optimized_size: int = limited(128, low=LEAST)
    steps: int | None = limited(Config.steps, low=1)
    measures: list[str] = field(default_factory=lambda: list(MEASURES))

    def check(self) -> None:
        if not self.scored and not self.optimized:
            raise SettingsError("scored=0 leaves nothing to do; give optimized=N too, or leave it out.")
        for name in self.measures:
            if name not in MEASURES:
                raise SettingsError(f"measures: {unknown('measure', name, MEASURES)}")


class Checked(Protocol):
    """Settings that check whether they go together."""

    def check(self) -> None: ...


_Settings = TypeVar("_Settings", bound=Checked)


def run(kind: type[_Settings], work: Callable[[_Settings], None], arguments: Sequence[str] | None = None) -> None:
    """Run a command; a mistake ends with one sentence and exit code 2.

    Args:
        kind: of the settings.
        work: what the command does with them.
        arguments: key=value each; None: those of the command line.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if {"--help", "-h"} & set(given):
        print(help_text(kind))
        return
    try:
        work(read(kind, given))
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from what is written", file=sys.stderr)
        sys.exit(130)
    except (ValueError, OSError) as error:
        # The package names a backbone's weights as the settings of `python -m enhance` do.
        text = sentence(error).replace("backbone.weights=", "weights=").replace("backbone=", "teacher=")
        print(f"enhance: {text}", file=sys.stderr)
        sys.exit(2)


def read(kind: type[_Settings], arguments: Sequence[str]) -> _Settings:
    """The settings that key=value arguments give.

    Raises:
        SettingsError: for an unknown key, or a value that cannot be.
    """
    settings, defaults = OmegaConf.structured(kind), {each.name: each.default for each in fields(kind)}  # type: ignore[arg-type]
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if key not in defaults:
            raise SettingsError(unknown("setting", key, defaults))
        if not equals:
            raise SettingsError(f"{argument} has no value; write {key}=...")
        try:
            # A name of a file is taken as it is, whatever YAML would read in it.
            is_text = isinstance(defaults[key], str)
            value = text if is_text else OmegaConf.from_dotlist([argument])[key]
            one_of_a_list = not is_text and OmegaConf.is_list(settings[key]) and not OmegaConf.is_list(value)
            settings[key] = [value] if one_of_a_list else value
        except (OmegaConfBaseException, YAMLError) as error:
            raise SettingsError(f"{argument}: {str(error).splitlines()[0].rstrip('.')}.") from error
    if OmegaConf.is_missing(settings, "photos"):
        raise SettingsError("Name a folder of photographs: photos=DIR.")
    found = OmegaConf.to_object(settings)
    assert isinstance(found, kind)
    check_ranges(found)
    found.check()
    return found


def help_text(kind: type[Any]) -> str:
    """Every setting with its default and its meaning, from the docstrings."""
    docs = [inspect.getdoc(each) or "" for each in dict.fromkeys((kind.__mro__[-2], kind))]  # the shared ones first
    meanings = [found for doc in docs for found in re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", doc, re.M)]
    defaults = OmegaConf.structured(kind)
    lines = []
    for key, meaning in meanings:
        default = "DIR" if OmegaConf.is_missing(defaults, key) else defaults[key]
        shown = "null" if default is None else f"[{','.join(default)}]" if key == "measures" else default
        lines.append(f"  {f'{key}={shown}':36} {' '.join(meaning.split())}")
    return "\n".join([docs[-1].partition("\n")[0], "", *lines])
