"""What each task makes of a picture: its plan."""

from __future__ import annotations

from collections.abc import Callable

from enhance.config.restoration import METHODS
from enhance.images.arrays import ImageError
from enhance.restoration.blocks import shows_blocks
from enhance.restoration.cells import JpegCells
from enhance.restoration.coupling import Schedule, split
from enhance.restoration.deblurring import deblur
from enhance.restoration.denoising import denoise
from enhance.restoration.downscaling import Downscaled
from enhance.restoration.jpeg_file import is_jpeg, read_jpeg
from enhance.restoration.oriented import as_read
from enhance.restoration.plans import Asked, Plan, coupled, name_of, require, require_uncoupled


def upscale(asked: Asked) -> Plan:
    """A reduced picture is enlarged."""
    name_of(asked, "downscale")
    require(asked, "noise", "method")
    noise = asked.assumed.noise or 0.0  # a reduction averages noise away
    method = asked.assumed.method or METHODS[0]
    return coupled(Downscaled(asked.image, asked.factor, method, noise / 255), asked, {})


def jpeg(asked: Asked) -> Plan:
    """A JPEG is repaired within the cells of its own coefficients."""
    name_of(asked, "jpeg")
    require(asked)
    require_uncoupled(asked, "task=jpeg")
    if asked.path is None:
        raise ImageError("task=jpeg needs the file itself, whose quantisation tables it reads: image=FILE.jpg.")
    path = asked.path
    if not is_jpeg(path) and shows_blocks(asked.image):
        raise ImageError(
            f"{path} is no JPEG but shows the blocks of one: it was saved anew, and the quantisation tables that this "
            "task needs are gone; give the JPEG that it was, or take task=denoise with degradation.sigma=."
        )
    cells = JpegCells(read_jpeg(path))
    level = cells.reckoned
    schedule = Schedule(1, level, level, asked.coupling.trust)
    estimated = {"level_given_to_the_denoiser": round(255 * level, 2)}
    return Plan(
        cells,
        lambda denoiser: split(cells, denoiser, schedule),
        estimated,
        finish=lambda estimate: cells.proximal(estimate, 0),
        as_read=lambda picture: as_read(picture, path, asked.own),
    )


TASKS: dict[str, Callable[[Asked], Plan]] = {"denoise": denoise, "deblur": deblur, "jpeg": jpeg, "upscale": upscale}
