"""What Hydra would read as its own grammar is quoted: names of files, and the backbones of terms."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

FILES = (
    *("reference", "initial", "mask", "image", "pairs", "output", "map", "run", "sweep"),
    *("kernel", "denoiser.weights"),
    *("backbone.weights", "metric.weights", "scores", "subjective", "table", "root"),
)
_QUOTED = (*FILES, "background")
_OWN = re.compile(r"(['\"]).*\1", re.DOTALL)  # quoted by the user
_ON_BACKBONE = re.compile(r"terms\.(\w+@\w+)=(.*)")
_PLAIN = re.compile(r"(?:(?![\d._eE+\-]+$)[\w./:@%+\-]+(?: +[\w./:@%+\-]+)*)?", re.ASCII)


def quoted(arguments: Sequence[str]) -> list[str]:
    """Quote what Hydra would read as its own grammar: characters of file names, reference=my (1)=é.png, and the
    backbone of a term, terms.deepjsd@vgg19=0.5.
    """
    return [_quote(_as_dictionary(argument)) for argument in arguments]


def _as_dictionary(argument: str) -> str:
    """terms.NAME@BACKBONE=WEIGHT, in which Hydra would read a package, as terms={NAME@BACKBONE:WEIGHT}."""
    found = _ON_BACKBONE.fullmatch(argument)
    return f"terms={','.join(f'{{{found[1]}:{weight}}}' for weight in found[2].split(','))}" if found else argument


def _quote(argument: str) -> str:
    key, equals, value = argument.partition("=")
    if not equals or key.lstrip("+~") not in _QUOTED or _OWN.fullmatch(value):
        return argument
    there = os.path.exists(value)
    if _PLAIN.fullmatch(value) and not (there and value.lower() in ("true", "false")):
        return argument
    if not there and any(mark in value for mark in ",[${"):  # a sweep or an interpolation, not a file
        return argument
    return f"{key}={quoted_value(value)}"


def quoted_value(text: str) -> str:
    """A text as one value of Hydra's grammar."""
    escaped = re.sub(r"(\\*)('|$)", lambda found: found.group(1) * 2 + found.group(2).replace("'", "\\'"), text)
    return f"'{escaped}'".replace("${", r"\${")
