"""The files of one image in one format, each encoded and measured at most once."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property

from PIL import Image
from torch import Tensor

from enhance.encoding.formats import Format
from enhance.images.arrays import to_array
from enhance.images.pictures import open_picture, picture_path
from enhance.images.reading import Picture, from_pillow
from enhance.metrics.metric import Metric
from enhance.metrics.psnr_ssim import psnr


@dataclass
class Original:
    """An image to be encoded.

    Args:
        name: of a file or a sample.
        picture: the image (1, 3, H, W).
        bytes: size of the file.
        notes: what of the file the encoded ones will not have, in sentences.
    """

    name: str
    picture: Picture
    bytes: int
    notes: tuple[str, ...] = ()

    @cached_property
    def pixels(self) -> Image.Image:
        """The image in 8 bits, as encoders take it."""
        return Image.fromarray(to_array(self.picture.image))


def read_original(name: str, background: str, range: float | None = None) -> Original:
    """An image by the name of its file or sample, in sRGB.

    Raises:
        ValueError: if it cannot be read; one sentence says why.
    """
    picture = open_picture(name, background, range=range)
    notes = [note for note in picture.notes if "bits a channel were kept" not in note]
    notes += ["encoded with 8 bits a channel"] * (picture.bits > 8)
    return Original(name, picture, picture_path(name).stat().st_size, tuple(notes))


class Measure:
    """How far files are from one original, by a metric.

    Args:
        metric: any.
        original: the image.
    """

    def __init__(self, metric: Metric, original: Original) -> None:
        self.metric, self.sign = metric, -1.0 if metric.higher_is_better else 1.0
        self.image = original.picture.image.to(metric.device or "cpu", metric.dtype)
        self._reference = metric.prepare(self.image)

    def score(self, image: Tensor) -> float:
        """The score of an image (1, 3, H, W)."""
        return float(self.metric.scores(image.to(self.image), self._reference).item())

    def psnr(self, image: Tensor) -> float:
        """PSNR in decibels; infinite for equal images."""
        return float(psnr(image.to(self.image), self.image).item())

    def reaches(self, score: float, wanted: float) -> bool:
        """Whether a score is at least as good as the one wanted."""
        return self.sign * score <= self.sign * wanted


class Candidates:
    """The files of one image in one format, by quality.

    Args:
        original: the image.
        form: the format.
        measure: of the same image.
    """

    def __init__(self, original: Original, form: Format, measure: Measure) -> None:
        self.original, self.format, self.measure = original, form, measure
        self._data: dict[int, bytes] = {}
        self._scores: dict[int, float] = {}

    def data(self, quality: int) -> bytes:
        """The file."""
        if quality not in self._data:
            profile = self.original.picture.profile or None
            self._data[quality] = self.format.encode(self.original.pixels, quality, profile)
        return self._data[quality]

    def bytes(self, quality: int) -> int:
        """The size of the file."""
        return len(self.data(quality))

    def image(self, quality: int) -> Tensor:
        """What a reader of the file sees, (1, 3, H, W)."""
        with Image.open(io.BytesIO(self.data(quality))) as opened:
            return from_pillow(opened).image

    def score(self, quality: int) -> float:
        """The score of the file."""
        if quality not in self._scores:
            self._scores[quality] = self.measure.score(self.image(quality))
        return self._scores[quality]

    @property
    def measured(self) -> list[int]:
        """The qualities whose score is known, ascending."""
        return sorted(self._scores)
