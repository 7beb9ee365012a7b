"""Writes down a restoration as it happens, in the files that other runs leave."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from enhance.images.exif import write_exif
from enhance.images.writing import save_image
from enhance.runs import layout as names
from enhance.utils.files import write_json
from enhance.utils.numbers import finite

HASH = "_sha256"  # ends the names of hashes in an identity


@dataclass(frozen=True)
class Moment:
    """One pass of a restoration.

    Attributes:
        step: passes made; 0 is the picture as it was given.
        level: noise level that the denoiser was given, of 255; NaN at step 0.
        image: (1, 3, H, W) in [0, 1], sRGB.
        residual: root mean square of A(image) - y, of 255; of a JPEG, in steps beyond the cells.
        seconds: that the passes took so far.
        own: the image in the RGB values of its file, where that keeps another profile than sRGB.
    """

    step: int
    level: float
    image: Tensor
    residual: float
    seconds: float
    own: Tensor | None = None


class RestorationRecorder:
    """Keeps the passes of a restoration: history, frames, result.png and metrics.json.

    Args:
        folder: of the run.
        initial: (1, 3, H, W) in [0, 1], the picture as it was given.
        reference: the same shape, or None.
        metadata: what is known before the first pass; goes to metrics.json as it is.
        bits: of a channel of all images but the frames: 8 or 16.
        exif: data of a camera for result.png, or none.
        profile: ICC profile of `Moment.own` for result.png, or none.
    """

    def __init__(
        self,
        folder: Path,
        initial: Tensor,
        reference: Tensor | None = None,
        *,
        metadata: Mapping[str, Any],
        bits: int = 8,
        exif: bytes = b"",
        profile: bytes = b"",
    ) -> None:
        self._folder, self._bits, self._exif, self._profile = folder, bits, exif, profile
        self._metadata = {"kind": names.KIND_OF_RESTORATIONS, **metadata}
        self._figures: list[Mapping[str, float]] = []
        self._last: Moment | None = None
        folder.mkdir(parents=True, exist_ok=True)
        for file in names.frame_files(folder).values():  # the run begins anew
            file.unlink()
        write_json(folder / names.METRICS, {"status": "running", **self._metadata})
        save_image(initial, folder / names.INITIAL, bits)
        if reference is not None:
            save_image(reference, folder / names.REFERENCE, bits)
        with (folder / names.HISTORY).open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerow(names.COLUMNS_OF_RESTORATIONS)

    def record(self, moment: Moment, figures: Mapping[str, float]) -> None:
        """Write down one pass, and the figures of its image against the reference; empty without one."""
        self._figures.append(figures)
        row = [moment.step, moment.level, moment.residual, figures.get("psnr"), figures.get("ssim"), moment.seconds]
        with (self._folder / names.HISTORY).open("a", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerow(["" if cell is None or math.isnan(cell) else cell for cell in row])
        save_image(moment.image, names.frame_file(self._folder, moment.step))
        self._last = moment

    def finish(self, fit: Mapping[str, float], interrupted: bool = False) -> None:
        """Write result.png and all figures; metrics.json says `interrupted`, or `drawing` where all passes are made.

        Args:
            fit: how well the result meets the observation.
            interrupted: whether passes are missing.

        Raises:
            ValueError: if nothing was recorded.
        """
        if self._last is None:
            raise ValueError("The restoration ended before its first pass.")
        image = self._last.image if self._last.own is None else self._last.own
        save_image(image, self._folder / names.RESULT, self._bits, self._profile)
        if self._exif:
            write_exif(self._folder / names.RESULT, self._exif)
        figures = {
            "initial": _finite(self._figures[0]),
            "result": _finite(self._figures[-1]),
            "fit": _finite(fit),
            "passes": self._last.step,
            "seconds": self._last.seconds,
        }
        status = "interrupted" if interrupted else "drawing"
        write_json(self._folder / names.METRICS, {"status": status, **self._metadata, **figures})


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The first thing that two identities differ in, in words; empty where one of them is.

    Example:
        >>> difference({"degradation": {"sigma": 3}}, {"degradation": {"sigma": None}})
        'degradation.sigma=3, not null'
        >>> difference({"image_sha256": "a"}, {"image_sha256": "b"})
        'another image'
    """
    old, new = _flat(before), _flat(now)
    key = next((key for key in {**new, **old} if old.get(key) != new.get(key)), "")
    if not old or not key:
        return ""
    if key.endswith(HASH):
        return f"another {key.removesuffix(HASH)}"
    values = ["null" if each.get(key) is None else each[key] for each in (old, new)]
    return f"{key}={values[0]}, not {values[1]}"


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by their dotted names."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return found


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    return {key: finite(value) for key, value in values.items()}
