"""What a step costs: ours beside the bare network and, given a checkout of the authors' code, beside theirs.

    python benchmarks/step_cost.py --published ../Deep-network-based-distribution-measures-... --threads 2

A step is loss and gradient in the pixels of one image against a reference that is known beforehand. The bare network is
a forward pass through the same backbone and a backward pass from all its feature maps to the pixels. A scoring is a
batch of eight images against eight references, all new. All share one set of weights; contestants take turns, round by
round, and medians are reported, so that whatever else the machine does slows all alike. The peak memory is that of a
process that does nothing else. Tables go to the terminal, everything to FOLDER/step_cost.json.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn

from enhance.metrics import METRICS

PUBLISHED = {
    "deepwsd": ("DeepWSD_VGG", "DeepWSD"),
    "deepjsd": ("DeepJSD_VGG", "DeepJSD"),
    "deepskld": ("DeepKLD_VGG", "DeepKLD"),
}
BATCH = 8

Work = Callable[[], object]


class Bench:
    """The contestants of one measure, on one pair of images."""

    def __init__(self, measure: str, given: argparse.Namespace) -> None:
        torch.set_num_threads(given.threads)
        torch.manual_seed(0)
        self.device = torch.device(given.device)
        network = torchvision.models.vgg19(weights=None)
        metric = METRICS[measure]("vgg19", network.features.state_dict(), check_range=False).to(self.device)
        self.image, self.reference = (torch.rand(BATCH, 3, given.size, given.size).to(self.device) for _ in range(2))
        self.metric, self.target = metric, metric.prepare(self.reference[:1])
        with torch.no_grad():
            self.slopes = [torch.ones_like(features) for features in metric.backbone(self.image[:1])]
        self.theirs = load_published(measure, given.published, network) if given.published else None

    def steps(self) -> dict[str, Work]:
        work: dict[str, Work] = {"network": self._network, "ours": lambda: self._step(self._ours)}
        if self.theirs is not None:
            work["published"] = lambda: self._step(self._published)
        return work

    def scorings(self) -> dict[str, Work]:
        work: dict[str, Work] = {"ours": lambda: self.metric.score(self.image, self.reference)}
        if theirs := self.theirs:
            work["published"] = lambda: theirs(self.image, self.reference, as_loss=False)
        return work

    def _network(self) -> None:
        image = self.image[:1].clone().requires_grad_()
        torch.autograd.backward(self.metric.backbone(image), self.slopes)

    def _ours(self, image: Tensor) -> Tensor:
        return self.metric(image, self.target)

    def _published(self, image: Tensor) -> Tensor:
        assert self.theirs is not None
        return self.theirs(image, self.reference[:1], as_loss=True)

    def _step(self, loss: Callable[[Tensor], Tensor]) -> None:
        image = self.image[:1].clone().requires_grad_()
        loss(image).backward()


def load_published(measure: str, folder: Path, network: nn.Module) -> nn.Module:
    """The authors' module, made to take our weights where it would download its own."""
    module, name = PUBLISHED[measure]
    sys.path.insert(0, str(folder))
    original = torchvision.models.vgg19
    torchvision.models.vgg19 = lambda **_: network
    try:
        return getattr(importlib.import_module(module), name)().to(next(network.parameters()).device).eval()
    finally:
        torchvision.models.vgg19 = original
        sys.path.remove(str(folder))


def take_turns(work: dict[str, Work], rounds: int, device: torch.device) -> dict[str, float]:
    """Median seconds of each, after a round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds + 1):
        for name, run in work.items():
            began = time.perf_counter()
            run()
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


def _measure_peak(measure: str, name: str, given: argparse.Namespace, answer: multiprocessing.Queue[float]) -> None:
    bench = Bench(measure, given)
    for _ in range(3):
        bench.steps()[name]()
    if given.device == "cuda":
        answer.put(torch.cuda.max_memory_allocated() / 2**20)
    else:
        import resource

        unit = 2**20 if platform.system() == "Darwin" else 2**10  # bytes there, KiB elsewhere
        answer.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


def peak(measure: str, name: str, given: argparse.Namespace) -> float:
    """Peak memory in MiB of a process of its own that takes three steps."""
    context = multiprocessing.get_context("spawn")
    answer: multiprocessing.Queue[float] = context.Queue()
    process = context.Process(target=_measure_peak, args=(measure, name, given, answer))
    process.start()
    value = answer.get()
    process.join()
    return value


def table(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """Markdown; the published columns only where it took part."""
    lines = [
        "| measure | network s | our step s | of network | published step s | of ours | our MiB | published MiB "
        "| our images/s | published images/s | times |",
        "|---|" + "---:|" * 10,
    ]
    for measure, result in results.items():
        step, memory, rate = result["step_seconds"], result["peak_mib"], result["images_per_second"]
        ours, theirs = step["ours"], step.get("published")
        cells = [measure, f"{step['network']:.3f}", f"{ours:.3f}", f"{ours / step['network']:.2f}"]
        cells += [f"{theirs:.3f}", f"{theirs / ours:.1f}"] if theirs else ["-", "-"]
        cells += [f"{memory[name]:.0f}" if name in memory else "-" for name in ("ours", "published")]
        cells += [f"{rate[name]:.2f}" if name in rate else "-" for name in ("ours", "published")]
        cells += [f"{rate['ours'] / rate['published']:.1f}" if theirs else "-"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="+", choices=tuple(METRICS), default=list(METRICS))
    parser.add_argument("--published", type=Path, help="a checkout of the authors' code")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--scorings", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--folder", type=Path, default=Path("outputs/benchmarks"))
    given = parser.parse_args()
    machine = f"torch {torch.__version__}, {given.threads} threads, {platform.processor() or platform.machine()}"
    print(f"{machine}, VGG19, {given.size} x {given.size}, {given.device}", flush=True)
    contestants = ("network", "ours", "published") if given.published else ("network", "ours")
    # Before anything large is built here: a process inherits its parent's peak.
    peaks = {measure: {name: peak(measure, name, given) for name in contestants} for measure in given.measure}
    results = {}
    for measure in given.measure:
        bench = Bench(measure, given)
        scoring = take_turns(bench.scorings(), given.scorings, bench.device)
        results[measure] = {
            "step_seconds": take_turns(bench.steps(), given.rounds, bench.device),
            "peak_mib": peaks[measure],
            "images_per_second": {name: BATCH / seconds for name, seconds in scoring.items()},
        }
        print(json.dumps({measure: results[measure]}), flush=True)
    given.folder.mkdir(parents=True, exist_ok=True)
    settings = {"machine": machine, "size": given.size, "device": given.device}
    (given.folder / "step_cost.json").write_text(json.dumps({**settings, "measures": results}, indent=2) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
