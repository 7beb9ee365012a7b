"""`task=denoise|deblur|jpeg|upscale` with `image=`: a picture is restored that nobody has clean."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhance.config.restoration import RESTORATIONS, AssumedConfig, CouplingConfig, DenoiserConfig, RestorationConfig
from enhance.config.schema import Config, SettingsError, limited

if TYPE_CHECKING:
    from enhance.restoration.denoisers import LoadedDenoiser


@dataclass
class Settings:
    """The settings of a restoration.

    Attributes:
        task: denoise, deblur, jpeg or upscale.
        image: a file, a folder, or a sample.
        reference: the clean picture, where there is one: it judges the result and is not looked at otherwise.
        degradation: what is assumed; null settings are estimated.
        kernel: of deblur: a picture of what a point of light became.
        factor: of upscale: 2, 3 or 4; null: 2.
        denoiser: the denoiser.
        coupling: of the observation and the denoiser.
        output: a folder; null: one in outputs/, or restored/NAME-TASK for a folder of images. Images that are restored
            there with the same settings are left out.
        background: colour that transparent pixels are laid on.
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
    from enhance.scoring.pairs import images_in

    if not settings.image:
        raise SettingsError(f"task={settings.task} needs image=..., a file, a folder or a sample.")
    source = Path(settings.image).expanduser()
    several = settings.image not in SAMPLES and source.is_dir()
    if several and settings.reference:
        raise SettingsError("reference= goes with one image; task=score compares folders.")
    denoiser = _denoiser(settings)
    _say(
        f"a restoration: {settings.image} is what is observed, and no clean picture takes part"
        + (" but to judge the result" if settings.reference else "")
    )
    if not several:
        _restore(settings.image, settings, denoiser, None if settings.output is None else Path(settings.output))
        return 0
    folder = Path(settings.output or f"restored/{source.resolve().name}-{settings.task}").expanduser()
    failed = 0
    for file in images_in(source):
        try:
            _restore(str(file), settings, denoiser, folder / file.name)
        except (ValueError, OSError) as error:
            failed += 1
            _say(f"skipped {file}: {error}")
    return int(failed > 0)


def _restore(name: str, settings: Settings, denoiser: LoadedDenoiser, folder: Path | None) -> None:
    """Restore one image into its folder, unless it lies there already."""
    from enhance.config.paths import claim_folder
    from enhance.recording import conclude
    from enhance.report.render import render
    from enhance.restoration.restore import Restoration
    from enhance.runs.interrupt import Interrupt
    from enhance.runs.layout import RESULT, existing_output, read_metrics
    from enhance.runs.restoration import RestorationRecorder
    from enhance.utils.files import lock

    identity = _identity(name, settings, denoiser)
    if folder is not None:
        made = read_metrics(folder)
        complete = made.get("status") in ("drawing", "finished") and (folder / RESULT).is_file()
        if complete and made.get("identity") == identity:
            if made["status"] == "drawing":
                conclude(folder)
            _say(f"{name} is restored already, in {folder}")
            return
        if (found := existing_output(folder)) and (made.get("identity") != identity):
            raise SettingsError(f"{folder} holds a {found} of another run or image; name another folder.")
    restoration = Restoration(
        name,
        settings.task,
        config=RestorationConfig(settings.degradation, settings.coupling, settings.denoiser),
        kernel=settings.kernel,
        factor=settings.factor,
        reference=settings.reference,
        background=settings.background,
    )
    for note in restoration.notes:
        _say(f"note: {note}")
    for key, value in restoration.plan.estimated.items():
        _say(f"estimated: {key.replace('_', ' ')} {value:g}")
    folder = Path(claim_folder("outputs", f"{settings.task}-{Path(name).stem}")) if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder):
        recorder = RestorationRecorder(folder, restoration, _metadata(name, settings, restoration, identity))
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


def _identity(name: str, settings: Settings, denoiser: LoadedDenoiser) -> dict[str, Any]:
    """All that the result depends on."""
    from enhance.images.pictures import picture_path
    from enhance.utils.hashes import hash_file

    values = {
        key: value for key, value in asdict(settings).items() if key not in ("image", "output", "device", "threads")
    }
    files = {key: picture_path(given) for key, given in (("image", name), ("kernel", settings.kernel)) if given}
    hashes = {f"{key}_sha256": hash_file(path) for key, path in files.items() if path.is_file()}
    return values | hashes | {"weights_sha256": denoiser.about["sha256"]}


def _metadata(name: str, settings: Settings, restoration: Any, identity: dict[str, Any]) -> dict[str, Any]:
    import torch

    from enhance.utils.machine import VERSION

    return {
        "command": " ".join(["python", "-m", "enhance", *sys.argv[1:]]),
        "task": settings.task,
        "image": name,
        "reference": settings.reference,
        "width": restoration.initial.shape[-1],
        "height": restoration.initial.shape[-2],
        "assumed": restoration.plan.observation.describe(),
        "estimated": restoration.plan.estimated,
        **({"coupling": asdict(coupling)} if (coupling := restoration.plan.coupling) else {}),
        "notes": list(restoration.notes),
        "identity": identity,
        "versions": {"enhance": VERSION, "torch": torch.__version__},
    }


def _denoiser(settings: Settings) -> LoadedDenoiser:
    import torch

    from enhance.build import choose_device
    from enhance.restoration.denoisers import load_denoiser

    if settings.threads:
        torch.set_num_threads(settings.threads)
    return load_denoiser(settings.denoiser, choose_device(settings.device))


def _say(text: str) -> None:
    print(text, file=sys.stderr)
