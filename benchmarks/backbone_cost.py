"""What a step costs in one backbone beside another: python benchmarks/backbone_cost.py --backbones vgg_compact vgg19

A step is loss and gradient in the pixels of one image against a reference that is known beforehand. Backbones take
turns, round by round, and medians are reported, so that whatever else the machine does slows all alike. Weights are
random, which costs the same.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from enhance.backbones.registry import ARCHITECTURES, COMPACT
from enhance.metrics.deep.named import DEEP_METRICS, deep_metric
from enhance.metrics.registry import display_name
from enhance.utils.machine import processor


def step(measure: str, backbone: str, size: int) -> Callable[[], None]:
    """A function that makes one step of a measure in a backbone."""
    metric = deep_metric(measure)(backbone, "untrained")
    image, reference = torch.rand(2, 1, 3, size, size, generator=torch.Generator().manual_seed(0))
    target = metric.prepare(reference)

    def run() -> None:
        metric(image.clone().requires_grad_(), target).backward()

    return run


def seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measures", nargs="+", choices=tuple(DEEP_METRICS), default=list(DEEP_METRICS))
    parser.add_argument("--backbones", nargs="+", choices=(COMPACT, *ARCHITECTURES), default=[COMPACT, "vgg19"])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"torch {torch.__version__}, {given.threads} threads, {processor()}, {given.size} x {given.size}", flush=True)
    print(f"\n| measure | {' | '.join(f'{name} s' for name in given.backbones)} | first / last |")
    print("|---|" + "---:|" * (len(given.backbones) + 1), flush=True)
    for measure in given.measures:
        steps = [step(measure, backbone, given.size) for backbone in given.backbones]
        rounds = [[seconds(work) for work in steps] for _ in range(given.rounds + 1)][1:]  # the first warms up
        medians = [statistics.median(each) for each in zip(*rounds, strict=True)]
        cells = [*(f"{value:.3f}" for value in medians), f"{medians[0] / medians[-1]:.2f}"]
        print(f"| {display_name(measure)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
