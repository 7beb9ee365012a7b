"""What a step costs: ours beside the bare network and, given a checkout of the authors' code, beside theirs.

    python benchmarks/step_cost.py --published ../Deep-network-based-distribution-measures-... --threads 2

A step is loss and gradient in the pixels of one image against a reference that is known beforehand. The bare network is
a forward pass through the same backbone and a backward pass from all its feature maps to the pixels. A scoring is a
batch of eight images against eight references, all new. All share one set of weights; contestants take turns, round by
round, and medians are reported, so that whatever else the machine does slows all alike. At each turn two steps are made
and the second is timed, as one step follows another in an optimisation. The memory is what a process
that does nothing else takes at most while it makes three steps, and by how much that is more than it took before
them, with network, reference and libraries. Tables go to the terminal, everything to FOLDER/step_cost.json; --plot FILE
draws the steps' seconds as FILE.png and FILE.pdf. --autocast bfloat16 lets a step with the network in that precision
take part.
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
from multiprocessing.connection import Connection
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn

from enhance.metrics.deep.distance import DeepDistance
from enhance.metrics.deep.named import DEEP_METRICS, deep_metric
from enhance.metrics.registry import display_name
from enhance.report.style import BLUE, FAINT, SKY, VERMILION, figure, plain, save
from enhance.utils.machine import processor

PUBLISHED = {
    "deepwsd": ("DeepWSD_VGG", "DeepWSD"),
    "deepjsd": ("DeepJSD_VGG", "DeepJSD"),
    "deepskld": ("DeepKLD_VGG", "DeepKLD"),
}
BATCH = 8
LABELS = {
    "network": "bare network",
    "ours": "this package",
    "autocast": "this package, network in half precision",
    "published": "published code",
}
COLOURS = {"network": FAINT, "ours": BLUE, "autocast": SKY, "published": VERMILION}

Work = Callable[[], object]
Result = dict[str, dict[str, float]]


class Bench:
    """The contestants of one measure, on one pair of images."""

    def __init__(self, measure: str, given: argparse.Namespace) -> None:
        torch.set_num_threads(given.threads)
        torch.manual_seed(0)
        self.device = torch.device(given.device)
        network = torchvision.models.vgg19(weights=None)
        metric = deep_metric(measure)("vgg19", network.features.state_dict(), check_range=False).to(self.device)
        self.image, self.reference = (torch.rand(BATCH, 3, given.size, given.size).to(self.device) for _ in range(2))
        self.metric, self.target = metric, metric.prepare(self.reference[:1])
        self.half: DeepDistance | None = None
        if given.autocast:
            precision = getattr(torch, given.autocast)
            self.half = deep_metric(measure)(metric.backbone, check_range=False, autocast=precision)
            self.half_target = self.half.prepare(self.reference[:1])
        with torch.no_grad():
            self.gradients = [torch.ones_like(features) for features in metric.backbone(self.image[:1])]
        self.theirs = load_published(measure, given.published, network) if given.published else None

    def steps(self) -> dict[str, Work]:
        work: dict[str, Work] = {"network": self._network, "ours": lambda: self._step(self._ours)}
        if half := self.half:
            work["autocast"] = lambda: self._step(lambda image: half(image, self.half_target))
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
        torch.autograd.backward(self.metric.backbone(image), self.gradients)

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


def take_turns(work: dict[str, Work], rounds: int, device: torch.device, first: int = 0) -> dict[str, float]:
    """Median seconds of each, after a round to warm up; `first` so many at each turn that do not count."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds + 1):
        for name, run in work.items():
            for _ in range(first):
                run()
            if device.type == "cuda":
                torch.cuda.synchronize()
            began = time.perf_counter()
            run()
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


def _measure_peak(measure: str, name: str, given: argparse.Namespace, answer: Connection) -> None:
    bench = Bench(measure, given)
    work = bench.steps()[name]
    before = memory_of_process(peak=False)
    for _ in range(3):
        work()
    answer.send((before, memory_of_process(peak=True)))


def memory_of_process(peak: bool) -> float:
    """Memory of this process in MiB, of the GPU where it uses one: the memory in use, from where a new peak is counted,
    or the peak since then. Where the system reports only the peak of the whole process, both are that.
    """
    if torch.cuda.is_initialized():
        if peak:
            return torch.cuda.max_memory_allocated() / 2**20
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / 2**20
    try:
        if not peak:
            Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM" if peak else "VmRSS"))
    except OSError:
        import resource

        unit = 2**20 if platform.system() == "Darwin" else 2**10  # bytes there, KiB elsewhere
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def memory(measure: str, name: str, given: argparse.Namespace) -> tuple[float, float]:
    """What a process of its own holds before its steps and at most in three of them, in MiB.

    Raises:
        SystemExit: if it dies.
    """
    context = multiprocessing.get_context("spawn")
    answer, asked = context.Pipe(duplex=False)
    process = context.Process(target=_measure_peak, args=(measure, name, given, asked))
    process.start()
    asked.close()  # ours, so that the end of the process is the end of the pipe
    try:
        return answer.recv()
    except EOFError:
        process.join()
        sys.exit(f"The process that made steps of {measure} ({name}) died with exit code {process.exitcode}.")
    finally:
        process.join()


@plain
def plot(results: dict[str, Result], title: str, path: Path) -> None:
    """Seconds of a step, a group of bars for each measure."""
    names = list(next(iter(results.values()))["step_seconds"])
    drawn = figure(max(5.0, 0.8 + 0.5 * len(names) * len(results)), 3.4)
    drawn.set_layout_engine("constrained")
    axes = drawn.subplots()
    width = 0.8 / len(names)
    for place, name in enumerate(names):
        seconds = [result["step_seconds"][name] for result in results.values()]
        at = [group + (place - (len(names) - 1) / 2) * width for group in range(len(results))]
        bars = axes.bar(at, seconds, 0.92 * width, color=COLOURS[name], label=LABELS[name])
        axes.bar_label(bars, fmt="%.2f", fontsize="small", padding=1)
    axes.set_xticks(range(len(results)), [display_name(measure) for measure in results])
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("seconds a step")
    axes.set_title(title, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small")
    save(drawn, path)


def table(results: dict[str, Result]) -> str:
    """Markdown; the published columns only where it took part."""
    lines = [
        "| measure | network s | our step s | of network | with autocast s | published step s | of ours "
        "| our MiB, in steps | published MiB, in steps "
        "| our images/s | published images/s | times |",
        "|---|" + "---:|" * 11,
    ]
    for measure, result in results.items():
        step, rate = result["step_seconds"], result["images_per_second"]
        memory, before = result["peak_mib"], result["mib_before"]
        ours, theirs = step["ours"], step.get("published")
        cells = [display_name(measure), f"{step['network']:.3f}", f"{ours:.3f}", f"{ours / step['network']:.2f}"]
        cells += [f"{step['autocast']:.3f}" if "autocast" in step else "-"]
        cells += [f"{theirs:.3f}", f"{theirs / ours:.1f}"] if theirs else ["-", "-"]
        cells += [
            f"{memory[name]:.0f}, {memory[name] - before[name]:.0f}" if name in memory else "-"
            for name in ("ours", "published")
        ]
        cells += [f"{rate[name]:.2f}" if name in rate else "-" for name in ("ours", "published")]
        cells += [f"{rate['ours'] / rate['published']:.1f}" if theirs else "-"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="+", choices=tuple(DEEP_METRICS), default=list(DEEP_METRICS))
    parser.add_argument("--published", type=Path, help="a checkout of the authors' code")
    parser.add_argument("--plot", type=Path, help="e.g. docs/step_cost: draws docs/step_cost.png and .pdf")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--scorings", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--autocast", choices=("bfloat16", "float16"))
    parser.add_argument("--folder", type=Path, default=Path("outputs/benchmarks"))
    given = parser.parse_args()
    if given.published and (
        lost := [name for name, _ in PUBLISHED.values() if not (given.published / f"{name}.py").is_file()]
    ):
        parser.error(f"{given.published} is no checkout of the authors' code: it has no {lost[0]}.py.")
    machine = f"torch {torch.__version__}, {given.threads} threads, {processor()}"
    setting = f"VGG19, {given.size} x {given.size}, {given.device}"
    print(f"{machine}, {setting}", flush=True)
    contestants = ("network", "ours", "published") if given.published else ("network", "ours")
    # Before anything large is built here: a process inherits its parent's peak.
    memories = {measure: {name: memory(measure, name, given) for name in contestants} for measure in given.measure}
    results: dict[str, Result] = {}
    for measure in given.measure:
        bench = Bench(measure, given)
        scoring = take_turns(bench.scorings(), given.scorings, bench.device)
        results[measure] = {
            "step_seconds": take_turns(bench.steps(), given.rounds, bench.device, first=1),
            "mib_before": {name: before for name, (before, _) in memories[measure].items()},
            "peak_mib": {name: most for name, (_, most) in memories[measure].items()},
            "images_per_second": {name: BATCH / seconds for name, seconds in scoring.items()},
        }
        print(json.dumps({measure: results[measure]}), flush=True)
    given.folder.mkdir(parents=True, exist_ok=True)
    settings = {"machine": machine, "size": given.size, "device": given.device}
    (given.folder / "step_cost.json").write_text(json.dumps({**settings, "measures": results}, indent=2) + "\n")
    print(table(results))
    if given.plot:
        plot(results, f"{machine}\n{setting}", given.plot)


if __name__ == "__main__":
    main()
