"""Where the tasks' own settings end, over a set of photographs: PSNR and SSIM before and after, by start and measure.

    python benchmarks/convergence.py --weights vgg16.safetensors --images astronaut coffee DIR/photo_010.jpg ...

Each photograph is cut to a square and reduced to SIZE. Starts: white, noise (sigma 50/255), Gaussian blur (sigma 3
pixels) and JPEG (quality 10). One row an image goes to FOLDER/convergence.csv as soon as it is there; rows that are
there already are not computed again. The table shows means over the images, and the worst.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from torch import Tensor

import enhance
from enhance.config import paths
from enhance.config.schema import Config, register
from enhance.degradations import degrade
from enhance.images.arrays import resized
from enhance.images.pictures import open_picture
from enhance.metrics.deep.distance import DEEP_METRICS, DeepDistance
from enhance.metrics.psnr_ssim import psnr, ssim
from enhance.optim.loop import descend
from enhance.optim.parametrizations import Pyramid
from enhance.optim.schedules import graduated
from enhance.utils.machine import processor

STARTS = {
    "white": ("recover", None, {}),
    "noise": ("denoise", "gaussian_noise", {"sigma": 50}),
    "blur": ("deblur", "gaussian_blur", {"sigma": 3}),
    "jpeg": ("jpeg", "jpeg", {"quality": 10, "subsampling": 2}),
}
COLUMNS = ("measure", "start", "steps", "image", "psnr_before", "psnr", "ssim_before", "ssim", "loss_before", "loss")
Row = dict[str, str | int | float]


def square(name: str, size: int) -> Tensor:
    image = open_picture(name).image
    side = min(image.shape[-2:])
    top, left = (image.shape[-2] - side) // 2, (image.shape[-1] - side) // 2
    return resized(image[..., top : top + side, left : left + side], (size, size))


def settings(task: str) -> Config:
    paths.register()
    register()
    with initialize_config_dir(str(paths.home() / "conf"), version_base="1.3"):
        return compose("config", [f"task={task}"])  # type: ignore[return-value]


def measured(metric: DeepDistance, reference: Tensor, start: str, steps: int) -> Row:
    """Descend from one start and judge the best image by loss."""
    task, degradation, values = STARTS[start]
    config = settings(task)
    initial = degrade(reference, degradation, **values) if degradation else torch.ones_like(reference)
    pyramid = config.parametrization
    best = first = None
    for step in descend(
        metric,
        reference,
        Pyramid(initial, pyramid.levels, pyramid.chroma, pyramid.gain),
        steps=steps,
        learning_rate=config.optimizer.learning_rate or pyramid.learning_rate,
        betas=(config.optimizer.betas[0], config.optimizer.betas[1]),
        smoothing=graduated(config.optimizer.smoothing),
    ):
        first = first if first is not None else step.loss
        if best is None or step.loss < best[0]:
            best = (step.loss, step.image.clone())
    if best is None or first is None:
        raise ValueError("No step was made.")
    loss, image = best
    return {
        "psnr_before": psnr(initial, reference).item(),
        "psnr": psnr(image, reference).item(),
        "ssim_before": ssim(initial, reference).item(),
        "ssim": ssim(image, reference).item(),
        "loss_before": first,
        "loss": loss,
    }


def table(rows: list[Row]) -> str:
    lines = [
        "| measure | start | steps | images | PSNR before | PSNR after, mean | worst | SSIM before | after |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for key in dict.fromkeys((row["measure"], row["start"], row["steps"]) for row in rows):
        group = [row for row in rows if (row["measure"], row["start"], row["steps"]) == key]
        mean = {column: sum(float(row[column]) for row in group) / len(group) for column in COLUMNS[4:]}
        worst = min(float(row["psnr"]) for row in group)
        cells = [*key, len(group), f"{mean['psnr_before']:.2f}", f"{mean['psnr']:.2f}", f"{worst:.2f}"]
        lines.append("| " + " | ".join(map(str, [*cells, f"{mean['ssim_before']:.3f}", f"{mean['ssim']:.3f}"])) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measures", nargs="+", choices=tuple(DEEP_METRICS), default=list(DEEP_METRICS))
    parser.add_argument("--starts", nargs="+", choices=tuple(STARTS), default=list(STARTS))
    parser.add_argument("--images", nargs="+", default=["astronaut"], help="samples or files")
    parser.add_argument("--backbone", default="vgg16")
    parser.add_argument("--weights", default="pretrained")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--folder", type=Path, default=Path("outputs/benchmarks"))
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {processor()}")
    file = given.folder / "convergence.csv"
    given.folder.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    if file.exists():
        with open(file, newline="") as opened:
            rows = [dict(row) for row in csv.DictReader(opened)]
    done = {tuple(str(row[column]) for column in COLUMNS[:4]) for row in rows}
    backbone = enhance.load_backbone(given.backbone, given.weights)
    metrics = {name: DEEP_METRICS[name](backbone, prefilter=False, padding="up") for name in given.measures}
    for image in given.images:
        reference = square(image, given.size)
        for start in given.starts:
            for name, metric in metrics.items():
                key = (name, start, str(given.steps), Path(image).stem)
                if key in done:
                    continue
                row = {**dict(zip(COLUMNS, key, strict=False)), **measured(metric, reference, start, given.steps)}
                rows.append(row)
                with open(file, "a", newline="") as opened:
                    writer = csv.DictWriter(opened, COLUMNS)
                    if opened.tell() == 0:
                        writer.writeheader()
                    writer.writerow(row)
    print(table(rows))


if __name__ == "__main__":
    main()
