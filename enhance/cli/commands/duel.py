"""`task=duel`: the images on which two metrics differ most, from one distorted image."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhance.config.checks import check_metric, check_metric_name, check_weights
from enhance.config.schema import BackboneConfig, Config, MetricConfig, SettingsError, limited

if TYPE_CHECKING:
    from enhance.duels.results import Duel
    from enhance.inputs import Inputs
    from enhance.metrics.metric import Metric


@dataclass
class Settings:
    """The settings of `task=duel`.

    Attributes:
        degradation: makes the initial image of the reference.
        metric: the first metric, A.
        against: the second metric, B: NAME, or NAME@BACKBONE of a deep measure.
        judges: further metrics that score the images: names, or NAME@BACKBONE.
        reference: a file or a sample.
        initial: degraded, or a file.
        size: longer side that larger images are reduced to; null: files as they are, samples at 256.
        steps: updates for each of the four images.
        learning_rate: in units of the pixel range [0, 1].
        seed: of everything random.
        background: colour that transparent pixels are laid on.
        device: auto, cpu, cuda, cuda:1, ...
        threads: of the CPU; null: all.
        output: a folder; null: duels/A-B.
    """

    task: str = "duel"
    degradation: dict[str, Any] = field(default_factory=dict)
    metric: MetricConfig = field(default_factory=MetricConfig)
    against: str | None = None
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    judges: Any = field(default_factory=lambda: ["psnr", "ssim"])
    reference: str = Config.reference
    initial: str = "degraded"
    size: int | None = limited(None, low=8, high=32_768)
    steps: int = limited(200, low=1, high=100_000)
    learning_rate: float = limited(0.05, high=1, positive=True)
    seed: int = limited(0, low=0)
    background: str = Config.background
    device: str = Config.device
    threads: int | None = limited(None, low=1)
    output: str | None = None


def run(settings: Settings) -> int:
    """Make the four images, score them, and write images, tables, figures and a page.

    Returns:
        0.

    Raises:
        ValueError: one sentence about what is wrong with the settings, the images or the weights.
    """
    _check(settings)
    against = settings.against or ""
    name = f"{settings.metric.name}-{against.replace('@', '-')}"
    folder = Path(settings.output or f"duels/{name}").expanduser()

    import torch

    from enhance.build import choose_device
    from enhance.duels import drawing
    from enhance.duels.page import PAGE, page
    from enhance.duels.results import write
    from enhance.utils.files import write_text

    if settings.threads:
        torch.set_num_threads(settings.threads)
    inputs = _inputs(settings)
    for note in inputs.notes:
        print(f"note: {note}", file=sys.stderr)
    found = _fight(settings, inputs, choose_device(settings.device))
    command = " ".join(("python -m enhance task=duel", *_settings(settings)))
    about = {key: getattr(settings, key) for key in ("reference", "initial", "degradation", "steps", "seed")}
    write(found, {"command": command, **about, "learning_rate": settings.learning_rate}, folder)
    drawing.images(found, folder)
    drawing.curves(found, folder)
    write_text(folder / PAGE, page(found, folder, command))
    _show(found)
    print(f"images, figures and a page in {folder}", file=sys.stderr)
    return 0


def _check(settings: Settings) -> None:
    check_metric(settings.metric)
    if not settings.against:
        raise SettingsError("task=duel needs against=METRIC, the second metric.")
    check_metric_name(settings.against, "metric")
    given = settings.judges if isinstance(settings.judges, list) else [settings.judges] if settings.judges else []
    settings.judges = [str(name) for name in given]
    for name in settings.judges:
        check_metric_name(name, "judge")
    check_weights(settings.metric, [settings.metric.name, settings.against.partition("@")[0], *settings.judges])


def _inputs(settings: Settings) -> Inputs:
    from enhance.inputs import read_inputs

    return read_inputs(
        settings.reference,
        settings.initial,
        settings.degradation,
        size=settings.size,
        seed=settings.seed,
        background=settings.background,
    )


def _fight(settings: Settings, inputs: Inputs, device: Any) -> Duel:
    from rich.console import Console
    from rich.progress import Progress

    from enhance.build import Metrics
    from enhance.duels.results import FOUR, fight

    metrics = Metrics(settings.metric, settings.backbone)
    first, second = metrics.main().to(device), metrics.named(settings.against or "").to(device)
    second = _named(second, settings.against or "", first)
    judges = [
        _named(metrics.named(name).to(device), name)
        for name in settings.judges
        if name not in (settings.metric.name, settings.against)
    ]
    where = {"device": device, "dtype": first.dtype}
    reference, initial = inputs.reference.to(**where), inputs.initial.to(**where)
    console = Console(stderr=True, highlight=False)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        tasks = {name: bar.add_task(name, total=settings.steps) for name in FOUR}
        return fight(
            (first, second),
            judges,
            reference,
            initial,
            settings.steps,
            settings.learning_rate,
            lambda name, step: bar.update(tasks[name], completed=step.index),
        )


def _named(metric: Metric, name: str, other: Metric | None = None) -> Metric:
    """The metric, by a name of its own where another one is called the same."""
    if "@" in name or (other is not None and other.name == metric.name and other is not metric):
        metric.name = name
    return metric


def _settings(settings: Settings) -> list[str]:
    keys = ("against", "reference", "initial", "size", "steps", "learning_rate", "seed")
    given = [f"{key}={getattr(settings, key)}" for key in keys if getattr(settings, key) is not None]
    noise = [f"degradation={settings.degradation['name']}"] if settings.initial == "degraded" else []
    noise += [f"degradation.{key}={value}" for key, value in settings.degradation.items() if noise and key != "name"]
    return [f"metric={settings.metric.name}", f"backbone={settings.backbone.name}", *given, *noise]


def _show(found: Duel) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from enhance.duels.drawing import number, title
    from enhance.metrics.registry import display_name

    names = list(found.scores["initial"])
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for name in names:
        table.add_column(Text(display_name(name)), justify="right", no_wrap=True)
    for image, scores in found.scores.items():
        table.add_row(Text(title(found, image)), *(number(scores[name]) for name in names))
    Console(highlight=False).print(table)
    largest = max(end.deviation for end in found.ends.values())
    print(f"the held loss stays within {100 * largest:.2g} % of its level")
    for name, end in found.ends.items():
        if end.reason:
            print(f"{title(found, name)}: ended at step {end.way[-1][0]}, since {end.reason}")
