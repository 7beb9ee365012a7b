"""The quantised coefficients of a JPEG and the tables that they were quantised with."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from enhance.images.arrays import ImageError

_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive, with Huffman codes
_OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_SCAN, _END = 0xDA, 0xD9
_FACTORS = (1, 2, 4)
_MOST = 2**15  # coefficients and steps of a file of 8 bits stay below


@dataclass(frozen=True)
class Component:
    """One colour channel of a JPEG.

    Attributes:
        levels: quantised coefficients, (rows, columns, 8, 8) of blocks, float32.
        steps: of the quantisation, (8, 8), float32.
        down: vertical and horizontal factor by which the channel is reduced.
    """

    levels: Tensor
    steps: Tensor
    down: tuple[int, int]


@dataclass(frozen=True)
class JpegFile:
    """What a JPEG holds.

    Attributes:
        components: Y, or Y Cb Cr, or R G B.
        size: height and width.
        colours: `YCbCr`, `RGB` or `grey`.
        progressive: whether it is.
        sampling: in words, e.g. `4:2:0`.
    """

    components: tuple[Component, ...]
    size: tuple[int, int]
    colours: str
    progressive: bool
    sampling: str

    def describe(self) -> dict[str, Any]:
        """What the file says, for metadata: JSON values."""
        return {
            "colours": self.colours,
            "sampling": self.sampling,
            "progressive": self.progressive,
            "tables": [component.steps.int().tolist() for component in self.components],
        }


@dataclass(frozen=True)
class _Frame:
    marker: int
    bits: int
    size: tuple[int, int]
    factors: tuple[tuple[int, int], ...]  # vertical and horizontal, of each component


def is_jpeg(path: Path) -> bool:
    """Whether a file is a JPEG, by its first bytes."""
    with path.open("rb") as stream:
        return stream.read(3) == b"\xff\xd8\xff"


def read_jpeg(path: Path) -> JpegFile:
    """The coefficients and tables of a JPEG of 8 bits, grey or in three colours, baseline or progressive, of any
    size and sampling.

    Read the file as an image before: whether it is whole and not too large is checked there.

    Raises:
        ImageError: one sentence, for a file that is no JPEG, of CMYK, of 12 bits, of arithmetic codes, or damaged.
    """
    frame = _frame(path)
    _require_supported(path, frame)
    try:
        import jpeglib  # compiled, and only this function uses it
    except ImportError as error:
        raise ImageError(
            f"{path} cannot be restored as a JPEG here: jpeglib is missing; python -m pip install jpeglib."
        ) from error
    try:
        found = jpeglib.read_dct(str(path))
        planes = [found.Y] if len(frame.factors) == 1 else [found.Y, found.Cb, found.Cr]
        tables = [np.asarray(found.get_component_qt(place)) for place in range(len(planes))]
        colours = str(found.jpeg_color_space).removeprefix("JCS_")
        progressive = bool(found.progressive_mode)
    except Exception as error:  # of any kind, for damaged files
        raise ImageError(f"{path} is damaged: its coefficients cannot be read; fetch the file anew.") from error
    tallest, widest = (max(each) for each in zip(*frame.factors, strict=True))
    components = []
    for (rows, columns), plane, steps in zip(frame.factors, planes, tables, strict=True):
        down = (tallest // rows, widest // columns)
        _require_sound(path, frame.size, plane, steps, down)
        components.append(
            Component(torch.from_numpy(plane.astype(np.float32)), torch.from_numpy(steps.astype(np.float32)), down)
        )
    kind = "grey" if len(components) == 1 else "RGB" if colours == "RGB" else "YCbCr"
    return JpegFile(tuple(components), frame.size, kind, progressive, _sampling(components))


def reduces_colours(path: Path) -> bool:
    """Whether a file is a JPEG that keeps its colours at a lower resolution than its brightness."""
    if not is_jpeg(path):
        return False
    luma, *chroma = _frame(path).factors
    return any(factors != luma for factors in chroma)


def _frame(path: Path) -> _Frame:
    """The header of the frame: precision, size, sampling."""
    data = path.read_bytes()
    if data[:2] != b"\xff\xd8":
        raise ImageError(f"{path} is no JPEG, whose quantisation tables this task needs; take task=denoise instead.")
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            break
        marker = data[place + 1]
        if marker == 0xFF:  # fill byte
            place += 1
            continue
        if marker in _ALONE:
            place += 2
            continue
        if marker in (_SCAN, _END):
            break
        (length,) = struct.unpack(">H", data[place + 2 : place + 4])
        if marker in _FRAMES | _OTHER_FRAMES:
            return _parsed(path, marker, data[place + 4 : place + 2 + length])
        place += 2 + length
    raise ImageError(f"{path} is damaged: it has no frame header; fetch the file anew.")


def _parsed(path: Path, marker: int, body: bytes) -> _Frame:
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise ImageError(f"{path} is damaged: its frame header is cut short; fetch the file anew.")
    bits, height, width, count = struct.unpack(">BHHB", body[:6])
    packed = [body[7 + 3 * place] for place in range(count)]
    return _Frame(marker, bits, (height, width), tuple((each & 15, each >> 4) for each in packed))


def _require_supported(path: Path, frame: _Frame) -> None:
    if frame.bits != 8:
        raise ImageError(f"{path} is a JPEG of {frame.bits} bits a channel; task=jpeg takes 8.")
    if len(frame.factors) not in (1, 3):
        raise ImageError(f"{path} is a JPEG of CMYK or of {len(frame.factors)} channels; task=jpeg takes grey and RGB.")
    if frame.marker not in _FRAMES:
        raise ImageError(f"{path} is a lossless, hierarchical or arithmetic JPEG; task=jpeg takes Huffman-coded ones.")
    if not min(frame.size):
        raise ImageError(f"{path} is damaged: its size is {frame.size[1]} x {frame.size[0]}; fetch the file anew.")
    for place, sides in enumerate(zip(*frame.factors, strict=True)):
        if not min(sides) or any(max(sides) % side or max(sides) // side not in _FACTORS for side in sides):
            where = "vertical" if place == 0 else "horizontal"
            raise ImageError(f"{path} has {where} sampling factors {sides}; their ratios must be 1, 2 or 4.")


def _require_sound(path: Path, size: tuple[int, int], plane: Any, steps: Any, down: tuple[int, int]) -> None:
    blocks = tuple(-(-side // (8 * factor)) for side, factor in zip(size, down, strict=True))
    if plane is None or plane.shape != (*blocks, 8, 8) or steps.shape != (8, 8):
        raise ImageError(f"{path} is damaged: its blocks do not fit its size; fetch the file anew.")
    if steps.min() < 1 or steps.max() >= _MOST or np.abs(plane.astype(np.int64) * steps).max() >= _MOST:
        raise ImageError(f"{path} is damaged: its tables or coefficients are out of range; fetch the file anew.")


def _sampling(components: list[Component]) -> str:
    """The sampling in the usual words.

    Example:
        >>> plane = Component(torch.zeros(1, 1, 8, 8), torch.ones(8, 8), (1, 1))
        >>> _sampling([plane])
        '4:0:0'
    """
    if len(components) == 1:
        return "4:0:0"
    if any(each.down != components[1].down for each in components[2:]) or components[0].down != (1, 1):
        return "mixed"
    rows, columns = components[1].down
    named = {(1, 1): "4:4:4", (1, 2): "4:2:2", (2, 2): "4:2:0", (2, 1): "4:4:0", (1, 4): "4:1:1", (2, 4): "4:1:0"}
    return named.get((rows, columns), "mixed")
