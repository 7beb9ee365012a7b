"""A measure as a training loss: a small denoiser learns with DeepJSD, its twin with L1, and both see a new photograph.

    python examples/train_denoiser.py                    # minutes on two cores; outputs/training

The twins are the same network from the same seed and see the same crops with the same noise in the same order; only the
loss differs. They learn from four of scikit-image's photographs and are judged on a fifth, the cat. DeepJSD has L1
beside it: deep features are nearly blind to fine coloured noise, and with a smaller --pixel more of it stays.

The judges are PSNR, SSIM, DeepJSD itself (with which one twin was trained: a biased judge) and, for a second opinion,
DeepWSD in a backbone of your choice, e.g. --judge vgg16.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

import enhance
from enhance.images.arrays import resize, to_array
from enhance.images.pictures import sample
from enhance.metrics.psnr_ssim import psnr, ssim
from enhance.report.crops import zoom

TRAINING = ("astronaut", "coffee", "motorcycle", "rocket")
HELD_OUT = "chelsea"

Objective = Callable[[Tensor, Tensor], Tensor]


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
    name: str, objective: Objective, photographs: Sequence[Tensor], steps: int, crop: int, batch: int, sigma: float
) -> Denoiser:
    """Adam with a falling rate; everything random comes from one seed."""
    torch.manual_seed(0)
    network, generator = Denoiser(), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps, pct_start=0.1)
    batches, began = crops(photographs, crop, batch, generator), time.perf_counter()
    for step in range(1, steps + 1):
        clean = next(batches)
        loss = objective(network(noisy(clean, sigma, generator)), clean)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 0.1)
        optimizer.step()
        schedule.step()
        if step % max(1, steps // 10) == 0:
            print(
                f"{name}: step {step}/{steps}, loss {loss.item():.4f}, {time.perf_counter() - began:.0f} s", flush=True
            )
    return network.eval()


def objectives(pixel: float) -> dict[str, Objective]:
    """The two losses. What leaves [0, 1] is clipped for the measure, and L1 brings it back."""
    measure = enhance.DeepJSD(prefilter=False, rounding="up")

    def perceptual(image: Tensor, clean: Tensor) -> Tensor:
        return measure(image.clamp(0, 1), clean) + pixel * functional.l1_loss(image, clean)

    return {"L1": functional.l1_loss, f"DeepJSD + {pixel:g} L1" if pixel else "DeepJSD": perceptual}


def judge(image: Tensor, reference: Tensor, second: enhance.DeepWSD) -> dict[str, float]:
    """What the judges say of one image. Of the scores, which belong to their backbones, lower is better."""
    own = enhance.DeepJSD(prefilter=False, rounding="up")
    return {
        "PSNR": psnr(image, reference).item(),
        "SSIM": ssim(image, reference).item(),
        f"DeepJSD in {own.backbone.name}": own.score(image, reference).item(),
        f"DeepWSD in {second.backbone.name}": second.score(image, reference).item(),
    }


def draw(images: dict[str, Tensor], figures: dict[str, dict[str, float]], path: Path) -> None:
    """Noisy image, twins and reference with their figures, and below the square where the twins differ most."""
    from matplotlib import style
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    arrays = [to_array(image) for image in images.values()]
    height, width = arrays[0].shape[:2]
    top, left, side = zoom(arrays[1], arrays[2], min(height, width) // 3)
    mark = "#D55E00"
    with style.context(["default", {"pdf.fonttype": 42}]):
        figure = Figure(figsize=(7.1, 7.1 / len(images) * (height / width + 1) + 0.55), facecolor="white")
        rows = figure.subplots(2, len(images), gridspec_kw={"height_ratios": (height / width, 1)}, squeeze=False)
        figure.subplots_adjust(0.004, 0.005, 0.996, 1 - 0.53 / figure.get_figheight(), 0.03, 0.03)
        for array, name, whole, part in zip(arrays, images, *rows, strict=True):
            whole.imshow(array)
            part.imshow(array[top : top + side, left : left + side])
            corner = (left - 0.5, top - 0.5)
            box = whole.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=mark, linewidth=0.9))
            box.set_path_effects([withStroke(linewidth=1.7, foreground="white")])
            for axis, colour in ((whole, "#888888"), (part, mark)):
                axis.set(xticks=[], yticks=[])
                for spine in axis.spines.values():
                    spine.set(color=colour, linewidth=0.8)
            for line, size, points in zip((name, *_lines(figures.get(name))), (8.5, 7, 7), (27, 15, 4.5), strict=False):
                place = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "center"}
                whole.annotate(line, (0.5, 1), (0, points), fontsize=size, color="#222222", **place)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path.with_suffix(".png"), dpi=200)
        figure.savefig(path.with_suffix(".pdf"), dpi=300)


def _lines(figures: dict[str, float] | None) -> tuple[str, ...]:
    if figures is None:
        return ()
    peak, similarity, own, second = figures.values()
    return f"PSNR {peak:.2f} dB   SSIM {similarity:.3f}", f"DeepJSD {own:.3f}   DeepWSD {second:.3f}"


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--crop", type=int, default=64, help="side of a training crop in pixels, even")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--sigma", type=float, default=50, help="of the noise, in 255ths")
    parser.add_argument("--pixel", type=float, default=2, help="weight of L1 beside DeepJSD")
    parser.add_argument("--size", type=int, help="longer side that the held-out photograph is reduced to")
    parser.add_argument("--judge", default="vgg_compact", help="backbone of the second opinion")
    parser.add_argument("--weights", default="pretrained", help="of the judge")
    parser.add_argument("--folder", type=Path, default=Path("outputs/training"))
    given = parser.parse_args(arguments)
    photographs = [sample(name).image for name in TRAINING]
    reference = sample(HELD_OUT).image
    if given.size:
        reference = resize(reference, given.size)
    reference = reference[..., : reference.shape[-2] // 2 * 2, : reference.shape[-1] // 2 * 2]
    start = noisy(reference, given.sigma, torch.Generator().manual_seed(1))
    images = {"noisy": start}
    for name, objective in objectives(given.pixel).items():
        network = train(name, objective, photographs, given.steps, given.crop, given.batch, given.sigma)
        with torch.no_grad():
            images[name] = network(start)
    images = {name: image.clamp(0, 1) for name, image in images.items()}
    second = enhance.DeepWSD(given.judge, given.weights, prefilter=False, rounding="up")
    figures = {name: judge(image, reference, second) for name, image in images.items()}
    draw({**images, "reference": reference}, figures, given.folder / "training")
    for name, image in images.items():
        enhance.save_image(image, given.folder / f"{name.split()[0]}.png")
    enhance.save_image(reference, given.folder / "reference.png")
    with open(given.folder / "training.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ("image", *figures["noisy"]))
        writer.writeheader()
        writer.writerows({"image": name} | numbers for name, numbers in figures.items())
    for name, numbers in figures.items():
        print(f"{name}: " + ", ".join(f"{judge} {value:.4f}" for judge, value in numbers.items()))
    return figures


if __name__ == "__main__":
    main()
