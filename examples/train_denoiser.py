"""Any metric as a training loss: a small denoiser learns with the loss of your choice, its twin with L1.

    python examples/train_denoiser.py                       # DeepJSD beside L1, minutes on two cores; outputs/training
    python examples/train_denoiser.py --loss ssim:1,mae:2   # names of enhance.METRICS with their weights
    torchrun --nproc-per-node 2 examples/train_denoiser.py --batch 8 --amp bfloat16 --channels-last --compile

The twins are the same network from the same seed and see the same crops with the same noise in the same order; only the
loss differs. They learn from four of scikit-image's photographs and are evaluated on a fifth, the cat. DeepJSD has L1
beside it: deep features are nearly insensitive to fine coloured noise, and with less L1 more of it stays.

The figures are PSNR, SSIM, DeepJSD (with which one twin was trained: a biased metric) and DeepWSD in a backbone of your
choice, e.g. --backbone vgg16.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from training_figure import report

import enhance
from enhance.images.arrays import resize
from enhance.images.pictures import sample
from enhance.metrics.deep.named import DEEP_METRICS
from enhance.metrics.registry import display_name

TRAINING = ("astronaut", "coffee", "motorcycle", "rocket")
HELD_OUT = "chelsea"
UNCLIPPED = ("mae", "mse")  # which also see what leaves [0, 1], and bring it back
WARM_UP = 3  # steps that do not count in the steps per second: compilers and caches start there


class Denoiser(nn.Module):
    """Residual blocks at half size that estimate the noise, which is then taken away."""

    def __init__(self, width: int = 32, depth: int = 3) -> None:
        super().__init__()
        self.head = nn.Conv2d(12, width, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1))
            for _ in range(depth)
        )
        self.tail = nn.Conv2d(width, 12, 3, padding=1)

    def forward(self, noisy: Tensor) -> Tensor:
        """(B, 3, H, W) -> the same shape; even sides."""
        features = self.head(functional.pixel_unshuffle(noisy, 2))
        for block in self.blocks:
            features = features + block(features)
        return noisy - functional.pixel_shuffle(self.tail(features), 2)


class Loss(nn.Module):
    """A weighted sum of metrics. Deep measures share one backbone and one pass through it.

    Args:
        weights: of metrics, by their names in `enhance.METRICS`.
        backbone: of the deep measures.
    """

    def __init__(self, weights: Mapping[str, float], backbone: str = "vgg_compact") -> None:
        super().__init__()
        deep = [name for name in weights if name in DEEP_METRICS]
        settings = {"backbone": enhance.load_backbone(backbone), "prefilter": False, "padding": "up"} if deep else {}
        self.weights = dict(weights)
        self.metrics = nn.ModuleDict(
            {
                name: enhance.load_metric(name, check_range=False, **(settings if name in deep else {}))  # type: ignore[misc]
                for name in weights
            }
        )

    def forward(self, image: Tensor, clean: Tensor) -> Tensor:
        inside, total = image.clamp(0, 1), image.new_zeros(())
        with enhance.encode_once():
            for name, metric in self.metrics.items():
                total = total + self.weights[name] * metric(image if name in UNCLIPPED else inside, clean)
        return total

    def title(self) -> str:
        """As figures name it, e.g. DeepJSD + 2 L1."""
        named = {name: "L1" if name == "mae" else display_name(name) for name in self.weights}
        return " + ".join(
            named[name] if weight == 1 else f"{weight:g} {named[name]}" for name, weight in self.weights.items()
        )


@dataclass(frozen=True)
class Settings:
    """How a twin is trained.

    Attributes:
        steps: updates of Adam.
        crop: side of a training crop in pixels, even.
        batch: crops of a step, of all processes together.
        sigma: of the noise, in 255ths.
        amp: precision of the denoiser's autocast; None: single. The loss computes in single precision.
        channels_last: memory layout of the networks and images.
        compiled: whether torch.compile compiles denoiser and loss.
    """

    steps: int
    crop: int
    batch: int
    sigma: float
    amp: torch.dtype | None = None
    channels_last: bool = False
    compiled: bool = False


@dataclass(frozen=True)
class World:
    """This process among those that torchrun started, and its device."""

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")  # noqa: RUF009


def join(device: str | None) -> World:
    """The place of this process; its device is its own GPU where there are GPUs, unless one is named."""
    local = os.environ.get("LOCAL_RANK", "0")
    found = torch.device(device or (f"cuda:{local}" if torch.cuda.is_available() else "cpu"))
    if found.type == "cuda":
        torch.cuda.set_device(found)
    world = World(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")), found)
    if world.size > 1:
        dist.init_process_group("nccl" if found.type == "cuda" else "gloo")
    return world


def noisy(clean: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Gaussian noise of `sigma` 255ths, not clipped."""
    return clean + sigma / 255 * torch.randn(clean.shape, generator=generator)


def crops(photographs: Sequence[Tensor], size: int, batch: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Batches (B, 3, size, size) of random crops, every other one mirrored."""

    def integer(below: int) -> int:
        return int(torch.randint(below, (), generator=generator))

    while True:
        chosen = []
        for _ in range(batch):
            photograph = photographs[integer(len(photographs))]
            top, left = (integer(side - size + 1) for side in photograph.shape[-2:])
            crop = photograph[..., top : top + size, left : left + size]
            chosen.append(crop.flip(-1) if integer(2) else crop)
        yield torch.cat(chosen)


def train(
    name: str, loss: nn.Module, photographs: Sequence[Tensor], given: Settings, world: World | None = None
) -> tuple[Denoiser, float]:
    """A denoiser trained by Adam with a decreasing rate, and its steps per second; one seed draws everything random.

    Every process draws the whole batch and takes its part, so that several give what one gives.
    """
    world = world or World()
    layout = torch.channels_last if given.channels_last else torch.contiguous_format
    torch.manual_seed(0)
    network, generator = Denoiser().to(world.device, memory_format=layout), torch.Generator().manual_seed(0)  # type: ignore[call-overload]
    loss = loss.to(world.device, memory_format=layout)  # type: ignore[call-overload]
    learner: nn.Module = DistributedDataParallel(network) if world.size > 1 else network
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, given.steps, pct_start=0.1)
    scaler = torch.amp.GradScaler(world.device.type, enabled=given.amp == torch.float16)
    batches = crops(photographs, given.crop, given.batch, generator)

    def evaluated(dirty: Tensor, clean: Tensor) -> Tensor:
        with torch.autocast(world.device.type, given.amp, enabled=given.amp is not None):
            estimate = learner(dirty)
        return loss(estimate.float(), clean)

    compute = torch.compile(evaluated) if given.compiled else evaluated
    began, value = time.perf_counter(), torch.zeros(())
    for step in range(1, given.steps + 1):
        clean = next(batches)
        pair = noisy(clean, given.sigma, generator), clean
        parts = (each.chunk(world.size)[world.rank].to(world.device, memory_format=layout) for each in pair)
        value = compute(*parts)
        optimizer.zero_grad()
        scaler.scale(value).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(network.parameters(), 0.1)
        scaler.step(optimizer)
        scaler.update()
        schedule.step()
        shown = step % max(1, given.steps // 10) == 0
        if world.rank == 0 and shown:
            print(f"{name}: step {step}/{given.steps}, loss {value.item():.4f}", flush=True)
        if step == min(WARM_UP, given.steps - 1):
            value.item()  # waits for the device
            began = time.perf_counter()
    value.item()
    counted = given.steps - min(WARM_UP, given.steps - 1)
    return network.cpu().eval(), counted / (time.perf_counter() - began)


def weights(text: str) -> dict[str, float]:
    """Weights by the names of metrics, from e.g. `deepjsd:1,mae:2`; a name alone has the weight 1."""
    found = {}
    for part in text.split(","):
        name, _, weight = part.partition(":")
        if name not in enhance.METRICS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(enhance.METRICS)}; e.g. deepjsd:1,mae:2")
        found[name] = float(weight or 1)
    return found


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loss", type=weights, default="deepjsd:1,mae:2", help="metrics with their weights")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--crop", type=int, default=64, help="side of a training crop in pixels, even")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--sigma", type=float, default=50, help="of the noise, in 255ths")
    parser.add_argument("--device", help="default: a GPU where there is one")
    parser.add_argument("--amp", choices=("bfloat16", "float16"), help="precision of the denoiser's autocast")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true", help="denoiser and loss, by torch.compile")
    parser.add_argument("--size", type=int, help="longer side that the photograph held out is reduced to")
    parser.add_argument("--backbone", default="vgg_compact", help="of DeepWSD")
    parser.add_argument("--weights", default="pretrained", help="of that backbone")
    parser.add_argument("--folder", type=Path, default=Path("outputs/training"))
    given = parser.parse_args(arguments)
    world = join(given.device)
    if given.batch % world.size:
        parser.error(f"--batch {given.batch} has no equal parts for {world.size} processes; take a multiple.")
    precision = getattr(torch, given.amp) if given.amp else None
    settings = Settings(
        given.steps, given.crop, given.batch, given.sigma, precision, given.channels_last, given.compile
    )
    photographs = [sample(name).image for name in TRAINING]
    reference = sample(HELD_OUT).image
    if given.size:
        reference = resize(reference, given.size)
    reference = reference[..., : reference.shape[-2] // 2 * 2, : reference.shape[-1] // 2 * 2]
    start = noisy(reference, given.sigma, torch.Generator().manual_seed(1))
    images, rates = {"noisy": start}, dict[str, float]()
    for name, loss in {loss.title(): loss for loss in (Loss({"mae": 1}), Loss(given.loss))}.items():
        network, rates[name] = train(name, loss, photographs, settings, world)
        with torch.no_grad():
            images[name] = network(start)
    if world.size > 1:
        dist.destroy_process_group()
    if world.rank:
        return {}
    print(", ".join(f"{name}: {rate:.2f} steps/s" for name, rate in rates.items()))
    second = enhance.DeepWSD(given.backbone, given.weights, prefilter=False, padding="up")
    return report({name: image.clamp(0, 1) for name, image in images.items()}, reference, second, given.folder)


if __name__ == "__main__":
    main()
