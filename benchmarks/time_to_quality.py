"""How fast an image gets good: the published recipe and ours on the same measure, filters and photographs.

    python benchmarks/time_to_quality.py --measure deepjsd --weights vgg16.safetensors --images astronaut coffee

Both start from white. A table goes to the terminal, every tenth step to FOLDER/time_to_quality.csv, and a plot of PSNR
and loss against seconds to FOLDER/time_to_quality.png. The two take turns, step by step, so that whatever else the
machine does slows both alike; each is charged with its own seconds alone.
"""

from __future__ import annotations

import argparse
import csv
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import torch

import enhance
from enhance.descent.loop import descend
from enhance.descent.parametrizations import Pixels, Pyramid
from enhance.descent.schedules import graduated, halving
from enhance.descent.step import Step
from enhance.metrics import METRICS, DeepDistance, Prepared
from enhance.metrics.classic import psnr
from enhance.tasks.problem import Problem, pose

COLUMNS = ("measure", "image", "recipe", "step", "seconds", "loss", "psnr")
HALVING = {"deepwsd": 1000, "deepjsd": 1500, "deepskld": 1500}


def ours(metric: DeepDistance, target: Prepared, problem: Problem, steps: int) -> Iterator[Step]:
    start = Pyramid(problem.initial)
    return descend(metric, target, start, steps=steps, learning_rate=0.02, smoothing=graduated(100))


def published(metric: DeepDistance, target: Prepared, problem: Problem, steps: int) -> Iterator[Step]:
    every = HALVING[metric.measure]
    return descend(
        metric,
        target,
        Pixels(problem.initial),
        steps=steps,
        learning_rate=0.1,
        betas=(0.9, 0.999),
        schedule=halving(every),
        forget_every=every,
        relative=False,
    )


def race(metric: DeepDistance, image: str, size: int, steps: dict[str, int]) -> list[dict[str, object]]:
    """Run both recipes in turns and return a row for every tenth step and the last."""
    problem = pose(image, "white", {}, size=size)
    target = metric.prepare(problem.reference)
    runs = {
        "ours": ours(metric, target, problem, steps["ours"]),
        "published": published(metric, target, problem, steps["published"]),
    }
    seconds, rows = dict.fromkeys(runs, 0.0), []
    while runs:
        for name in list(runs):
            began = time.perf_counter()
            step = next(runs[name], None)
            if step is None:
                del runs[name]
                continue
            if step.index:
                seconds[name] += time.perf_counter() - began
            if step.index % 10 == 0 or step.index == steps[name]:
                quality = psnr(step.image, problem.reference).item()
                values = (metric.measure, image, name, step.index, seconds[name], step.loss, quality)
                rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def table(rows: list[dict[str, object]]) -> str:
    """Where each run ended."""
    lines = [f"{'measure':9} {'image':12} {'recipe':10} {'steps':>5} {'seconds':>8} {'loss':>9} {'PSNR':>6}"]
    last = {(row["measure"], row["image"], row["recipe"]): row for row in rows}
    lines += [
        f"{row['measure']:9} {Path(str(row['image'])).stem:12} {row['recipe']:10} {row['step']:5} "
        f"{row['seconds']:8.1f} {row['loss']:9.3g} {row['psnr']:6.2f}"
        for row in last.values()
    ]
    return "\n".join(lines)


def plot(rows: list[dict[str, object]], path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, key in zip(axes, ("psnr", "loss"), strict=True):
        for run in dict.fromkeys((row["measure"], row["image"], row["recipe"]) for row in rows):
            mine = [row for row in rows if (row["measure"], row["image"], row["recipe"]) == run]
            axis.plot(
                [row["seconds"] for row in mine],
                [row[key] for row in mine],
                color="tab:blue" if run[2] == "ours" else "tab:orange",
                label=run[2],
            )
        axis.set(xlabel="seconds", ylabel="PSNR (dB)" if key == "psnr" else "loss", xscale="log")
    axes[1].set_yscale("log")
    handles, labels = axes[0].get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    axes[0].legend(list(once.values()), list(once))
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="+", choices=tuple(METRICS), default=["deepjsd"])
    parser.add_argument("--images", nargs="+", default=["astronaut"], help="samples or files")
    parser.add_argument("--backbone", default="vgg16")
    parser.add_argument("--weights", default="pretrained")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=100, help="of ours")
    parser.add_argument("--published-steps", type=int, default=1000)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--folder", type=Path, default=Path("outputs/benchmarks"))
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.processor() or platform.machine()}")
    backbone = enhance.load_backbone(given.backbone, given.weights)
    steps = {"ours": given.steps, "published": given.published_steps}
    rows = []
    for measure in given.measure:
        metric = METRICS[measure](backbone, prefilter=False, rounding="up")
        for image in given.images:
            rows += race(metric, image, given.size, steps)
    given.folder.mkdir(parents=True, exist_ok=True)
    with open(given.folder / "time_to_quality.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    print(table(rows))
    plot(rows, given.folder / "time_to_quality.png")


if __name__ == "__main__":
    main()
