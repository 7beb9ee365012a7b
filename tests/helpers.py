"""What several test modules share: settings of a quick run, runs without figures, recorded runs, untrained networks,
jobs of a sweep.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hydra import compose
from omegaconf import OmegaConf
from torch import Tensor

from enhance.backbones.network import Backbone, load
from enhance.config.paths import initialized
from enhance.config.schema import Config
from enhance.experiment.run import conclude
from enhance.images.writing import save_image
from enhance.metrics.metric import Metric
from enhance.optim.frames import FramePlan
from enhance.optim.loop import minimize
from enhance.optim.objective import Objective, Term
from enhance.optim.parametrizations import Parametrization
from enhance.optim.step import Step
from enhance.runs import layout
from enhance.runs.recorder import Recorder
from enhance.utils.files import write_bytes

if TYPE_CHECKING:
    from enhance.report.duel.data import DuelData
    from enhance.report.run_data import RunData

QUICK = ["backbone=squeezenet", "backbone.weights=untrained", "size=32", "steps=3", "frames.count=3"]
EVIL = "<script>alert(1)</script>.png"
_DRAWN: dict[str, tuple[str, tuple[str, ...]]] = {
    "comparison": ("figures.comparison", (f"{layout.COMPARISON}.png", f"{layout.COMPARISON}.pdf")),
    "curves": ("figures.curves", (f"{layout.CURVES}.png", f"{layout.CURVES}.pdf")),
    "progress_gif": ("animation.progress_gif", (layout.GIF,)),
    "progress_video": ("animation.progress_video", ()),
    "report": ("html.report", (layout.REPORT,)),
    "duel_comparison": ("duel.drawing.comparison", (f"{layout.COMPARISON}.png", f"{layout.COMPARISON}.pdf")),
    "duel_curves": ("duel.drawing.curves", (f"{layout.CURVES}.png", f"{layout.CURVES}.pdf")),
    "duel_report": ("duel.page.report", (layout.REPORT,)),
}
"""Where each figure is drawn, and the files it leaves; those of a duel are drawn beside those of its four runs."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def no_drawing(patch: pytest.MonkeyPatch, but: Collection[str] = ()) -> None:
    """Let runs write placeholders in the place of their figures, `but` some; what is done around them stays."""
    assert set(but) <= set(_DRAWN), but
    for name in set(_DRAWN) - set(but):
        place, files = _DRAWN[name]
        patch.setattr(f"enhance.report.{place}", partial(_placeholders, files))


def _placeholders(files: tuple[str, ...], data: RunData | DuelData) -> None:
    for file in files:
        write_bytes(data.folder / file, b"a placeholder")


@cache
def _network(name: str, device: str, dtype: torch.dtype) -> Backbone:
    return load(name, "embedded" if name == "vgg_compact" else "untrained").to(device, dtype)


def network(
    name: str,
    called: str | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Backbone:
    """A backbone with its embedded or untrained weights, built once a session and shared: nobody may change it.

    Args:
        name: of the network.
        called: its name in a metric's description.
        device: where it is.
        dtype: its precision.
    """
    found = copy.copy(_network(name, str(device), dtype))
    found.name = called or name
    return found


def settings(*arguments: str) -> Config:
    with initialized():
        config = OmegaConf.to_object(compose("config", list(arguments)))
    assert isinstance(config, Config)
    return config


def steps(height: int, width: int, count: int) -> Iterator[Step]:
    """A noisy picture that becomes clean, with a last step that is worse again."""
    generator = torch.Generator().manual_seed(0)
    reference = picture(height, width)
    noise = torch.randn(reference.shape, generator=generator) * 0.3
    for index in range(count + 1):
        share = (1 - index / count) ** 2 if index < count else 0.5
        yield Step(index, share, share, {"deepjsd": share}, 0.1, 0.01 * index, (reference + share * noise).clamp(0, 1))


def picture(height: int, width: int) -> torch.Tensor:
    coarse = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)


def run(folder: Path, height: int = 40, width: int = 56, count: int = 30, drawn: bool = True) -> dict:
    """A finished run, `drawn` or with the placeholders of figures; returns its metrics.json."""
    folder.mkdir()
    all_steps = list(steps(height, width, count))
    metadata = {"start": "noise", "metric": {"name": "deepjsd"}, "backbone": {"name": "vgg"}}
    plan = FramePlan(count=12, steps=count)
    recorder = Recorder(folder, picture(height, width), all_steps[0].image, metadata=metadata, frames=plan)
    assert json.loads((folder / "metrics.json").read_text())["status"] == "running"
    for step in all_steps:
        recorder.record(step)
    results = recorder.finish("all steps made")
    assert results == json.loads((folder / "metrics.json").read_text())
    assert results["status"] == "drawing"
    with pytest.MonkeyPatch.context() as patch:
        if not drawn:
            no_drawing(patch)
        conclude(folder)
    return results | {"status": "finished"}


def job(sweep: Path, number: int, overrides: list[str], psnr: float | None, status: str = "finished") -> Path:
    folder = sweep / f"{number}-recover"
    (folder / "hydra").mkdir(parents=True)
    (folder / "hydra" / "overrides.yaml").write_text("".join(f"- {line}\n" for line in overrides))
    if psnr is not None:
        figures = {"loss": 1 / psnr, "score": 0.5, "psnr": psnr, "ssim": 0.5, "ms_ssim": None}
        metadata = {"status": status, "best": figures, "seconds": 1.5, "steps_made": 3, "stop_reason": "all steps made"}
        metadata["command"] = "python -m enhance"
        (folder / "metrics.json").write_text(json.dumps(metadata))
        save_image(torch.full((1, 3, 16, 16), psnr / 50), folder / "result.png")
    return folder


def optimise(metric: Metric, reference: Tensor, start: Parametrization, **settings: Any) -> Iterator[Step]:
    """The steps of one metric, without smoothing unless it is asked for."""
    settings.setdefault("smoothing", None)
    return minimize(Objective([Term(metric)], reference), start, **settings)
