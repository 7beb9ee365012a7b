"""Files of linear light, OpenEXR and Radiance HDR, which optional libraries decode."""

from __future__ import annotations

import math
import re
import sys
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from enhance.images import spaces
from enhance.images.arrays import Array, ImageError
from enhance.images.colour import Colours
from enhance.images.floats import unit
from enhance.images.suffixes import EXR, RADIANCE

_COLOURS = ("R", "G", "B")
_RESOLUTION = re.compile(rb"\n\n([-+][XY]) +(\d{1,9}) +([-+][XY]) +(\d{1,9})\n")
_LINE = re.compile(rb"^ *(\w+) *= *(.*?) *$", re.MULTILINE)


def of_exr(path: Path, white: float | None, notes: list[str]) -> tuple[Array, Colours]:
    """Samples (H, W, 1 to 4) in [0, 1], linear, and the colours of the first part of an OpenEXR file.

    Raises:
        ImageError: for a file without the channels R, G and B or Y, of whole numbers, or of too many pixels.
    """
    library: Any = import_module(EXR.module)
    # the library prints remarks on damage, and standard output may be a JSON document
    with redirect_stdout(sys.stderr), library.File(str(path), separate_channels=True, header_only=True) as opened:
        header, parts = dict(opened.header()), len(opened.parts)  # emptied when it is closed
    sampled = {channel.name: channel for channel in header["channels"]}
    names = _channels(path, sampled)
    rows, columns = _window(path, header)
    with redirect_stdout(sys.stderr), library.File(str(path), separate_channels=True) as opened:
        channels = opened.channels()
        if any(channels[name].pixels is None for name in names):
            raise ImageError(f"{path} holds deep samples, several a pixel; flatten it first.")
        values = np.stack([np.asarray(channels[name].pixels) for name in names], axis=-1)
    if values.dtype.kind != "f":
        raise ImageError(f"{path} holds whole numbers, not light; save it as PNG or TIFF.")
    if parts > 1:
        notes.append(f"the first of {parts} parts of {path.name} is used")
    others = sorted(set(sampled) - set(names))
    if others:
        notes.append(f"the channels {', '.join(others)} of {path.name} are left out")
    values = _placed(values, rows, columns, path.name, notes)
    colours = _straight(values) if "A" in names else values
    alpha = unit(values[..., -1:], f"the alpha of {path.name}", None, []) if "A" in names else None
    linear = unit(colours, str(path), white, notes)
    given = header.get("chromaticities")
    found = _linear([*given[6:8], *given[:6]] if given is not None else None)
    return linear if alpha is None else np.concatenate([linear, alpha], axis=-1), found


def of_radiance(path: Path, head: bytes, white: float | None, notes: list[str]) -> tuple[Array, Colours]:
    """Samples (H, W, 3) in [0, 1], linear, and the colours of a Radiance HDR file; EXPOSURE is divided out.

    Raises:
        ImageError: for another order of rows and columns than usual, CIE XYZ, or too many pixels.
    """
    found = _RESOLUTION.search(head)
    if found is None:
        raise ImageError(f"{path} is Radiance HDR without a size; the file is damaged.")
    if (found[1], found[3]) != (b"-Y", b"+X"):
        raise ImageError(f"{path} is Radiance HDR in a rare order of rows and columns; save it as OpenEXR.")
    _require_size(int(found[4]), int(found[2]))
    lines = [(name.upper(), value) for name, value in _LINE.findall(head[: found.start()])]
    if any(b"xyze" in value.lower() for name, value in lines if name == b"FORMAT"):
        raise ImageError(f"{path} is Radiance HDR in CIE XYZ; save it in RGB.")
    exposure = float(np.prod([float(value) for name, value in lines if name == b"EXPOSURE"]))
    if not 0 < exposure < math.inf:
        raise ValueError(f"EXPOSURE={exposure:g}")
    primaries = [float(word) for name, value in lines if name == b"PRIMARIES" for word in value.split()]
    values = import_module(RADIANCE.module).rgbe_decode(path.read_bytes())
    if exposure != 1:
        notes.append(f"the exposure of {path.name}, {exposure:g}, was divided out")
    linear = unit(values / np.float32(exposure), str(path), white, notes)
    return linear, _linear([*primaries[6:8], *primaries[:6]] if len(primaries) == 8 else None)


def _linear(chromaticities: list[float] | None) -> Colours:
    """Linear light of the chromaticities of white, red, green and blue, x and y each; of BT.709 if there are none."""
    given = list(zip(chromaticities[::2], chromaticities[1::2], strict=True)) if chromaticities else spaces.BT709
    return Colours(space=spaces.of_chromaticities(given, spaces.gamma(1.0)), name="linear light")


def _channels(path: Path, sampled: dict[str, Any]) -> list[str]:
    """Names of the colours and of alpha."""
    colours = _COLOURS if set(_COLOURS) <= set(sampled) else ("Y",)
    coded = colours == ("Y",) and {"RY", "BY"} & set(sampled)
    if coded or not set(colours) <= set(sampled):
        raise ImageError(
            f"{path} has the channels {', '.join(sampled)}{', coded colours' if coded else ''}; R, G and B, or Y "
            "alone, are read: save it as such."
        )
    names = [*colours, *(["A"] if "A" in sampled else [])]
    if any((sampled[name].xSampling, sampled[name].ySampling) != (1, 1) for name in names):
        raise ImageError(f"{path} has channels of different sizes; save it without subsampling.")
    return names


def _window(path: Path, header: dict[str, Any]) -> tuple[slice, slice]:
    """Rows and columns of the picture that is to be shown, counted from the first pixel that is stored."""
    (left, top), (right, bottom) = header["dataWindow"]
    (first, upper), (last, lower) = header["displayWindow"]
    _require_size(int(right) - int(left) + 1, int(bottom) - int(top) + 1)
    _require_size(int(last) - int(first) + 1, int(lower) - int(upper) + 1)
    return (
        slice(int(upper) - int(top), int(lower) - int(top) + 1),
        slice(int(first) - int(left), int(last) - int(left) + 1),
    )


def _placed(values: Array, rows: slice, columns: slice, name: str, notes: list[str]) -> Array:
    """The picture to be shown: what is stored beyond it is cut, what is not stored is black and transparent."""
    height, width = values.shape[:2]
    if (rows, columns) == (slice(0, height), slice(0, width)):
        return values
    notes.append(f"{name} stores another part of its picture than is shown; it was cut, or filled with black")
    shown = np.zeros((rows.stop - rows.start, columns.stop - columns.start, values.shape[2]), values.dtype)
    down, across = max(rows.start, 0), max(columns.start, 0)
    stored = values[down : max(rows.stop, 0), across : max(columns.stop, 0)]
    shown[down - rows.start :, across - columns.start :][: stored.shape[0], : stored.shape[1]] = stored
    return shown


def _straight(values: Array) -> Array:
    """The colours of samples (H, W, C) whose colours are multiplied by alpha, the last channel."""
    colours, alpha = values[..., :-1].astype(np.float32), values[..., -1:].astype(np.float32)
    return np.divide(colours, alpha, out=np.zeros_like(colours), where=alpha > 0)


def _require_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ValueError(f"a size of {width} x {height}")
    if Image.MAX_IMAGE_PIXELS and width * height > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError(f"{width * height} pixels")
