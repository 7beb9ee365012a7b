"""What `enhance.optimize` returns."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from enhance.images.arrays import resize, to_array
from enhance.runs.history import Row

_SHOWN = 600  # pixels of an image's longer side in a notebook


@dataclass(frozen=True)
class Optimized:
    """The result of an optimisation. In a notebook it shows its images and curves.

    Attributes:
        image: (1, 3, H, W) in [0, 1], the best by loss, on the device of the run.
        best: the row of its step.
        history: one row a step: step, loss, score, lr, psnr, ssim, seconds, terms; SSIM, which takes long, is NaN
            between some forty steps. `pandas.DataFrame(result.history)` is a table of it.
        stop_reason: why it ended.
        reference, initial: (1, 3, H, W), what it moved towards and where it started.
        frames: a few images on the way, by step, on the CPU.
        weights: of the objective's terms, by name, where it has several.
        notes: what was done to the images that were given, which settings changed nothing, and whether the image was
            measured in tiles, in sentences.
    """

    image: Tensor
    best: Row
    history: list[Row]
    stop_reason: str
    reference: Tensor
    initial: Tensor
    frames: dict[int, Tensor]
    weights: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"Optimized(step {self.best.step}: loss {self.best.loss:.4g}, PSNR {self.best.psnr:.2f} dB, "
            f"SSIM {self.best.ssim:.4f}; {self.stop_reason})"
        )

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Images and curves, for IPython."""
        from enhance.report.figures import strip

        rows = {row.step: row for row in self.history}
        titled = {f"initial: {_decibels(self.history[0])}": self.initial}
        titled |= {
            f"step {step}: {_decibels(rows[step])}": image
            for step, image in self.frames.items()
            if 0 < step < self.best.step
        }
        titled |= {f"result: {_decibels(self.best)}": self.image, "reference": self.reference}
        images = {title: to_array(resize(image.float(), _SHOWN)) for title, image in titled.items()}
        return strip(images, self.history, self.best, weights=self.weights)


def _decibels(row: Row) -> str:
    return f"{row.psnr:.1f} dB"
