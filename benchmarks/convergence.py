"""What the default settings reach over a set of photographs: PSNR and SSIM before and after, by start and measure.

    python benchmarks/convergence.py --weights vgg16.safetensors --images astronaut coffee DIR/photo_010.jpg ...

Each photograph is cut to a square and reduced to SIZE. Starts: white, and the tasks' degradations: noise, Gaussian blur
and JPEG, as strong as they are by default. One row an image goes to FOLDER/convergence.csv as soon as it is computed;
rows that are there already are not computed again. The table shows means over the images, and the worst.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import torch
from torch import Tensor

from enhance.config.groups import degradation_settings
from enhance.config.schema import BackboneConfig, Config, MetricConfig
from enhance.experiment.metrics import Metrics
from enhance.experiment.optimization import Optimization
from enhance.experiment.steps import steps
from enhance.images.arrays import resized
from enhance.images.pictures import open_picture
from enhance.metrics.deep.named import DEEP_METRICS
from enhance.metrics.metric import Metric
from enhance.metrics.psnr_ssim import psnr, ssim
from enhance.metrics.registry import display_name
from enhance.optim.inputs import read_inputs
from enhance.optim.objective import Term
from enhance.optim.step import best_of
from enhance.utils.machine import processor

STARTS = {"white": "", "noise": "gaussian_noise", "blur": "gaussian_blur", "jpeg": "jpeg"}  # and its degradation
COLUMNS: tuple[str, ...] = (
    "measure",
    "start",
    "steps",
    "image",
    "psnr_before",
    "psnr",
    "ssim_before",
    "ssim",
    "loss_before",
    "loss",
)
Row = dict[str, str | int | float]


def square(name: str, size: int) -> Tensor:
    """The middle of an image, (1, 3, size, size)."""
    image = open_picture(name).image
    side = min(image.shape[-2:])
    top, left = (image.shape[-2] - side) // 2, (image.shape[-1] - side) // 2
    return resized(image[..., top : top + side, left : left + side], (size, size))


def measured(config: Config, metric: Metric, reference: Tensor, start: str) -> Row:
    """The qualities of the initial image and of the best image by loss."""
    degradation = degradation_settings(STARTS[start]) if STARTS[start] else {}
    inputs = read_inputs(reference, "degraded" if degradation else start, degradation)
    run = Optimization(config, [Term(metric)], inputs)
    best = best_of(run.steps())
    return {
        "psnr_before": psnr(run.initial, run.reference).item(),
        "psnr": psnr(best.image, run.reference).item(),
        "ssim_before": ssim(run.initial, run.reference).item(),
        "ssim": ssim(best.image, run.reference).item(),
        "loss_before": run.objective(run.initial).loss.item(),
        "loss": best.loss,
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
        cells = [
            display_name(str(key[0])),
            *key[1:],
            len(group),
            f"{mean['psnr_before']:.2f}",
            f"{mean['psnr']:.2f}",
            f"{worst:.2f}",
        ]
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
    parser.add_argument("--steps", type=int, help="by default the metric's own")
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
    built = Metrics(MetricConfig(given.measures[0]), BackboneConfig(given.backbone, given.weights))
    metrics = {name: built.named(name) for name in given.measures}
    for image in given.images:
        reference = square(image, given.size)
        for start in given.starts:
            for name, metric in metrics.items():
                config = Config(metric=MetricConfig(name), steps=given.steps)
                key = (name, start, str(steps(config)), Path(image).stem)
                if key in done:
                    continue
                row = {**dict(zip(COLUMNS, key, strict=False)), **measured(config, metric, reference, start)}
                rows.append(row)
                with open(file, "a", newline="") as opened:
                    writer = csv.DictWriter(opened, COLUMNS)
                    if opened.tell() == 0:
                        writer.writeheader()
                    writer.writerow(row)
    print(table(rows))


if __name__ == "__main__":
    main()
