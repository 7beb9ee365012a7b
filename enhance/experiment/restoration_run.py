"""One restoration, recorded in a folder of its own: passes, history, frames, figures, report."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from enhance.config.paths import claim_folder
from enhance.config.restoration import RestorationConfig, RestoreConfig
from enhance.experiment.devices import choose_device
from enhance.experiment.recording import conclude, followed
from enhance.experiment.restoration import Restoration
from enhance.images.exif import exif_of
from enhance.images.pictures import picture_path
from enhance.images.samples import SAMPLES
from enhance.report.numbers import quantity
from enhance.restoration.denoisers import LoadedDenoiser, load_denoiser, weights_file
from enhance.runs.errors import resume_command
from enhance.runs.interrupt import Interrupt
from enhance.runs.layout import RESULT, existing_output, read_metrics, squared_error
from enhance.runs.restoration import HASH, RestorationRecorder, difference
from enhance.utils.errors import SettingsError
from enhance.utils.files import lock
from enhance.utils.hashes import hash_file
from enhance.utils.machine import VERSION
from enhance.utils.suggest import short
from enhance.utils.units import in_words

_log = logging.getLogger(__name__)

_ELSEWHERE = ("image", "reference", "kernel", "output", "device", "threads", "live", "sweep")  # of no result


@dataclass(frozen=True)
class Job:
    """An image that is to be restored.

    Attributes:
        image: a file or a sample.
        folder: of its results; None: a new one.
        identity: all that the result depends on.
        command: what the user typed, for the record.
    """

    image: str
    folder: Path | None
    identity: dict[str, Any]
    command: str


def typed() -> str:
    """The command as the user typed it."""
    return shlex.join(["python", "-m", "enhance", *sys.argv[1:]])


def is_folder(image: str) -> bool:
    """Whether an image is a folder of several."""
    return image not in SAMPLES and Path(image).expanduser().is_dir()


def restore_into(config: RestoreConfig, folder: Path, command: str) -> float:
    """Restore one image into a folder, as a job of a sweep.

    Returns:
        The mean squared error against the reference, which sweepers minimise; NaN without one.

    Raises:
        ValueError: one sentence about what is wrong with the settings, the image or the weights.
        KeyboardInterrupt: after Ctrl-C.
    """
    image = required_image(config)
    if is_folder(image):
        raise SettingsError(f"image={image} is a folder; a sweep takes images, image=a.png,b.png.")
    if config.output is not None:
        raise SettingsError(f"output={config.output}: the folder of a sweep is named by hydra.sweep.dir=FOLDER.")
    if job := planned(image, config, folder, command):
        with followed(config.live, folder):
            restore(job, config, denoiser_of(config))
    return squared_error(read_metrics(folder))


def required_image(config: RestoreConfig) -> str:
    """The image that is to be restored.

    Raises:
        SettingsError: if none is named, or there is none of the name.
    """
    if not config.image:
        raise SettingsError(f"task={config.task.name} needs image=..., a file, a folder or a sample.")
    if not picture_path(config.image).exists():
        raise SettingsError(f"image={short(config.image)}: there is no such file or folder.")
    return config.image


def denoiser_of(config: RestoreConfig) -> LoadedDenoiser:
    """The denoiser of the settings, on their device; the process computes with as many threads as they say.

    Raises:
        ValueError: for weights or a device that are not available.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    return load_denoiser(config.denoiser, choose_device(config.device))


def planned(image: str, config: RestoreConfig, folder: Path | None, command: str) -> Job | None:
    """What is to be done for an image; None where its result lies in the folder already.

    Raises:
        SettingsError: if the folder holds something else.
    """
    identity = _identity(image, config)
    if folder is None:
        return Job(image, None, identity, command)
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"output={folder} is a file; name a folder.")
    made = read_metrics(folder)
    if made.get("identity") != identity:
        if found := existing_output(folder):
            other = difference(made.get("identity") or {}, identity)
            content = f"a restoration with {other}" if other else f"a {found} of another run"
            raise SettingsError(f"{folder} holds {content}; name another folder.")
    elif made.get("status") in ("drawing", "finished") and (folder / RESULT).is_file():
        if made["status"] == "drawing":
            conclude(folder)
        say(f"{image} is restored already, in {folder}")
        return None
    return Job(image, folder, identity, command)


def restore(
    job: Job, config: RestoreConfig, denoiser: LoadedDenoiser, begun: Callable[[Path], object] = lambda folder: None
) -> None:
    """Restore one image into its folder.

    Args:
        job: the image.
        config: the settings.
        denoiser: of the settings.
        begun: called with the folder once it is there.

    Raises:
        ValueError: one sentence about what is wrong with the settings or the image.
        KeyboardInterrupt: after Ctrl-C, once everything so far has been written.
    """
    restoration = Restoration(
        job.image,
        config.task.name,
        config=RestorationConfig(config.degradation, config.coupling, config.denoiser),
        kernel=config.kernel,
        factor=config.factor,
        reference=config.reference,
        background=config.background,
        range=config.range,
    )
    say(_in_words(job.image, config))
    for note in restoration.notes:
        say(f"note: {note}")
    for key, value in restoration.plan.estimated.items():
        say(f"estimated: {key.replace('_', ' ')} {in_words(key, value)}")
    folder = job.folder or Path(claim_folder("outputs", f"{config.task.name}-{Path(job.image).stem}"))
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder):
        begun(folder)
        exif = exif_of(picture_path(job.image)) if config.exif else b""
        if config.exif and not exif:
            say(f"note: {job.image} has no EXIF data to keep")
        recorder = RestorationRecorder(
            folder,
            restoration.initial,
            restoration.reference,
            metadata=_metadata(job, config, restoration),
            bits=restoration.bits,
            exif=exif,
            profile=restoration.profile,
        )
        with Interrupt() as interrupt:
            for moment in restoration.moments(denoiser.function):
                recorder.record(moment, restoration.figures(moment.image))
                if interrupt.requested:
                    break
            recorder.finish(restoration.fit(), interrupt.requested)
        if interrupt.requested:
            from enhance.report.render import render  # matplotlib takes long to import

            render(folder)
            say(f"interrupted; the passes that were made are in {folder}. To begin anew: {resume_command(folder)}")
            raise KeyboardInterrupt
        conclude(folder)
    found = read_metrics(folder)
    for key, value in (found["fit"] | found["result"]).items():
        if value is not None:
            say(f"{quantity(key).title}: {quantity(key).write(value)}")
    say(f"results in {folder}")


def _in_words(image: str, config: RestoreConfig) -> str:
    """A line that says that this is a restoration, not a study of a metric, and what a reference is for."""
    compared = ": reference= is only compared with the result" if config.reference else ""
    return f"a restoration: {image} is what is observed, and no clean picture takes part{compared}"


def say(text: str) -> None:
    """Print a line beside the results, and write it into the log of a sweep's job."""
    print(text, file=sys.stderr)
    _log.info(text)


def _identity(image: str, config: RestoreConfig) -> dict[str, Any]:
    """All that the result depends on, files by their contents."""
    values = asdict(config)
    for key in _ELSEWHERE:
        del values[key]
    del values["denoiser"]["weights"]
    pictures = {"image": image, "reference": config.reference, "kernel": config.kernel}
    files = {key: picture_path(given) for key, given in pictures.items() if given}
    files["weights"] = weights_file(config.denoiser.weights)
    hashes = {f"{key}{HASH}": hash_file(path) for key, path in files.items() if path.is_file()}
    return values | {"task": config.task.name} | hashes


def _metadata(job: Job, config: RestoreConfig, restoration: Restoration) -> dict[str, Any]:
    coupling = restoration.plan.coupling
    return {
        "command": job.command,
        "task": config.task.name,
        "image": job.image,
        "reference": config.reference,
        "width": restoration.initial.shape[-1],
        "height": restoration.initial.shape[-2],
        "assumed": restoration.plan.assumed,
        "estimated": restoration.plan.estimated,
        **({"coupling": asdict(coupling)} if coupling else {}),
        "notes": list(restoration.notes),
        "identity": job.identity,
        "settings": asdict(config) | {"image": job.image},
        "began_in": os.getcwd(),
        "versions": {"enhance": VERSION, "torch": torch.__version__},
    }
