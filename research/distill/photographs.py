"""Photographs of a folder: those a student learns from, and those held out for its evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from enhance.utils.errors import SettingsError

if TYPE_CHECKING:
    from torch import Tensor

EVERY, HELD_OUT = 7, 3  # of every seven photographs in the order of their names, number 3 (from 0) is held out
LEAST = 16  # pixels that the shorter side must have

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")


def divide(folder: str | Path) -> tuple[list[Path], list[Path]]:
    """The photographs of a folder in the order of their names: those to learn from, and one of every seven held out.

    Raises:
        SettingsError: if there are fewer than seven.
    """
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise SettingsError(f"photos={folder}: there is no such folder.")
    files = sorted(path for path in place.iterdir() if path.suffix.lower() in _SUFFIXES)
    if len(files) < EVERY:
        raise SettingsError(
            f"photos={folder}: {len(files)} photographs found there; at least {EVERY} are needed, and hundreds for a "
            "good student."
        )
    held_out = files[HELD_OUT::EVERY]
    return [path for path in files if path not in set(held_out)], held_out


def digest(files: Iterable[Path]) -> str:
    """SHA-256 over names and contents of photographs, in hexadecimal; the same wherever their folder lies."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def centre(path: Path, size: int) -> Tensor:
    """The square of at most `size` pixels in the middle of a photograph, at native resolution: (1, 3, S, S).

    Raises:
        ValueError: if the photograph is too small.
    """
    from enhance.images.reading import read

    image = read(path).image
    side = min(size, *image.shape[-2:])
    if side < LEAST:
        raise ValueError(f"{path}: a photograph must be at least {LEAST} pixels wide and high.")
    top, left = ((extent - side) // 2 for extent in image.shape[-2:])
    return image[..., top : top + side, left : left + side]
