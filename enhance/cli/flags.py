"""Hydra's flags, which stand beside the key=value arguments of the command line."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from itertools import pairwise
from typing import NoReturn

from enhance.cli.meant import SETTINGS
from enhance.utils.suggest import unknown

MULTIRUN = ("-m", "--multirun")
_SWITCHES = (("--hydra-help",), ("--resolve",), ("--run", "-r"), ("--multirun", "-m"), ("--shell-completion", "-sc"))
_VALUES = (
    *(("--package", "-p"), ("--config-path", "-cp"), ("--config-name", "-cn"), ("--config-dir", "-cd")),
    ("--experimental-rerun",),
)
_CHOICES = {("--cfg", "-c"): ("job", "hydra", "all")}
_INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:  # argparse would print many lines of usage
        raise ValueError(f"{message}; --hydra-help lists the flags.")


def parser() -> ArgumentParser:
    """A parser of all flags of Hydra; `overrides` are the other arguments."""
    made = _Parser(add_help=False, allow_abbrev=False)
    made.add_argument("overrides", nargs="*")
    for names in _SWITCHES:
        made.add_argument(*names, action="store_true")
    for names in _VALUES:
        made.add_argument(*names)
    for names, choices in _CHOICES.items():
        made.add_argument(*names, choices=choices)
    made.add_argument("--info", "-i", const="all", nargs="?", choices=_INFO)
    return made


def parse(arguments: Sequence[str]) -> Namespace:
    """The flags, and the key=value arguments as `overrides`.

    Raises:
        ValueError: one sentence about a flag that Hydra does not have, or a value that it does not take.
    """
    known, strange = parser().parse_known_args(arguments)
    known.overrides += [each for each in strange if not each.startswith("-")]  # settings between flags
    strange = [each for each in strange if each.startswith("-")]
    if strange:
        name, _, value = strange[0].lstrip("-").replace("-", "_").partition("=")
        following = dict(pairwise(arguments)).get(strange[0], "")
        if name in SETTINGS:
            value = value or ("" if following.startswith("-") else following)
            meant = f"{SETTINGS[name]}={value}." if value else f"{SETTINGS[name]}=..."
            raise ValueError(f"{strange[0]} is no flag: settings are written without dashes, {meant}")
        if len(strange[0]) == 2:  # the nearest of one letter is no better than any other
            raise ValueError(f"There is no flag '{strange[0]}'; --hydra-help lists the flags.")
        names = [*_SWITCHES, *_VALUES, *_CHOICES, ("--info", "-i")]
        raise ValueError(unknown("flag", strange[0], [flag for each in names for flag in each]))
    return known
