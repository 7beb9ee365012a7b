"""The files of a duel, read once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from enhance.metrics.registry import display_name
from enhance.report.numbers import quantity
from enhance.report.run_data import Picture, open_picture
from enhance.runs import layout as names
from enhance.runs.history import Row, read

FOUR = ("best-A", "worst-A", "best-B", "worst-B")
"""The images: the best and the worst by the first metric at the level of the second, and the reverse."""


@dataclass(frozen=True)
class DuelData:
    """A duel as its files describe it, ended or not.

    Attributes:
        folder: of the duel.
        metadata: metrics.json.
        pictures: reference, initial and, of the four, those that are there, by name.
        rows: the history of each of the four that has begun, by name.
    """

    folder: Path
    metadata: dict[str, Any]
    pictures: dict[str, Picture]
    rows: dict[str, list[Row]]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The duel in a folder.

        Raises:
            OSError, ValueError: if the reference or the initial image cannot be read.
        """
        files = {"reference": folder / names.REFERENCE, "initial": folder / names.INITIAL}
        files |= {name: file for name in FOUR if (file := folder / f"{name}.png").is_file()}
        rows = {name: found for name in FOUR if (found := read(folder / name / names.HISTORY))}
        pictures = {name: open_picture(file) for name, file in files.items()}
        return cls(folder, names.read_metrics(folder), pictures, rows)

    @property
    def pair(self) -> tuple[str, str]:
        """The names of the metrics A and B."""
        first, second = self.metadata["duel"]["pair"]
        return first, second

    @property
    def images(self) -> dict[str, dict[str, Any]]:
        """The figures of initial image and of those of the four that are there, by name."""
        found = {"initial": self.metadata["initial"]} if "initial" in self.metadata else {}
        return found | self.metadata.get("images", {})

    def sides(self, name: str) -> tuple[str, str]:
        """The metric that moves and the metric that is fixed."""
        first, second = self.pair
        return (first, second) if name.endswith("A") else (second, first)

    def title(self, name: str) -> str:
        """What an image is, e.g. `best SSIM at equal MSE`."""
        if name not in FOUR:
            return name
        moving, fixed = map(display_name, self.sides(name))
        return f"{name.partition('-')[0]} {moving} at equal {fixed}"

    def scores(self, name: str) -> dict[str, float | None]:
        """The scores of an image: by both metrics, then by the evaluation metrics."""
        return self.images.get(name, {}).get("scores", {})

    def caption(self, name: str) -> str:
        """The scores by both metrics; empty where they are not known, and of the reference."""
        scores = self.scores(name)
        known = [f"{display_name(key)} {quantity(key).write(scores[key])}" for key in self.pair if key in scores]
        return ", ".join(known)
