"""How fast an image gets good: the published recipe and ours on the same measure, filters and photographs.

    python benchmarks/time_to_quality.py --measure deepjsd --weights vgg16.safetensors --images astronaut coffee

Both start from white. A table goes to the terminal, every tenth step to FOLDER/time_to_quality.csv, and a plot of PSNR
and loss against seconds to FOLDER/time_to_quality.png, .pdf. The two take turns, step by step, so that whatever else
the machine does slows both alike; each is charged with its own seconds alone. `--plot-only` draws what the file holds.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import torch

import enhance
from enhance.inputs import Inputs, read_inputs
from enhance.metrics.deep.distance import DEEP_METRICS, DeepDistance, Prepared
from enhance.metrics.psnr_ssim import psnr
from enhance.optim.loop import descend
from enhance.optim.parametrizations import Pixels, Pyramid
from enhance.optim.schedules import graduated, halving
from enhance.optim.step import Step
from enhance.report.style import BLUE, VERMILION, display_name
from enhance.utils.machine import processor

COLUMNS = ("measure", "image", "recipe", "step", "seconds", "loss", "psnr")
COLOURS = {"ours": BLUE, "published": VERMILION}
NAMES = {"ours": "this package", "published": "published recipe"}
HALVING = {"deepwsd": 1000, "deepjsd": 1500, "deepskld": 1500}


def ours(metric: DeepDistance, target: Prepared, problem: Inputs, steps: int) -> Iterator[Step]:
    start = Pyramid(problem.initial)
    return descend(metric, target, start, steps=steps, learning_rate=0.02, smoothing=graduated(100))


def published(metric: DeepDistance, target: Prepared, problem: Inputs, steps: int) -> Iterator[Step]:
    return descend(
        metric,
        target,
        Pixels(problem.initial),
        steps=steps,
        learning_rate=0.1,
        betas=(0.9, 0.999),
        schedule=halving(HALVING[metric.measure]),
        reset_moments=True,
        log_loss=False,
    )


def race(metric: DeepDistance, image: str, size: int, steps: dict[str, int]) -> list[dict[str, object]]:
    """Run both recipes in turns and return a row for every tenth step and the last."""
    problem = read_inputs(image, "white", {}, size=size)
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


def courses(rows: list[dict[str, object]]) -> list[list[tuple[float, ...]]]:
    """For each image step, seconds, PSNR and loss of its rows."""
    images: dict[object, list[tuple[float, ...]]] = {}
    for row in rows:
        point = tuple(float(str(row[key])) for key in ("step", "seconds", "psnr", "loss"))
        images.setdefault(row["image"], []).append(point)
    return list(images.values())


def plot(rows: list[dict[str, object]], path: Path) -> None:
    """One column a measure: PSNR above, loss below, against seconds; of several images each and their mean."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullFormatter

    measures = list(dict.fromkeys(str(row["measure"]) for row in rows))
    size = (1 + 3.6 * len(measures), 5.4)
    figure, grid = pyplot.subplots(2, len(measures), figsize=size, layout="constrained", sharex=True, squeeze=False)
    for column, measure in enumerate(measures):
        above, below = grid[:, column]
        for recipe, colour in COLOURS.items():
            runs = courses([row for row in rows if (row["measure"], row["recipe"]) == (measure, recipe)])
            if not runs:
                continue
            label = f"{NAMES[recipe]}, {runs[0][-1][0]:.0f} steps"
            for course in runs if len(runs) > 1 else []:
                for axes, value in ((above, 2), (below, 3)):
                    axes.plot(
                        *[[point[at] for point in course[1:]] for at in (1, value)], color=colour, alpha=0.3, lw=0.8
                    )
            mean = [[statistics.fmean(at) for at in zip(*points, strict=True)] for points in zip(*runs, strict=True)]
            for axes, value in ((above, 2), (below, 3)):
                across, up = ([point[at] for point in mean[1:]] for at in (1, value))
                axes.plot(across, up, color=colour, lw=2, label=label)
                axes.plot(across[-1], up[-1], "o", color=colour, markersize=5)
        above.set_title(display_name(measure))
        above.set_xscale("log")
        above.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        above.xaxis.set_major_formatter("{x:g}")
        above.xaxis.set_minor_formatter(NullFormatter())
        below.set_yscale("log")
        below.set_xlabel("seconds")
        for axes in (above, below):
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        below.legend(frameon=False, fontsize="small")
    grid[0, 0].set_ylabel("PSNR (dB)")
    grid[1, 0].set_ylabel("loss")
    if (count := len({row["image"] for row in rows})) > 1:
        figure.suptitle(f"Bold: mean over {count} photographs", fontsize="small")
    for end in (".png", ".pdf"):
        figure.savefig(path.with_suffix(end), dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="+", choices=tuple(DEEP_METRICS), default=["deepjsd"])
    parser.add_argument("--images", nargs="+", default=["astronaut"], help="samples or files")
    parser.add_argument("--backbone", default="vgg16")
    parser.add_argument("--weights", default="pretrained")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, help="of ours; by default 300 with DeepWSD, else 120")
    parser.add_argument("--published-steps", type=int, default=1000)
    parser.add_argument("--plot-only", action="store_true")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--folder", type=Path, default=Path("outputs/benchmarks"))
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    file = given.folder / "time_to_quality.csv"
    rows: list[dict[str, object]] = []
    if given.plot_only:
        if not file.is_file():
            parser.error(f"{file} is not there; run without --plot-only first, or name its folder with --folder.")
        with open(file, newline="") as opened:
            rows = [dict(row) for row in csv.DictReader(opened)]
        plot(rows, file)
        return
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {processor()}")
    backbone = enhance.load_backbone(given.backbone, given.weights)
    given.folder.mkdir(parents=True, exist_ok=True)
    for measure in given.measure:
        metric = DEEP_METRICS[measure](backbone, prefilter=False, padding="up")
        ours = given.steps or (300 if measure == "deepwsd" else 120)
        for image in given.images:
            rows += race(metric, image, given.size, {"ours": ours, "published": given.published_steps})
            with open(file, "w", newline="") as opened:
                writer = csv.DictWriter(opened, COLUMNS)
                writer.writeheader()
                writer.writerows(rows)
    print(table(rows))
    plot(rows, file)


if __name__ == "__main__":
    main()
