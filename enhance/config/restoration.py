"""The settings of a restoration, typed, with every default."""

from __future__ import annotations

from dataclasses import dataclass, field

from enhance.config.schema import Config, SweepConfig, limited

FACTORS = (2, 3, 4)
"""Those of an enlargement; the first is the default."""

METHODS = ("bicubic", "area")
"""Those of a reduction; the first is the default."""

RESTORATIONS = ("denoise", "deblur", "jpeg", "upscale")
"""The tasks that restore a picture: with `image=` in place of `reference=`."""


@dataclass
class RestorationTaskConfig:
    """The task, which is chosen by `task=NAME`.

    Attributes:
        name: denoise, deblur, jpeg or upscale.
    """

    name: str = limited(RESTORATIONS[0], accepted=RESTORATIONS)


@dataclass
class DenoiserConfig:
    """The denoiser.

    Attributes:
        name: of `enhance.restoration.denoisers.DENOISERS`.
        weights: embedded, or a file.
        perception: of denoiser_compact: 0 for the least error, 1 for the likeness that DeepJSD measures, or between.
        ensemble: the mean over the picture turned and mirrored in eight ways, which takes eight times as long.
        tile: side in pixels of the tiles that a larger picture is denoised in, a multiple of 8; 0: never.
    """

    name: str = "denoiser_compact"
    weights: str = "embedded"
    perception: float = limited(0.0, low=0, high=1)
    ensemble: bool = False
    tile: int = limited(768, low=0)


@dataclass
class CouplingConfig:
    """How an observation and the denoiser are coupled: blur, lost pixels and reduced pictures.

    Attributes:
        passes: of the denoiser.
        first, last: noise level of the first and of the last pass, of 255.
        trust: weight of the denoised image against the observation.
    """

    passes: int = limited(12, low=1, high=100)
    first: float = limited(49.0, positive=True, high=255)
    last: float = limited(3.0, positive=True, high=255)
    trust: float = limited(0.2, positive=True, high=1000)


@dataclass
class AssumedConfig:
    """The degradation that is assumed; null settings are estimated.

    Attributes:
        name: gaussian_noise, poisson_gaussian_noise, salt_and_pepper, gaussian_blur, motion_blur, disk_blur, kernel,
            downscale; null: the task's own.
        sigma: of the noise, of 255; of a Gaussian blur, in pixels.
        peak: of Poisson-Gaussian noise: photons at white.
        length, angle: of a motion blur, in pixels and degrees.
        radius: of a disk blur, in pixels.
        noise: beside a blur or a reduction, of 255.
        method: of a reduction: bicubic or area.
    """

    name: str | None = None
    sigma: float | None = limited(None, low=0, high=255)
    peak: float | None = limited(None, low=0.1, high=1e6)
    length: float | None = limited(None, positive=True, high=200)
    angle: float | None = limited(None, low=-360, high=360)
    radius: float | None = limited(None, positive=True, high=100)
    noise: float | None = limited(None, low=0, high=255)
    method: str | None = limited(None, accepted=METHODS)


@dataclass
class RestorationConfig:
    """A restoration."""

    degradation: AssumedConfig = field(default_factory=AssumedConfig)
    coupling: CouplingConfig = field(default_factory=CouplingConfig)
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)


@dataclass
class RestoreConfig:
    """The settings of a restoration.

    Attributes:
        image: a file, a folder, or a sample.
        reference: the clean picture, where there is one: it is only compared with the result.
        degradation: what is assumed; null settings are estimated.
        kernel: of deblur: a picture of what a point of light became.
        factor: of upscale: 2, 3 or 4; null: 2.
        denoiser: the denoiser.
        coupling: of the observation and the denoiser.
        output: a folder; null: one in outputs/, or restored/NAME-TASK for a folder of images. Images that are restored
            there with the same settings are left out.
        background: colour that transparent pixels are laid on.
        range: of floats, the value that is white; null: they must lie in [0, 1]. Whole numbers have their own white.
        exif: keep: result.png has what the camera wrote into the image's file, its place too; null: nothing of it.
        device: auto, cpu, cuda, cuda:1, ...
        threads: of the CPU; null: all.
        live: serve the page of the restoration while it is at work, on this machine alone; its address is printed.
        sweep: where -m restores with several settings.
    """

    task: RestorationTaskConfig = field(default_factory=RestorationTaskConfig)
    image: str | None = None
    reference: str | None = None
    degradation: AssumedConfig = field(default_factory=AssumedConfig)
    kernel: str | None = None
    factor: int | None = None
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    coupling: CouplingConfig = field(default_factory=CouplingConfig)
    output: str | None = None
    background: str = Config.background
    range: float | None = limited(None, positive=True)
    exif: str | None = limited(None, accepted=("keep",))
    device: str = Config.device
    threads: int | None = limited(None, low=1)
    live: bool = Config.live
    sweep: SweepConfig = field(default_factory=SweepConfig)
