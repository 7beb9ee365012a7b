"""The files of a run, read once, whichever of them are missing."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from PIL import Image

from enhance.metrics.registry import display_name
from enhance.runs import layout as names
from enhance.runs.history import Row, read
from enhance.utils.profiles import rgb

FRAME_SIZE = 1280  # pixels of a frame's longer side in memory: the largest that anything shows
SMALLEST_SHARE = 1e-3  # of the lowest loss: where a term adds less, its curve is not drawn


@dataclass(frozen=True)
class Picture:
    """An image file and its pixels in sRGB."""

    path: Path
    pixels: Image.Image


@dataclass(frozen=True)
class RunData:
    """A run as its files describe it: ended, still running, or cut off. Each image is decoded once.

    Attributes:
        folder: of the run.
        metadata: metrics.json, the settings and the results; empty where it cannot be read.
        rows: of the history.
        initial: the image that the run began with; None where it cannot be read, as with the others.
        result: the best image; before there is one, the last frame, or the initial image.
        reference: the reference.
        frames: the frames by step, reduced to `FRAME_SIZE` pixels.
        configuration: the complete settings, YAML.
        warnings: lines of the log that warn.
        missing: one sentence for each thing that is not there.
    """

    folder: Path
    metadata: dict[str, Any]
    rows: list[Row]
    initial: Picture | None = None
    result: Picture | None = None
    reference: Picture | None = None
    frames: dict[int, Image.Image] = field(default_factory=dict)
    configuration: str = ""
    warnings: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The data in the folder of a run.

        Raises:
            ValueError: if the folder holds no run.
        """
        expected = (names.METRICS, names.HISTORY, names.INITIAL, names.REFERENCE, names.RESULT)
        if not any((folder / name).is_file() for name in expected):
            raise ValueError(f"{folder} holds no run: it has no {names.METRICS}; name the folder of a run.")
        missing: list[str] = []
        metadata = read_metadata(folder / names.METRICS, missing)
        rows = read(folder / names.HISTORY)
        if not rows:
            missing.append(f"{names.HISTORY} is missing or holds no step, so there are no curves.")
        initial = read_picture(folder / names.INITIAL, missing, "the initial image is not known")
        reference = read_picture(folder / names.REFERENCE, missing, "there is nothing to compare with")
        frames = read_frames(folder, missing)
        instead = "a frame stands in for it" if frames else "the initial image stands in for it"
        result = read_picture(folder / names.RESULT, missing, instead if frames or initial else "there is no result")
        if result is None:
            result = open_picture(names.frame_file(folder, max(frames))) if frames else initial
        configuration = _text(folder / names.CONFIGURATION)
        if not configuration and metadata.get("task") == "duel":  # the four runs share that of the duel
            configuration = _text(folder.parent / names.CONFIGURATION)
        if not configuration:
            missing.append(f"{names.CONFIGURATION} is missing, so the complete configuration is not known.")
        warnings = [line for line in _text(folder / names.LOG).splitlines() if " WARNING " in line or " ERROR " in line]
        return cls(
            folder, metadata, rows, initial, result, reference, frames, configuration, tuple(warnings), tuple(missing)
        )

    @property
    def images(self) -> dict[str, Picture]:
        """Those of initial image, result and reference that are there, by name."""
        found = {"initial": self.initial, "result": self.result, "reference": self.reference}
        return {name: picture for name, picture in found.items() if picture}

    @property
    def ended(self) -> bool:
        """Whether the last step is made, or the run was interrupted."""
        return "stop_reason" in self.metadata

    @property
    def start(self) -> str:
        """What the run began with, e.g. `gaussian noise (sigma 50)`; a file's name stays as it is."""
        start = str(self.metadata.get("start") or "")
        return start.replace("_", " ") if self.metadata.get("degradation") else start

    @property
    def method(self) -> str:
        """Metric and backbone, e.g. `DeepJSD in vgg16`; its terms, e.g. `DeepJSD + LPIPS`; or the title that
        the run has.
        """
        if title := self.metadata.get("title"):
            return str(title)
        if self.weights:
            return " + ".join(map(display_name, self.weights))
        known = [str((self.metadata.get(key) or {}).get("name") or "") for key in ("metric", "backbone")]
        return " in ".join(display_name(name) for name in known if name)

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each term by name; empty where the objective has one term."""
        terms = self.metadata.get("objective") or []
        return {str(term["name"]): float(term.get("weight", 1)) for term in terms} if len(terms) > 1 else {}

    @property
    def scores(self) -> dict[str, dict[str, Any]]:
        """The settings of each evaluation metric by name, in their order."""
        return self.metadata.get("scores") or {}

    @cached_property
    def rows_by_step(self) -> dict[int, Row]:
        """The rows of the history by step."""
        return {row.step: row for row in self.rows}

    @cached_property
    def best(self) -> Row | None:
        """The row of the lowest loss."""
        return min(self.rows, key=lambda row: row.loss, default=None)

    def results(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The figures of the initial image and of the result as it is shown: from metrics.json, and before the end of a
        run from its history.
        """
        if "initial" in self.metadata and "best" in self.metadata:
            return self.metadata["initial"], self.metadata["best"]
        until = next(reversed(self.frames), 0)
        rows = [row for row in self.rows if row.step <= until]
        if not rows:
            return {}, {}
        best_is_shown = self.result is not None and self.result.path == self.folder / names.RESULT
        shown = min(rows, key=lambda row: row.loss) if best_is_shown else rows[-1]
        return _finite(rows[0]), _finite(shown)


def weighted_terms(rows: Iterable[Row], weights: Mapping[str, float]) -> dict[str, list[tuple[int, float]]]:
    """What each term adds to the loss, weight times value, as (step, share) by the term's name."""
    return {
        name: [
            (row.step, weight * row.terms[name]) for row in rows if name in row.terms and math.isfinite(row.terms[name])
        ]
        for name, weight in weights.items()
        if weight
    }


def open_picture(path: Path) -> Picture:
    """An image file, checked and decoded.

    Raises:
        OSError, ValueError: for a broken file.
    """
    data = io.BytesIO(path.read_bytes())
    try:
        with Image.open(data) as image:
            image.verify()  # checksums, which decoding leaves out
        with Image.open(data) as image:
            return Picture(path, rgb(image))
    except (OSError, ValueError):
        raise
    except Exception as error:  # SyntaxError, DecompressionBombError, struct.error, ...
        raise ValueError(str(error) or type(error).__name__) from error


def reduced(image: Image.Image, longer: int) -> Image.Image:
    """The image, its longer side reduced to `longer` pixels; the image itself where it is no larger."""
    if max(image.size) <= longer:
        return image
    small = image.copy()
    small.thumbnail((longer, longer), Image.Resampling.LANCZOS)
    return small


def _finite(row: Row) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if isinstance(value, dict) or not math.isnan(value)}


def read_metadata(path: Path, missing: list[str]) -> dict[str, Any]:
    """What metrics.json holds; nothing, and a sentence in `missing`, where it cannot be read."""
    if not path.is_file():
        missing.append(f"{path.name} is missing, so neither the settings nor the figures at the end are known.")
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}")
    except (OSError, ValueError) as error:
        missing.append(f"{path.name} cannot be read ({error}), so neither settings nor figures at the end are known.")
        return {}
    return found


def read_picture(path: Path, missing: list[str], consequence: str) -> Picture | None:
    """An image file; None, and a sentence in `missing`, where it cannot be read."""
    if not path.is_file():
        missing.append(f"{path.name} is missing, so {consequence}.")
        return None
    try:
        return open_picture(path)
    except (OSError, ValueError) as error:
        missing.append(f"{path.name} cannot be read ({error}), so {consequence}.")
        return None


def read_frames(folder: Path, missing: list[str]) -> dict[int, Image.Image]:
    """The frames by step, reduced to `FRAME_SIZE` pixels; sentences in `missing` for those that cannot be read."""
    frames, broken = {}, []
    for step, path in names.frame_files(folder).items():
        try:
            frames[step] = reduced(open_picture(path).pixels, FRAME_SIZE)
        except (OSError, ValueError):
            broken.append(path.name)
    if broken:
        missing.append(f"Frames that cannot be read are left out: {_list(broken)}.")
    if not frames:
        missing.append(f"{names.FRAMES}/ holds no image, so there is no animation.")
    return frames


def _list(items: list[str], most: int = 3) -> str:
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
