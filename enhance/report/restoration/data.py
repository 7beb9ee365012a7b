"""The files of a restoration, read once, whichever of them are missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from PIL import Image

from enhance.report.run_data import Picture, read_frames, read_metadata, read_picture
from enhance.runs import layout as names

_TEXTS, _SECTIONS = ("task", "image", "command"), ("assumed", "estimated")
_AT_THE_END = ("fit", "initial", "result")


@dataclass(frozen=True)
class RestorationData:
    """A restoration as its files describe it: ended, still running, or damaged.

    Attributes:
        folder: of the restoration.
        metadata: metrics.json; empty where it cannot be read.
        pictures: `before` and `after`, those that can be read.
        frames: by step.
        missing: one sentence for each thing that is not there.
    """

    folder: Path
    metadata: dict[str, Any]
    pictures: dict[str, Picture] = field(default_factory=dict)
    frames: dict[int, Image.Image] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The restoration in a folder."""
        missing: list[str] = []
        metadata = read_metadata(folder / names.METRICS, missing)
        ended = metadata.get("status") != "running"
        for keys, kind in ((_TEXTS, str), (_SECTIONS, dict), (_AT_THE_END if ended else (), dict)):
            absent = [key for key in keys if not isinstance(metadata.get(key), kind)] if metadata else []
            missing += [f"{names.METRICS} does not say `{key}`, so the page does not either." for key in absent]
        if not (folder / names.HISTORY).is_file():
            missing.append(f"{names.HISTORY} is missing, so the figures of each pass are not known.")
        frames = read_frames(folder, missing)
        last = names.frame_file(folder, max(frames, default=0))
        files = (("before", folder / names.INITIAL), ("after", folder / names.RESULT if ended else last))
        found = {name: read_picture(file, missing, f"there is no picture {name}") for name, file in files}
        pictures = {name: picture for name, picture in found.items() if picture}
        return cls(folder, metadata, pictures, frames, tuple(missing))

    @property
    def ended(self) -> bool:
        """Whether the last pass is made, or the restoration was interrupted."""
        return self.metadata.get("status") != "running"

    @property
    def passes(self) -> int:
        """How many passes have left a frame."""
        return max(self.frames, default=0)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the result."""
        known = [self.metadata.get(key) for key in ("width", "height")]
        if all(isinstance(side, int) and side > 0 for side in known):
            return known[0], known[1]  # type: ignore[return-value]
        return next((picture.pixels.size for picture in self.pictures.values()), (1, 1))

    @property
    def notes(self) -> list[str]:
        """What was done to the files."""
        notes = self.metadata.get("notes")
        return [str(note) for note in notes] if isinstance(notes, list) else []

    def text(self, key: str) -> str:
        """A text of metrics.json; empty where there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""

    def section(self, key: str) -> dict[str, Any]:
        """A section of metrics.json; empty where there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, dict) else {}


def is_restoration(folder: Path) -> bool:
    """Whether a folder is that of a restoration, by metrics.json or, where that is damaged, by the history."""
    if found := names.read_metrics(folder):
        return found.get("kind") == names.KIND_OF_RESTORATIONS
    try:
        with (folder / names.HISTORY).open(encoding="utf-8") as stream:
            return stream.readline().strip() == ",".join(names.COLUMNS_OF_RESTORATIONS)
    except (OSError, ValueError):
        return False
