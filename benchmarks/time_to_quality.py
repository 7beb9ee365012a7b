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
from pathlib import Path

import torch

from enhance.config.schema import (
    BackboneConfig,
    Config,
    MetricConfig,
    OptimizerConfig,
    ParametrizationConfig,
    ScheduleConfig,
)
from enhance.experiment.metrics import Metrics
from enhance.experiment.optimization import Optimization
from enhance.experiment.steps import steps
from enhance.metrics.deep.named import DEEP_METRICS
from enhance.metrics.metric import Metric
from enhance.metrics.psnr_ssim import psnr
from enhance.metrics.registry import display_name
from enhance.optim.inputs import read_inputs
from enhance.optim.objective import Term
from enhance.report.style import BLUE, VERMILION, figure, plain, save
from enhance.utils.machine import processor

COLUMNS: tuple[str, ...] = ("measure", "image", "recipe", "step", "seconds", "loss", "psnr")
COLOURS = {"ours": BLUE, "published": VERMILION}
NAMES = {"ours": "this package", "published": "published recipe"}
HALVING = {"deepwsd": 1000, "deepjsd": 1500, "deepskld": 1500}


def recipes(measure: str, count: dict[str, int | None]) -> dict[str, Config]:
    """The settings of both runs: the package's defaults, and what the authors published."""
    published = Config(
        metric=MetricConfig(measure),
        optimizer=OptimizerConfig(learning_rate=0.1, betas=[0.9, 0.999], log_loss=False, smoothing=0),
        schedule=ScheduleConfig("halving", every=HALVING[measure], reset_moments=True),
        parametrization=ParametrizationConfig("pixels"),
        steps=count["published"],
    )
    return {"ours": Config(metric=MetricConfig(measure), steps=count["ours"]), "published": published}


def race(metric: Metric, image: str, size: int, configs: dict[str, Config]) -> list[dict[str, object]]:
    """A row for every tenth step and the last of both runs, which take turns."""
    inputs = read_inputs(image, "white", {}, size=size)
    runs = {name: Optimization(config, [Term(metric)], inputs).steps() for name, config in configs.items()}
    seconds, rows = dict.fromkeys(runs, 0.0), []
    while runs:
        for name in list(runs):
            started = time.perf_counter()
            step = next(runs[name], None)
            if step is None:
                del runs[name]
                continue
            if step.index:
                seconds[name] += time.perf_counter() - started
            if step.index % 10 == 0 or step.index == steps(configs[name]):
                quality = psnr(step.image, inputs.reference.to(step.image)).item()
                values = (metric.name, image, name, step.index, seconds[name], step.loss, quality)
                rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def table(rows: list[dict[str, object]]) -> str:
    """The last row of each run."""
    lines = [f"{'measure':9} {'image':12} {'recipe':10} {'steps':>5} {'seconds':>8} {'loss':>9} {'PSNR':>6}"]
    last = {(row["measure"], row["image"], row["recipe"]): row for row in rows}
    lines += [
        f"{display_name(str(row['measure'])):9} {Path(str(row['image'])).stem:12} {row['recipe']:10} {row['step']:5} "
        f"{row['seconds']:8.1f} {row['loss']:9.3g} {row['psnr']:6.2f}"
        for row in last.values()
    ]
    return "\n".join(lines)


def courses(rows: list[dict[str, object]]) -> list[list[tuple[float, ...]]]:
    """Step, seconds, PSNR and loss of the rows of each image."""
    images: dict[object, list[tuple[float, ...]]] = {}
    for row in rows:
        point = tuple(float(str(row[key])) for key in ("step", "seconds", "psnr", "loss"))
        images.setdefault(row["image"], []).append(point)
    return list(images.values())


@plain
def plot(rows: list[dict[str, object]], path: Path) -> None:
    """One column a measure: PSNR above, loss below, against seconds; of several images each and their mean."""
    from matplotlib.ticker import LogLocator, NullFormatter

    measures = list(dict.fromkeys(str(row["measure"]) for row in rows))
    drawn = figure(1 + 3.6 * len(measures), 5.4)
    drawn.set_layout_engine("constrained")
    grid = drawn.subplots(2, len(measures), sharex=True, squeeze=False)
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
        low, high = below.get_ylim()
        below.set_ylim(bottom=low * (low / high) ** 0.25)  # room for the legend
        below.set_xlabel("seconds")
        for axes in (above, below):
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        below.legend(frameon=False, fontsize="small")
    grid[0, 0].set_ylabel("PSNR (dB)")
    grid[1, 0].set_ylabel("loss")
    if (count := len({row["image"] for row in rows})) > 1:
        drawn.suptitle(f"Bold: mean over {count} photographs", fontsize="small")
    save(drawn, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="+", choices=tuple(DEEP_METRICS), default=["deepjsd"])
    parser.add_argument("--images", nargs="+", default=["astronaut"], help="samples or files")
    parser.add_argument("--backbone", default="vgg16")
    parser.add_argument("--weights", default="pretrained")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, help="of ours; by default the metric's own")
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
    metrics = Metrics(MetricConfig(given.measure[0]), BackboneConfig(given.backbone, given.weights))
    given.folder.mkdir(parents=True, exist_ok=True)
    for measure in given.measure:
        configs = recipes(measure, {"ours": given.steps, "published": given.published_steps})
        for image in given.images:
            rows += race(metrics.named(measure), image, given.size, configs)
            with open(file, "w", newline="") as opened:
                writer = csv.DictWriter(opened, COLUMNS)
                writer.writeheader()
                writer.writerows(rows)
    print(table(rows))
    plot(rows, file)


if __name__ == "__main__":
    main()
