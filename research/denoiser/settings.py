"""The settings of the command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from enhance.config.schema import Config, limited
from enhance.restoration.denoiser import STRIDE
from enhance.utils.errors import SettingsError
from enhance.utils.hashes import hash_file
from research.denoiser.degraded import LEAST_SIDE
from research.distill.settings import MEASURES


@dataclass
class DenoiserSettings:
    """Settings of python -m research.denoiser, which trains the denoiser.

    Attributes:
        photos: folder of photographs; one of every seven is held out.
        folder: where checkpoints and the result lie; the same command goes on there.
        steps: updates.
        batch: crops an update.
        crop: side of a crop in pixels, a multiple of 8.
        learning_rate: after the warm-up and before the decay.
        muon: Muon for all convolutions but the first and the last; else Adam.
        start: a file of this command, whose weights are trained on.
        keep: share of the weights of `start` in the result, which is a mean of both.
        restored: share of the samples that are pictures in the midst of their restoration with the weights of the step
            before; the others have Gaussian noise.
        perceptual: weight of the measure beside the mean absolute error; only the last layers of `start` are trained,
            and lie beside its own as `perceptual.*`.
        measure: deepjsd, deepskld or deepwsd, in vgg_compact.
        seed: of the crops, their noise and the first weights.
        checkpoint: seconds between two checkpoints.
        device: auto, cpu, cuda, cuda:1, ...
        threads: of the CPU; null: all.
    """

    photos: str = MISSING
    folder: str = "outputs/denoiser"
    steps: int = limited(25_000, low=1)
    batch: int = limited(16, low=1)
    crop: int = limited(64, low=16)
    learning_rate: float = limited(2e-3, positive=True)
    muon: bool = True
    start: str | None = None
    keep: float = limited(0.0, low=0, high=1)
    restored: float = limited(0.0, low=0, high=1)
    perceptual: float = limited(0.0, low=0)
    measure: str = limited("deepjsd", accepted=MEASURES)
    seed: int = limited(Config.seed, low=0)
    checkpoint: float = limited(60.0, low=0)
    device: str = Config.device
    threads: int | None = limited(Config.threads, low=1, high=1024)

    def check(self) -> None:
        """Check that the settings go together.

        Raises:
            SettingsError: one sentence about the first setting that cannot be.
        """
        if self.crop % STRIDE:
            raise SettingsError(f"crop={self.crop} must be a multiple of {STRIDE}.")
        if self.restored and not self.states:
            raise SettingsError(f"restored={self.restored:g} is no sample of batch={self.batch}; give a larger batch=.")
        if self.restored and self.crop < LEAST_SIDE:
            raise SettingsError(f"restored={self.restored:g} needs a crop of at least {LEAST_SIDE}, got {self.crop}.")
        if self.perceptual and not self.start:
            raise SettingsError("perceptual=WEIGHT needs start=FILE, whose last layers are trained on.")
        if self.keep and (self.perceptual or not self.start):
            raise SettingsError("keep=SHARE needs start=FILE and goes without perceptual=.")

    @property
    def states(self) -> int:
        """The samples of an update that a coupling shows."""
        return round(self.restored * self.batch)

    def identity(self, photographs: str) -> dict[str, str]:
        """The settings on which the weights depend, but for the number of steps."""
        names = ["batch", "crop", "learning_rate", "muon", "seed", "restored", "perceptual"]
        named = {name: str(getattr(self, name)) for name in names + ["measure"] * bool(self.perceptual)}
        return named | {"photos": photographs, "start": hash_file(Path(self.start)) if self.start else ""}
