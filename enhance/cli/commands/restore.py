"""`task=denoise|deblur|jpeg|upscale` with `image=`: a picture is restored that nobody has clean."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhance.config.restoration import RESTORATIONS, AssumedConfig, CouplingConfig, DenoiserConfig, RestorationConfig
from enhance.config.schema import Config, SettingsError, limited

if TYPE_CHECKING:
    from enhance.restoration.denoisers import LoadedDenoiser
    from enhance.restoration.restore import Restoration


@dataclass
class Settings:
    """The settings of a restoration.

    Attributes:
        task: denoise, deblur, jpeg or upscale.
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
    """

    task: str = limited(RESTORATIONS[0], accepted=RESTORATIONS)
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


def run(settings: Settings) -> int:
    """Restore an image, or each image of a folder, and leave a run's folder for each.

    Returns:
        0, or 1 where an image of a folder could not be restored.

    Raises:
        ValueError: one sentence about what is wrong with the settings, the image or the weights.
    """
    from enhance.images.samples import SAMPLES

    if not settings.image:
        raise SettingsError(f"task={settings.task} needs image=..., a file, a folder or a sample.")
    source = Path(settings.image).expanduser()
    several = settings.image not in SAMPLES and source.is_dir()
    if several and settings.reference:
        raise SettingsError("reference= goes with one image; task=score compares folders.")
    _say(
        f"a restoration: {settings.image} is what is observed, and no clean picture takes part"
        + (": reference= is only compared with the result" if settings.reference else "")
    )
    if several:
        return _restore_all(source, settings)
    output = None if settings.output is None else Path(settings.output).expanduser()
    if job := _job(settings.image, settings, output):
        _restore(job, settings, _denoiser(settings))
    return 0


def _restore_all(source: Path, settings: Settings) -> int:
    """Restore the images of a folder, each into a folder of its own name; 1 where one could not be restored."""
    from enhance.scoring.pairs import images_in

    output = Path(settings.output or f"restored/{source.resolve().name}-{settings.task}").expanduser()
    files = [file for file in images_in(source) if output.resolve() not in file.resolve().parents]
    jobs, failed = [], 0
    for file in files:
        try:
            jobs.append(_job(str(file), settings, output / file.relative_to(source)))
        except (ValueError, OSError) as error:
            failed += 1
            _say(f"skipped {file}: {error}")
    left = [job for job in jobs if job]
    if not left:
        return int(failed > 0)
    denoiser = _denoiser(settings)
    for job in left:
        try:
            _restore(job, settings, denoiser)
        except (ValueError, OSError) as error:
            failed += 1
            _say(f"skipped {job.image}: {error}")
    return int(failed > 0)


@dataclass(frozen=True)
class _Job:
    """An image that is to be restored.

    Attributes:
        image: a file or a sample.
        folder: of its results; None: a new one.
        identity: all that the result depends on.
    """

    image: str
    folder: Path | None
    identity: dict[str, Any]


def _job(image: str, settings: Settings, folder: Path | None) -> _Job | None:
    """What is to be done for an image; None where its result lies in the folder already.

    Raises:
        SettingsError: if the folder holds something else.
    """
    from enhance.experiment.recording import conclude
    from enhance.runs.layout import RESULT, existing_output, read_metrics
    from enhance.runs.restoration import difference

    identity = _identity(image, settings)
    if folder is None:
        return _Job(image, None, identity)
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"output={folder} is a file; name a folder.")
    made = read_metrics(folder)
    if made.get("identity") != identity:
        if found := existing_output(folder):
            other = difference(made.get("identity") or {}, identity)
            held = f"a restoration with {other}" if other else f"a {found} of another run"
            raise SettingsError(f"{folder} holds {held}; name another folder.")
    elif made.get("status") in ("drawing", "finished") and (folder / RESULT).is_file():
        if made["status"] == "drawing":
            conclude(folder)
        _say(f"{image} is restored already, in {folder}")
        return None
    return _Job(image, folder, identity)


def _restore(job: _Job, settings: Settings, denoiser: LoadedDenoiser) -> None:
    """Restore one image into its folder."""
    from enhance.config.paths import claim_folder
    from enhance.experiment.recording import conclude
    from enhance.images.exif import exif_of
    from enhance.images.pictures import picture_path
    from enhance.report.render import render
    from enhance.restoration.restore import Restoration
    from enhance.runs.interrupt import Interrupt
    from enhance.runs.layout import read_metrics
    from enhance.runs.restoration import RestorationRecorder
    from enhance.utils.files import lock

    restoration = Restoration(
        job.image,
        settings.task,
        config=RestorationConfig(settings.degradation, settings.coupling, settings.denoiser),
        kernel=settings.kernel,
        factor=settings.factor,
        reference=settings.reference,
        background=settings.background,
        range=settings.range,
    )
    for note in restoration.notes:
        _say(f"note: {note}")
    for key, value in restoration.plan.estimated.items():
        _say(f"estimated: {key.replace('_', ' ')} {value:g}")
    folder = job.folder or Path(claim_folder("outputs", f"{settings.task}-{Path(job.image).stem}"))
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder):
        exif = exif_of(picture_path(job.image)) if settings.exif else b""
        if settings.exif and not exif:
            _say(f"note: {job.image} has no EXIF data to keep")
        recorder = RestorationRecorder(folder, restoration, _metadata(job, settings, restoration), exif)
        with Interrupt() as interrupt:
            for moment in restoration.moments(denoiser.function):
                recorder.record(moment)
                if interrupt.requested:
                    break
            recorder.finish(interrupt.requested)
        if interrupt.requested:
            render(folder)
            _say(f"interrupted; the passes that were made are in {folder}, and the same command begins anew")
            raise KeyboardInterrupt
        conclude(folder)
    found = read_metrics(folder)
    for key, value in (found["fit"] | found["result"]).items():
        if value is not None:
            _say(f"{key.replace('_', ' ')}: {value:.4g}")
    _say(f"results in {folder}")


def _identity(image: str, settings: Settings) -> dict[str, Any]:
    """All that the result depends on, files by their contents."""
    from enhance.images.pictures import picture_path
    from enhance.restoration.denoisers import weights_file
    from enhance.runs.restoration import HASH
    from enhance.utils.hashes import hash_file

    values = asdict(settings)
    for key in ("image", "reference", "kernel", "output", "device", "threads"):
        del values[key]
    del values["denoiser"]["weights"]
    pictures = {"image": image, "reference": settings.reference, "kernel": settings.kernel}
    files = {key: picture_path(given) for key, given in pictures.items() if given}
    files["weights"] = weights_file(settings.denoiser.weights)
    return values | {f"{key}{HASH}": hash_file(path) for key, path in files.items() if path.is_file()}


def _metadata(job: _Job, settings: Settings, restoration: Restoration) -> dict[str, Any]:
    import torch

    from enhance.utils.machine import VERSION

    return {
        "command": shlex.join(["python", "-m", "enhance", *sys.argv[1:]]),
        "task": settings.task,
        "image": job.image,
        "reference": settings.reference,
        "width": restoration.initial.shape[-1],
        "height": restoration.initial.shape[-2],
        "assumed": restoration.plan.observation.describe(),
        "estimated": restoration.plan.estimated,
        **({"coupling": asdict(coupling)} if (coupling := restoration.plan.coupling) else {}),
        "notes": list(restoration.notes),
        "identity": job.identity,
        "versions": {"enhance": VERSION, "torch": torch.__version__},
    }


def _denoiser(settings: Settings) -> LoadedDenoiser:
    import torch

    from enhance.experiment.devices import choose_device
    from enhance.restoration.denoisers import load_denoiser

    if settings.threads:
        torch.set_num_threads(settings.threads)
    return load_denoiser(settings.denoiser, choose_device(settings.device))


def _say(text: str) -> None:
    print(text, file=sys.stderr)
