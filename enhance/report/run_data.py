"""What the folder of a run tells, read once and whatever of it is missing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from PIL import Image

from enhance.report.style import WRITTEN
from enhance.runs import layout as names
from enhance.runs.history import Row, read


@dataclass(frozen=True)
class Story:
    """A run as its files tell it: ended, going on, or cut off.

    Attributes:
        folder: of the run.
        facts: metrics.json; empty where it cannot be read.
        rows: of the history.
        initial: file of the image that the run began with; None where it cannot be read, as with the others.
        result: file of the best image; before there is one, the last frame, or the initial image.
        reference: file of the reference.
        frames: files of the frames by step.
        configuration: the complete settings, YAML.
        warnings: lines of the log that warn.
        missing: one sentence for each thing that is not there.
    """

    folder: Path
    facts: dict[str, Any]
    rows: list[Row]
    initial: Path | None
    result: Path | None
    reference: Path | None
    frames: dict[int, Path]
    configuration: str
    warnings: tuple[str, ...]
    missing: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the folder of a run.

        Raises:
            ValueError: if the folder holds no run.
        """
        known = (names.METRICS, names.HISTORY, names.INITIAL, names.REFERENCE, names.RESULT)
        if not any((folder / name).is_file() for name in known):
            raise ValueError(f"{folder} holds no run: it has no {names.METRICS}; name the folder of a run.")
        missing: list[str] = []
        facts = _facts(folder / names.METRICS, missing)
        rows = read(folder / names.HISTORY)
        if not rows:
            missing.append(f"{names.HISTORY} is missing or holds no step, so there are no curves.")
        initial = _image(folder / names.INITIAL, missing, "the image that the run began with is not known")
        reference = _image(folder / names.REFERENCE, missing, "there is nothing to compare with")
        frames = _frames(folder, missing)
        last = next(reversed(frames.values()), initial)
        instead = f"{'a frame' if frames else 'the initial image'} stands in for it" if last else "there is no result"
        result = _image(folder / names.RESULT, missing, instead) or last
        configuration = _text(folder / names.CONFIGURATION)
        if not configuration:
            missing.append(f"{names.CONFIGURATION} is missing, so the complete configuration is not known.")
        warnings = [line for line in _text(folder / names.LOG).splitlines() if " WARNING " in line or " ERROR " in line]
        return cls(
            folder, facts, rows, initial, result, reference, frames, configuration, tuple(warnings), tuple(missing)
        )

    @property
    def ended(self) -> bool:
        """Whether its last step is made, or it was interrupted."""
        return "stop_reason" in self.facts

    @property
    def made_of(self) -> str:
        """Measure and backbone, e.g. `DeepJSD in vgg16`; what is known of them."""
        makers = [str(self.facts.get(key, {}).get("name") or "") for key in ("metric", "backbone")]
        return " in ".join(WRITTEN.get(name, name) for name in makers if name)

    @property
    def best(self) -> Row | None:
        """The row of the lowest loss."""
        return min(self.rows, key=lambda row: row.loss, default=None)

    def numbers(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The figures of the initial image and of the result as it is shown: from metrics.json, and before the end of a
        run from its history.
        """
        if "initial" in self.facts and "best" in self.facts:
            return self.facts["initial"], self.facts["best"]
        until = next(reversed(self.frames), 0)
        rows = [row for row in self.rows if row.step <= until]
        if not rows:
            return {}, {}
        shown = min(rows, key=lambda row: row.loss) if self.result == self.folder / names.RESULT else rows[-1]
        return _known(rows[0]), _known(shown)


def _known(row: Row) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if not math.isnan(value)}


def _facts(path: Path, missing: list[str]) -> dict[str, Any]:
    if not path.is_file():
        missing.append(f"{path.name} is missing, so neither the settings nor the figures at the end are known.")
        return {}
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(facts, dict):
            raise ValueError(f"it holds a {type(facts).__name__}")
    except (OSError, ValueError) as error:
        missing.append(f"{path.name} cannot be read ({error}), so neither settings nor figures at the end are known.")
        return {}
    return facts


def _image(path: Path, missing: list[str], so: str) -> Path | None:
    if why := _unreadable(path):
        missing.append(f"{path.name} {why}, so {so}.")
        return None
    return path


def _frames(folder: Path, missing: list[str]) -> dict[int, Path]:
    found = names.frame_files(folder)
    broken = [file.name for file in found.values() if _unreadable(file)]
    frames = {step: file for step, file in found.items() if file.name not in broken}
    if broken:
        missing.append(f"Frames that cannot be read are left out: {_listed(broken)}.")
    if not frames:
        missing.append(f"{names.FRAMES}/ holds no image, so there is no animation.")
    return frames


def _unreadable(path: Path) -> str:
    """Why a picture cannot be used; empty where it can."""
    if not path.is_file():
        return "is missing"
    try:
        with Image.open(path) as image:
            image.verify()
    except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises for a broken PNG
        return f"cannot be read ({error})"
    return ""


def _listed(items: Iterable[str], most: int = 3) -> str:
    items = list(items)
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
