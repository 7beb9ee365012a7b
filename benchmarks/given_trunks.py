"""LPIPS and DISTS beside the implementations of torchmetrics and piq, all with the same trunk and the same heads, as a
section of docs/published_values.md; `benchmarks/published_values.py --vgg16 FILE` writes it.

The heads are those that come with torchmetrics; piq's own constructors would download the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import piq
import torch
from piq import perceptual
from torch import Tensor, nn
from torchmetrics.functional.image import deep_image_structure_and_texture_similarity, dists, lpips

from enhance.backbones.trunk import load_trunk
from enhance.images.degradations import degrade
from enhance.images.pictures import load_image, resize
from enhance.metrics.loading import load_metric
from enhance.metrics.registry import display_name

SAMPLES = ("astronaut", "coffee", "chelsea", "rocket")
_SIDE = 256  # beyond it piq's DISTS scales the images down, and the others do not
_HEAD = """
## LPIPS and DISTS with a given trunk

Their trunk has to be downloaded, so no package publishes values that could be checked without. Here VGG16 in another training
stands in all three implementations, with the heads of torchmetrics: the values mean nothing beyond this table. Longer side 256.

| metric | image | distortion | torchmetrics | piq | ours | greatest difference |
|---|---|---|---:|---:|---:|---:|
"""  # noqa: E501
Measure = Callable[[Tensor, Tensor], Tensor]
_DISTORTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "JPEG, quality 20": ("jpeg", {"quality": 20, "subsampling": 0}),
    "noise, sigma 25": ("gaussian_noise", {"sigma": 25}),
    "blur, sigma 2": ("gaussian_blur", {"sigma": 2}),
}


@dataclass(frozen=True)
class Compared:
    """A pair of images, measured by three implementations.

    Attributes:
        metric: our name.
        image: the sample.
        distortion: made of it.
        torchmetrics: its value.
        piq: its value.
        ours: our value.
    """

    metric: str
    image: str
    distortion: str
    torchmetrics: float
    piq: float
    ours: float

    @property
    def difference(self) -> float:
        """The greatest between ours and another."""
        return max(abs(self.ours - self.torchmetrics), abs(self.ours - self.piq))


def pairs(samples: Sequence[str] = SAMPLES, side: int = _SIDE) -> Iterator[tuple[str, str, Tensor, Tensor]]:
    """Image, distortion, distorted image and reference."""
    for name in samples:
        reference = resize(load_image(name), side)
        for distortion, (kind, settings) in _DISTORTIONS.items():
            yield name, distortion, degrade(reference, kind, **settings), reference


def compared(trunk: Path, samples: Sequence[str] = SAMPLES, side: int = _SIDE) -> Iterator[Compared]:
    """Each pair by each metric, with VGG16's features from a file."""
    with torch.no_grad():
        for metric, others in _implementations(trunk).items():
            ours = load_metric(metric, weights=trunk)
            for name, distortion, image, reference in pairs(samples, side):
                first, second = (float(other(image, reference)) for other in others)
                yield Compared(metric, name, distortion, first, second, float(ours.scores(image, reference)))


def section(trunk: Path) -> str:
    """The section in Markdown."""
    lines = []
    for each in compared(trunk):
        values = " | ".join(f"{value:.6f}" for value in (each.torchmetrics, each.piq, each.ours))
        lines.append(
            f"| {display_name(each.metric)} | {each.image} | {each.distortion} | {values} | {each.difference:.0e} |\n"
        )
    return _HEAD + "".join(lines)


def _implementations(trunk: Path) -> dict[str, tuple[Measure, Measure]]:
    """Those of torchmetrics and of piq."""
    lpips_heads, dists_heads = _heads(lpips, "lpips_models/vgg.pth"), _heads(dists, "dists_models/weights.pt")
    total = sum(values.sum() for values in dists_heads.values())  # torchmetrics divides by it, piq's come divided
    lpips_weights = [lpips_heads[f"lin{number}.model.1.weight"] for number in range(5)]
    features = partial(_features, trunk)
    own = lpips._NoTrainLpips(net="vgg", pnet_rand=True)  # type: ignore[arg-type]
    own.net.load_state_dict(dict(zip(own.net.state_dict(), features().state_dict().values(), strict=True)))
    with _downloading({name: values / total for name, values in dists_heads.items()}, features):
        theirs = piq.DISTS()
    with _downloading(lpips_weights, features):
        learned = piq.LPIPS()
    return {
        "lpips_vgg": (partial(lpips._lpips_update, net=own, normalize=True), learned),
        "dists": (partial(_dists, features()), theirs),
    }


def _features(trunk: Path) -> nn.Sequential:
    return load_trunk("vgg16", trunk)[0]


def _heads(module: Any, name: str) -> dict[str, Tensor]:
    return torch.load(Path(module.__file__).parent / name, map_location="cpu", weights_only=True)


def _dists(features: nn.Sequential, image: Tensor, reference: Tensor) -> Tensor:
    """torchmetrics' function, whose constructor takes the trunk that it would download."""
    with patch.object(dists, "vgg16", lambda weights: SimpleNamespace(features=features)):
        return deep_image_structure_and_texture_similarity(image, reference)


@contextmanager
def _downloading(heads: Any, features: Callable[[], nn.Sequential]) -> Iterator[None]:
    """While it is entered, piq's constructors find these heads and this trunk where they would download theirs."""
    with (
        patch.object(torch.hub, "load_state_dict_from_url", lambda url, progress: heads),
        patch.object(perceptual, "vgg16", lambda pretrained, progress: SimpleNamespace(features=features())),
    ):
        yield
