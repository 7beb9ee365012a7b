"""What is measured of a device: parity with the CPU, the loop, scoring, half precision, and what a step costs.

Each function needs torch, NumPy and this checkout alone, and runs on any device. Networks have seeded random weights.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from enhance.backbones.network import Backbone, load
from enhance.backbones.pooling import L2Pooling
from enhance.backbones.registry import ARCHITECTURES
from enhance.backbones.weights import Origin
from enhance.metrics.deep.distance import DeepDistance
from enhance.metrics.deep.named import DEEP_METRICS
from enhance.optim.determinism import deterministic
from enhance.optim.loop import minimize
from enhance.optim.objective import Objective, Term
from enhance.optim.parametrizations import Pyramid
from enhance.optim.step import Step
from enhance.runs.checkpoint import Checkpoints
from enhance.utils.precision import full_precision

Row = dict[str, Any]
_VGG19 = (64, 64, 0, 128, 128, 0, *(256,) * 4, 0, *(512,) * 4, 0, *(512,) * 4)  # channels of convolutions; 0: pooling
_WAITS = ("aten::_local_scalar_dense", "aten::nonzero", "aten::equal")
_BATCH = 8


@dataclass(frozen=True)
class Setting:
    """Where and how large everything is measured.

    Attributes:
        device: of metrics and images.
        size: side of the images in pixels.
        steps: updates of the loop.
        rounds: of a timing; the median counts.
        backbones: of parity; the first is also the one of everything else.
    """

    device: torch.device
    size: int = 256
    steps: int = 100
    rounds: int = 20
    backbones: tuple[str, ...] = ("vgg19", "vgg_compact")


def backbone(name: str) -> Backbone:
    """A network with seeded random weights; VGG-19 is built here, so that torchvision is not needed."""
    if name != "vgg19":
        return load(name, "untrained")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers, channels = [], 3
        for width in _VGG19:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()] if width else [L2Pooling()]
            channels = width or channels
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    network = nn.Sequential(*layers)
    row = ARCHITECTURES[name]
    stages = [network[start:stop] for start, stop in row.stages]
    origin = Origin.of_tensors(network, "untrained", f"{name}, untrained, seed 0", pretrained=False)
    return Backbone(name, stages, origin, row.min_size)


def images(size: int, batch: int = _BATCH) -> tuple[Tensor, Tensor]:
    """Noisy images and their references, (B, 3, size, size) in [0, 1], the same on every device."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(batch, 3, 9, 9, generator=generator)
    reference = functional.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0, 1)
    return (reference + 0.1 * torch.randn(reference.shape, generator=generator)).clamp(0, 1), reference


def metric(measure: str, network: Backbone, device: torch.device, **settings: Any) -> DeepDistance:
    """A measure on a device, without the check of the images' range."""
    return DEEP_METRICS[measure](network, check_range=False, **settings).to(device)


def loss_and_gradient(module: DeepDistance, image: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """The losses of a batch and their gradient, on the CPU in double precision."""
    leaf = image.to(module.device, module.dtype).requires_grad_()
    with full_precision():
        losses = module.losses(leaf, reference.to(module.device, module.dtype))
        (gradient,) = torch.autograd.grad(losses.sum(), leaf)
    return losses.detach().cpu().double(), gradient.cpu().double()


def parity(setting: Setting) -> list[Row]:
    """How far losses, scores and gradients of the device are from those of the CPU in double precision, relatively."""
    rows = []
    image, reference = images(setting.size, 2)
    for name in setting.backbones:
        network = backbone(name)
        for measure in DEEP_METRICS:
            here = metric(measure, network, setting.device)
            exact = metric(measure, network, torch.device("cpu")).double()
            loss, gradient = loss_and_gradient(here, image, reference)
            true_loss, true_gradient = loss_and_gradient(exact, image, reference)
            score = here.scores(*(each.to(setting.device) for each in (image, reference))).cpu().double()
            true_score = exact.scores(image.double(), reference.double())
            rows.append(
                {
                    "measure": measure,
                    "backbone": name,
                    "loss": _relative(loss, true_loss),
                    "score": _relative(score, true_score),
                    "gradient": ((gradient - true_gradient).norm() / true_gradient.norm()).item(),
                }
            )
    return rows


def _relative(found: Tensor, true: Tensor) -> float:
    return ((found - true).abs() / true.abs()).max().item()


def half_precision(setting: Setting) -> list[Row]:
    """Whether the gradient is finite with the network in half precision, and how far the loss moves, relatively."""
    rows = []
    network = backbone(setting.backbones[0])
    image, reference = images(setting.size, 2)
    for measure in DEEP_METRICS:
        full, _ = loss_and_gradient(metric(measure, network, setting.device), image, reference)
        for precision in (torch.bfloat16, torch.float16):
            module = metric(measure, network, setting.device, autocast=precision)
            loss, gradient = loss_and_gradient(module, image, reference)
            finite = bool(loss.isfinite().all() and gradient.isfinite().all())
            kind = str(precision).removeprefix("torch.")
            rows.append({"measure": measure, "network in": kind, "finite": finite, "loss": _relative(loss, full)})
    return rows


def loop(setting: Setting) -> list[Row]:
    """Whether a run lowers its loss, gives the same image twice, and goes on from a checkpoint's file to the same; and
    with torch's deterministic algorithms, the same twice and how much longer a step takes.
    """
    rows = []
    network = backbone(setting.backbones[0])
    _, reference = images(setting.size, 1)
    reference = reference.to(setting.device)
    for measure in DEEP_METRICS:
        objective = Objective([Term(metric(measure, network, setting.device))], reference)

        def steps(resume: Any = None, objective: Objective = objective) -> Iterator[Step]:
            start = Pyramid(torch.ones_like(reference))
            return minimize(objective, start, steps=setting.steps, learning_rate=0.02, resume=resume)

        next(steps())  # what is set up once
        first, last, seconds = _ran(steps())
        _, again, _ = _ran(steps())
        middle = next(islice(steps(), setting.steps // 2, None)).state()
        with TemporaryDirectory() as folder:
            checkpoints = Checkpoints(Path(folder), 0, {})
            checkpoints.save(middle)
            _, resumed, _ = _ran(steps(checkpoints.load()))
        with deterministic(True, print):
            _, fixed, longer = _ran(steps())
            _, fixed_again, _ = _ran(steps())
        rows.append(
            {
                "measure": measure,
                "loss at first": first,
                "loss at last": objective(last)[0].item(),
                "steps/s": setting.steps / seconds,
                "same twice": _largest(again - last),
                "same resumed": _largest(resumed - last),
                "deterministic: same twice": _largest(fixed_again - fixed),
                "its step costs": longer / seconds,
            }
        )
    return rows


def _ran(steps: Iterator[Step]) -> tuple[float, Tensor, float]:
    """The first loss, the last image, and the seconds of all steps; each step waits for the device."""
    began, first, image = time.perf_counter(), None, torch.empty(0)
    for step in steps:
        first, image = step.loss if first is None else first, step.image
    return first or 0.0, image.clone(), time.perf_counter() - began


def _largest(difference: Tensor) -> float:
    return difference.abs().max().item()


def cost(setting: Setting) -> list[Row]:
    """What a step costs beside a pass through the bare network and back, for one image and for a batch, in each
    precision, and how many pairs are scored in a second.
    """
    rows = []
    network = backbone(setting.backbones[0]).to(setting.device)
    precisions = {"float32": None, "TF32": None, "bfloat16": torch.bfloat16}
    if setting.device.type != "cuda":
        del precisions["TF32"]
    for batch, (precision, autocast) in product((1, _BATCH), precisions.items()):
        network.tf32 = precision == "TF32"
        image, reference = (each.to(setting.device) for each in images(setting.size, batch))
        with torch.no_grad(), _autocast(setting.device, autocast):
            ones = [torch.ones_like(features) for features in network(image)]

        def bare(image: Tensor = image, ones: list[Tensor] = ones, autocast: Any = autocast) -> None:
            leaf = image.clone().requires_grad_()
            with full_precision(not network.tf32):
                with _autocast(setting.device, autocast):
                    features = network(leaf)
                torch.autograd.backward(features, ones)

        for measure in DEEP_METRICS:
            module = metric(measure, network, setting.device, autocast=autocast)
            target = module.prepare(reference)

            def step(image: Tensor = image, module: DeepDistance = module, target: Any = target) -> None:
                leaf = image.clone().requires_grad_()
                with full_precision(not network.tf32):
                    module(leaf, target).backward()

            bare_seconds, seconds = take_turns([bare, step], setting.rounds, setting.device)
            pair = image, reference
            (scoring,) = take_turns([lambda m=module, p=pair: m.scores(*p)], setting.rounds, setting.device)
            operators, waits = dispatched(step)
            rows.append(
                {
                    "measure": measure,
                    "images": batch,
                    "network in": precision,
                    "network ms": 1e3 * bare_seconds,
                    "step ms": 1e3 * seconds,
                    "step / network": seconds / bare_seconds,
                    "operators beyond the network": operators - dispatched(bare)[0],
                    "waits": waits,
                    "MiB beyond the network": (peak(step, setting.device) - peak(bare, setting.device)) / 2**20,
                    "scored images/s": batch / scoring,
                }
            )
    return rows


def _autocast(device: torch.device, precision: torch.dtype | None) -> torch.autocast:
    return torch.autocast(device.type, dtype=precision, enabled=precision is not None)


def take_turns(work: list[Callable[[], Any]], rounds: int, device: torch.device) -> list[float]:
    """Median seconds of each, after two rounds to warm up."""
    seconds: list[list[float]] = [[] for _ in work]
    for _ in range(rounds + 2):
        for run, kept in zip(work, seconds, strict=True):
            _synchronize(device)
            began = time.perf_counter()
            run()
            _synchronize(device)
            kept.append(time.perf_counter() - began)
    return [statistics.median(kept[2:]) for kept in seconds]


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak(work: Callable[[], Any], device: torch.device) -> float:
    """Bytes that some work takes at most beyond what is in use before it; NaN where torch does not count them."""
    if device.type != "cuda":
        return float("nan")
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    work()
    return torch.cuda.max_memory_allocated(device) - before


class _Counter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operators, self.waits = 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operators += not func.is_view
        self.waits += func._schema.name in _WAITS
        return func(*args, **(kwargs or {}))


def dispatched(work: Callable[[], Any]) -> tuple[int, int]:
    """Operators that are no views, and those among them for whose value the host waits."""
    with _Counter() as counter:
        work()
    return counter.operators, counter.waits


CHECKS: dict[str, Callable[[Setting], list[Row]]] = {
    "Parity": parity,
    "The loop": loop,
    "Half precision": half_precision,
    "Cost of a step": cost,
}
