"""`task=denoise|deblur|jpeg|upscale` with `image=`: a picture is restored that nobody has clean."""

from __future__ import annotations

from pathlib import Path

from enhance.config.restoration import RestoreConfig as Settings
from enhance.utils.errors import SettingsError

__all__ = ["Settings", "run"]


def run(settings: Settings) -> int:
    """Restore an image, or each image of a folder, and leave a run's folder for each.

    Returns:
        0, or 1 where an image of a folder could not be restored.

    Raises:
        ValueError: one sentence about what is wrong with the settings, the image or the weights.
    """
    from enhance.experiment.recording import followed
    from enhance.experiment.restoration_run import (
        denoiser_of,
        is_folder,
        planned,
        required_image,
        restore,
        typed,
    )

    image = required_image(settings)
    several = is_folder(image)
    if several and settings.reference:
        raise SettingsError("reference= goes with one image; task=score compares folders.")
    if several:
        return _restore_all(Path(image).expanduser(), settings)
    output = None if settings.output is None else Path(settings.output).expanduser()
    if job := planned(image, settings, output, typed()):
        denoiser = denoiser_of(settings)
        with followed(settings.live) as follow:
            restore(job, settings, denoiser, follow)
    return 0


def _restore_all(source: Path, settings: Settings) -> int:
    """Restore the images of a folder, each into a folder of its own name; 1 where one could not be restored."""
    from enhance.experiment.recording import followed
    from enhance.experiment.restoration_run import denoiser_of, planned, restore, say, typed
    from enhance.scoring.folders import images_in

    output = Path(settings.output or f"restored/{source.resolve().name}-{settings.task.name}").expanduser()
    files = [file for file in images_in(source) if output.resolve() not in file.resolve().parents]
    jobs, failed = [], 0
    for file in files:
        try:
            jobs.append(planned(str(file), settings, output / file.relative_to(source), typed()))
        except (ValueError, OSError) as error:
            failed += 1
            say(f"skipped {file}: {error}")
    left = [job for job in jobs if job]
    if not left:
        return int(failed > 0)
    denoiser = denoiser_of(settings)
    with followed(settings.live) as follow:
        for job in left:
            try:
                restore(job, settings, denoiser, follow)
            except (ValueError, OSError) as error:
                failed += 1
                say(f"skipped {job.image}: {error}")
    return int(failed > 0)
