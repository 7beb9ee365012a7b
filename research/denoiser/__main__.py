"""python -m research.denoiser photos=DIR."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from research.denoiser.settings import DenoiserSettings
from research.distill.photographs import digest, divide
from research.distill.settings import run


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; a mistake ends with one sentence and exit code 2."""
    run(DenoiserSettings, train, arguments)


def train(settings: DenoiserSettings) -> None:
    """Train the denoiser and print its file; the same command goes on from the last checkpoint."""
    files, _ = divide(settings.photos)
    import torch

    from enhance.experiment.devices import choose_device
    from enhance.runs.checkpoint import Checkpoints
    from enhance.utils.files import lock, remove_partial, write_bytes
    from research.denoiser import training
    from research.denoiser.samples import photographs

    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = choose_device(settings.device)
    folder = Path(settings.folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder):
        remove_partial(folder)
        checkpoints = Checkpoints(folder, settings.checkpoint, settings.identity(digest(files)))
        trained = training.train(settings, photographs(files, device), checkpoints)
        file = folder / "denoiser.safetensors"
        write_bytes(file, trained.weights())
    print(file)


if __name__ == "__main__":
    main()
