"""Photographs of a folder: those a student learns from, and those held out for its judgement."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from enhance.images.suffixes import READABLE
from enhance.utils.hashes import hash_file

if TYPE_CHECKING:
    from torch import Tensor

EVERY, HELD_OUT = 7, 3  # of every seven photographs in the order of their names, number 3 (from 0) is held out
LEAST = 16  # pixels that the shorter side must have


class DistillError(ValueError):
    """What cannot be distilled or judged; the message says how to mend it."""


def divide(folder: str | Path) -> tuple[list[Path], list[Path]]:
    """The photographs of a folder in the order of their names: those to learn from, and one of every seven held out.

    Raises:
        DistillError: if there are fewer than seven.
    """
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise DistillError(f"photos={folder}: there is no such folder.")
    files = sorted(path for path in place.iterdir() if path.suffix.lower() in READABLE)
    if len(files) < EVERY:
        raise DistillError(
            f"photos={folder}: {len(files)} photographs found there; at least {EVERY} are needed, and hundreds for a "
            "good student."
        )
    held_out = files[HELD_OUT::EVERY]
    return [path for path in files if path not in set(held_out)], held_out


def digest(files: Iterable[Path]) -> str:
    """SHA-256 over names and contents of photographs, in hexadecimal; the same wherever their folder lies."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.name}\0{hash_file(file)}\n".encode())
    return whole.hexdigest()


def centre(path: Path, size: int) -> Tensor:
    """The square of at most `size` pixels in the middle of a photograph, at native resolution: (1, 3, S, S)."""
    from enhance.images.reading import read

    image = read(path).image
    side = min(size, *image.shape[-2:])
    if side < LEAST:
        raise DistillError(f"{path}: a photograph must be at least {LEAST} pixels wide and high.")
    top, left = ((extent - side) // 2 for extent in image.shape[-2:])
    return image[..., top : top + side, left : left + side]
