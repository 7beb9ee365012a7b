"""A restoration, pass by pass: what the command and `enhance.restore` share."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from numbers import Integral
from pathlib import Path

import torch
from torch import Tensor

from enhance.config.limits import check_ranges, check_types
from enhance.config.restoration import FACTORS, RestorationConfig
from enhance.config.schema import Config
from enhance.images.arrays import ImageError
from enhance.images.wide import Wide
from enhance.metrics.psnr_ssim import psnr, ssim_or_nan
from enhance.optim.inputs import Given, read_image
from enhance.restoration.blocks import shows_blocks
from enhance.restoration.coupling import Denoise
from enhance.restoration.grey import for_grey, is_grey
from enhance.restoration.jpeg_file import is_jpeg
from enhance.restoration.plans import Asked, Plan
from enhance.restoration.tasks import TASKS
from enhance.runs.restoration import Moment
from enhance.utils.errors import SettingsError
from enhance.utils.suggest import unknown


class Restoration:
    """A restoration that is ready to run.

    Args:
        image, task, reference, kernel, factor: see `restore`.
        config: the degradation that is assumed, and how it is coupled.
        background: what transparent pixels are laid on.
        range: of floats, the value that is white.

    Attributes:
        plan: how it is restored.
        initial: (1, 3, H, W), what the result is compared with as before.
        bits: of a channel of the result.
        profile: the ICC profile of the file, where the picture is restored in its own RGB values; else empty.
        notes: what was done to the files.
        reference: (1, 3, H, W), or None.
    """

    def __init__(
        self,
        image: Given,
        task: str,
        *,
        config: RestorationConfig,
        kernel: Given | None = None,
        factor: int | None = None,
        reference: Given | None = None,
        background: str = Config.background,
        range: float | None = Config.range,
    ) -> None:
        if not isinstance(task, str) or task not in TASKS:
            raise SettingsError(unknown("task", task, TASKS))
        check_types(config)
        check_ranges(config)
        _check(task, kernel, factor)
        picture = read_image(image, "image", background, range=range, own=True)
        path, self._wide = picture.path, picture.wide
        self.bits, notes = picture.bits, [*picture.notes]
        self.profile = b"" if self._wide is None else self._wide.profile
        if self._wide is not None:
            notes.append(_of_profile(self._wide, Path(picture.source).name))
        self.plan: Plan = TASKS[task](
            Asked(
                picture.image,
                path,
                config.degradation,
                config.coupling,
                None if kernel is None else _kernel(kernel, notes),
                FACTORS[0] if factor is None else factor,
                self._wide is not None,
            )
        )
        if task != "jpeg" and path is not None:
            notes += _of_blocks(path, picture.image, task)
        sigma = config.degradation.sigma
        if task == "denoise" and sigma is not None and 0 < sigma < 1:
            notes.append(f"sigma={sigma:g} is on the scale of 255; {sigma * 255:g} on that of [0, 1]")
        notes += self.plan.notes
        self._grey = is_grey(picture.image)
        self._last = self.plan.observation.start()
        self._first = self._seen(self._last)
        self.initial = self._first[0]
        self.reference = None if reference is None else self._read_reference(reference, background, range, notes)
        self.notes = tuple(notes)

    @torch.no_grad()
    def moments(self, denoise: Denoise) -> Iterator[Moment]:
        """The picture as given and after each pass."""
        denoise = _checked(denoise)
        if self._grey:
            denoise = for_grey(denoise, math.sqrt(3) if self.plan.observation.independent else 1)
        image, own = self._first
        yield Moment(0, float("nan"), image, self.plan.observation.misfit(self._last), 0.0, own)
        passes, seconds, started = self.plan.passes(denoise), 0.0, time.perf_counter()
        for made in passes:
            self._last = estimate = self.plan.finish(made.estimate)
            seconds += time.perf_counter() - started
            misfit = self.plan.observation.misfit(estimate)
            image, own = self._seen(estimate)
            yield Moment(made.index, 255 * made.level, image, misfit, seconds, own)
            started = time.perf_counter()

    def fit(self) -> dict[str, float]:
        """How well the last estimate meets the observation, see `Observation.fit`."""
        return self.plan.observation.fit(self._last)

    def figures(self, image: Tensor) -> dict[str, float]:
        """The figures of an image against the reference; none without one."""
        if self.reference is None:
            return {}
        return {"psnr": psnr(image, self.reference).item(), "ssim": ssim_or_nan(image, self.reference)}

    def _seen(self, estimate: Tensor) -> tuple[Tensor, Tensor | None]:
        """An estimate as a picture in sRGB, upright, in [0, 1]; the same in the RGB values of its file, if it keeps
        their profile.
        """
        picture = self.plan.as_read(self.plan.observation.picture(estimate).clamp(0, 1))
        return (picture, None) if self._wide is None else (self._wide.in_srgb(picture), picture)

    def _read_reference(self, reference: Given, background: str, range: float | None, notes: list[str]) -> Tensor:
        picture = read_image(reference, "reference", background, range=range)
        if picture.image.shape != self.initial.shape:
            sizes = [f"{each.shape[-1]} x {each.shape[-2]}" for each in (picture.image, self.initial)]
            raise ImageError(f"reference is {sizes[0]} but the result is {sizes[1]} (width x height); resize one.")
        notes += picture.notes
        return picture.image


def _checked(denoise: Denoise) -> Denoise:
    """The denoiser, whose image must be one of the size that it was given, without NaN.

    Raises:
        ValueError: when it is called, if it is not.
    """

    def found(image: Tensor, noise: Tensor) -> Tensor:
        made = denoise(image, noise)
        if not isinstance(made, Tensor) or made.shape != image.shape:
            got = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
            raise ValueError(f"The denoiser must return a tensor {tuple(image.shape)}, as it was given, got {got}.")
        if not made.isfinite().all():
            raise ValueError("The denoiser returned values that are not finite.")
        return made

    return found


def _of_profile(wide: Wide, name: str) -> str:
    """That no colour is converted but where it is shown."""
    return f"{name} is restored in its own colour profile ({wide.name}), which the file of the result keeps"


def _of_blocks(path: Path, image: Tensor, task: str) -> list[str]:
    """What a task other than jpeg leaves of a JPEG."""
    if is_jpeg(path):
        return [f"{path.name} is a JPEG: task={task} leaves its blocks as they are, task=jpeg repairs them"]
    if shows_blocks(image):
        return [
            f"{path.name} shows the blocks of a JPEG that it was, which are no noise that is estimated; "
            "task=denoise degradation.sigma=20, more or less, smooths them"
        ]
    return []


def _check(task: str, kernel: object, factor: int | None) -> None:
    if kernel is not None and task != "deblur":
        raise SettingsError(f"kernel= goes with task=deblur, not task={task}.")
    if factor is not None and task != "upscale":
        raise SettingsError(f"factor={factor} goes with task=upscale, not task={task}.")
    if factor is not None and (factor not in FACTORS or not isinstance(factor, Integral)):
        raise SettingsError(f"factor={factor} must be one of {', '.join(map(str, FACTORS))}.")


def _kernel(given: Given, notes: list[str]) -> Tensor:
    """The kernel in an image or a matrix of weights; what was done to it is noted."""
    if isinstance(given, Tensor) and given.dim() == 2:
        given = given.expand(1, 3, -1, -1)
    kernel = read_image(given, "kernel", "black", smallest=1).image.mean((0, 1))
    total = kernel.sum().item()
    if abs(total - 1) > 1e-3:
        notes.append(f"the kernel, whose sum is {total:.4g}, is divided by it")
    if not all(side % 2 for side in kernel.shape):
        notes.append("the kernel has an even side: its centre is the pixel before the middle")
    return kernel
