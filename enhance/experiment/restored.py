"""What `enhance.restore` returns."""

from __future__ import annotations

import base64
import io
import os
from dataclasses import dataclass
from html import escape
from typing import Any

from PIL import Image
from torch import Tensor

from enhance.images.arrays import resize, to_array
from enhance.images.writing import save_image
from enhance.utils.units import in_words

_SHOWN = 480  # pixels of an image's longer side in a notebook
_UNLISTED = ("degradation", "tables")  # the name comes first; tables are long


@dataclass(frozen=True)
class Restored:
    """The result of a restoration. In a notebook it shows its images, what was assumed, and the notes.

    Attributes:
        image: (1, 3, H, W) in [0, 1], sRGB.
        initial: the picture as it was given, enlarged where the result is larger.
        assumed: the degradation and its settings.
        estimated: what was estimated from the picture.
        fit: how well the observation is met.
        figures: of the result against the reference, where one was given: psnr, ssim, and the same of `initial`.
        history: one moment a pass, without the images.
        notes: what was done to the files, in sentences.
        own: the image in the RGB values of its file, where that keeps another profile than sRGB: what `save` writes.
        profile: the ICC profile of `own`; empty without it.
        bits: of a channel of the picture that was given: 16 where its file holds more than 8, else 8.
    """

    image: Tensor
    initial: Tensor
    assumed: dict[str, Any]
    estimated: dict[str, Any]
    fit: dict[str, float]
    figures: dict[str, float]
    history: list[dict[str, float]]
    notes: tuple[str, ...]
    own: Tensor | None = None
    profile: bytes = b""
    bits: int = 8

    def save(self, path: str | os.PathLike[str], bits: int | None = None) -> None:
        """Write the image in the colour profile of the picture that was given, if it is kept, else in sRGB.

        Args:
            path: where to; the format follows from the suffix, see `enhance.save_image`.
            bits: of a channel; None: as the picture that was given.

        Raises:
            ImageError: for a format that does not hold the bits or the profile.
        """
        save_image(self.image if self.own is None else self.own, path, bits or self.bits, self.profile)

    def __repr__(self) -> str:
        passes = len(self.history) - 1
        known = f", {self._decibels('psnr')}" if self.figures else ""
        return f"Restored({_listed(self.assumed)}; {passes} {'pass' if passes == 1 else 'passes'}{known})"

    def _repr_html_(self) -> str:
        """The two images side by side and a line for everything else, for IPython."""
        titles = {"initial": "as it was given", "image": "restored"}
        if self.figures:
            titles = {
                "initial": f"{titles['initial']}: {self._decibels('initial_psnr')}",
                "image": f"{titles['image']}: {self._decibels('psnr')}",
            }
        figures = [_figure(getattr(self, key), title) for key, title in titles.items()]
        lines = [f"Assumed: {_listed(self.assumed)}"]
        lines += [f"Estimated: {_listed(self.estimated)}"] if self.estimated else []
        said = "".join(f"<p>{escape(line)}</p>" for line in (*lines, *self.notes))
        return f'<div style="display: flex; flex-wrap: wrap; gap: 8px">{"".join(figures)}</div>{said}'

    def _decibels(self, key: str) -> str:
        return f"PSNR {self.figures[key]:.2f} dB"


def _listed(values: dict[str, Any]) -> str:
    """Settings with their units, e.g. `gaussian noise, sigma 25 of 255`."""
    name = str(values.get("degradation", ""))
    listed = {key: value for key, value in values.items() if key not in _UNLISTED}
    named = (f"{key.replace('_', ' ')} {in_words(key, value, name)}" for key, value in listed.items())
    return ", ".join([name.replace("_", " "), *named] if name else named)


def _figure(image: Tensor, title: str) -> str:
    stream = io.BytesIO()
    Image.fromarray(to_array(resize(image.float(), _SHOWN))).save(stream, "PNG")
    data = base64.b64encode(stream.getvalue()).decode()
    return (
        f'<figure style="margin: 0"><img src="data:image/png;base64,{data}" alt="{escape(title)}">'
        f"<figcaption>{escape(title)}</figcaption></figure>"
    )
