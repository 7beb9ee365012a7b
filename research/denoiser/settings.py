"""The settings of the command."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from enhance.config.schema import Config, SettingsError, limited
from enhance.restoration.denoiser import STRIDE


@dataclass
class DenoiserSettings:
    """Settings of python -m research.denoiser, which trains the denoiser on the CPU.

    Attributes:
        photos: folder of photographs; one of every seven is held out.
        folder: where checkpoints and the result lie; the same command goes on there.
        steps: updates.
        batch: crops an update.
        crop: side of a crop in pixels, a multiple of 8.
        learning_rate: after the warm-up and before the decay.
        muon: Muon for all convolutions but the first and the last; else Adam.
        seed: of the crops, their noise and the first weights.
        checkpoint: seconds between two checkpoints.
        threads: of the CPU; null: all.
    """

    photos: str = MISSING
    folder: str = "outputs/denoiser"
    steps: int = limited(25_000, low=1)
    batch: int = limited(16, low=1)
    crop: int = limited(64, low=16)
    learning_rate: float = limited(2e-3, positive=True)
    muon: bool = True
    seed: int = limited(Config.seed, low=0)
    checkpoint: float = limited(60.0, low=0)
    threads: int | None = limited(Config.threads, low=1, high=1024)

    def check(self) -> None:
        """Nothing, where the settings go together.

        Raises:
            SettingsError: one sentence about the first setting that cannot be.
        """
        if self.crop % STRIDE:
            raise SettingsError(f"crop={self.crop} must be a multiple of {STRIDE}.")

    def identity(self, photographs: str) -> dict[str, str]:
        """The settings on which the weights depend, but for the number of steps."""
        named = {name: str(getattr(self, name)) for name in ("batch", "crop", "learning_rate", "muon", "seed")}
        return named | {"photos": photographs}
