"""`task=duel`: maximum differentiation of two metrics, four optimisations from one distorted image.

Each of the four is recorded in a folder of its own, as every run is: history, frames, animation, report. The folder of
the duel holds the four images beside the reference and the initial image, and what compares them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from enhance.config.schema import Config
from enhance.experiment.metadata import describe
from enhance.experiment.metrics import evaluation_metrics
from enhance.experiment.optimization import Optimization
from enhance.experiment.recording import Setup, conclude, concluded, followed, record, set_up
from enhance.images.writing import save_image
from enhance.metrics.metric import Metric
from enhance.metrics.registry import display_name
from enhance.optim.level_set import LevelSet
from enhance.optim.loop import minimize
from enhance.optim.objective import Term
from enhance.optim.parametrizations import Parametrization
from enhance.optim.step import Step
from enhance.optim.stopping import Rule
from enhance.report.duel.data import FOUR
from enhance.report.numbers import quantity
from enhance.runs import layout as names
from enhance.runs.history import read
from enhance.utils.files import write_bytes, write_json
from enhance.utils.numbers import finite


@dataclass(frozen=True)
class Side:
    """One of the four images of a duel.

    Attributes:
        name: of its folder and its file.
        worst: whether the metric that moves is made worse.
        second: whether it is the second metric that moves.
    """

    name: str
    worst: bool
    second: bool


SIDES = tuple(Side(name, worst=name.startswith("worst"), second=name.endswith("B")) for name in FOUR)


class DuelOptimization(Optimization):
    """The optimisation of one of the four images.

    Args:
        setup: of the run.
        pair: the metrics A and B by their names.
        side: which of the four.

    Attributes:
        title: what is optimised, e.g. `best SSIM at equal MSE`.
    """

    def __init__(self, setup: Setup, pair: Mapping[str, Metric], side: Side) -> None:
        (moving, metric), (fixed_name, fixed) = list(pair.items())[:: -1 if side.second else 1]
        self.title = f"{'worst' if side.worst else 'best'} {display_name(moving)} at equal {display_name(fixed_name)}"
        terms = [Term(metric, -1.0 if side.worst else 1.0, moving), Term(fixed, 0.0, fixed_name)]
        super().__init__(setup.config, terms, setup.inputs, setup.device)
        self._surface = LevelSet(fixed.to(self.reference.device), self.reference, self.initial)

    def _parametrized(self, initial: Tensor, mask: Tensor | None) -> Parametrization:
        return self._surface

    def steps(self, resume: Mapping[str, Any] | None = None) -> Iterator[Step]:
        if self._surface.parallel(self.objective):
            self._surface.reason = "the gradients of the two metrics are parallel"
            return minimize(self.objective, self._surface, steps=0, learning_rate=self._rate, smoothing=None)
        return super().steps(resume)

    def rules(self) -> list[Rule]:
        return [*super().rules(), lambda step: self._surface.reason or None]


def run_duel(config: Config, folder: Path, command: str, resume: bool) -> float:
    """The four images of a duel, and what compares them, in `folder`; see `enhance.experiment.run.run`.

    Returns:
        The loss of the best image by the first metric, as a share of that of the worst: the smaller, the further apart
        is what the second metric calls equal.
    """
    if resume and (made := concluded(folder, command, config.figures)):
        return float(made["best"]["loss"])
    setup = set_up(config, command)
    pair = _pair(setup)
    first = DuelOptimization(setup, pair, SIDES[0])
    evaluation = evaluation_metrics(config, first.reference)
    known = _known(setup, first, pair) | {"scores": evaluation.describe()}
    write_json(folder / names.METRICS, {"status": "running", **known})
    save_image(setup.inputs.reference, folder / names.REFERENCE, setup.inputs.bits)
    save_image(setup.inputs.initial, folder / names.INITIAL, setup.inputs.bits)
    found, initial = {}, {}
    with followed(config.live) as follow:
        with _interruptible(folder, known):
            for side in SIDES:
                home = folder / side.name
                home.mkdir(exist_ok=True)
                made = concluded(home, command, config.figures) if resume else None
                if made is None:
                    optimization = first if side is SIDES[0] else DuelOptimization(setup, pair, side)
                    follow(home)
                    made = record(setup, optimization, evaluation, home, resume, optimization.title, part_of=folder)
                write_bytes(folder / f"{side.name}.png", (home / names.RESULT).read_bytes())
                found[side.name] = _figures(made, home, pair)
                initial = initial or _figures(made, home, pair, "initial")
        results = {"status": "drawing", **known, **_compared(found, initial, list(pair))}
        write_json(folder / names.METRICS, results)
        conclude(folder, config.figures)
        follow(folder)
    _show(results, folder)
    return float(results["best"]["loss"])


@contextmanager
def _interruptible(folder: Path, known: Mapping[str, Any]) -> Iterator[None]:
    """After Ctrl-C within the block, metrics.json says so."""
    try:
        yield
    except KeyboardInterrupt:
        write_json(folder / names.METRICS, {"status": "interrupted", **known})
        raise


def _show(results: Mapping[str, Any], folder: Path) -> None:
    """Print the scores of the four images and the folder."""
    pair = results["duel"]["pair"]
    for figures in results["images"].values():
        scores = (f"{display_name(name)} {quantity(name).write(figures['scores'][name])}" for name in pair)
        print(f"{figures['title']}: {', '.join(scores)}")
    print(f"the fixed losses stay within {100 * results['largest_deviation']:.2g} % of their levels")
    print(f"results in {folder}")


def _pair(setup: Setup) -> dict[str, Metric]:
    """The two metrics by their names, on the device of the run."""
    config = setup.config
    first, second = config.metric.name, str(config.against)
    if second == first:
        second = f"{second} (fixed)"
    pair = {first: setup.metrics.main(), second: setup.metrics.named(str(config.against))}
    return {name: metric.to(setup.device) for name, metric in pair.items()}


def _known(setup: Setup, first: DuelOptimization, pair: Mapping[str, Metric]) -> dict[str, Any]:
    """What is known before the first step."""
    known = describe(setup.config, setup.inputs, first.objective, setup.device, setup.command)
    del known["objective"]
    return known | {"duel": {"pair": {name: metric.describe() for name, metric in pair.items()}}}


def _figures(made: Mapping[str, Any], folder: Path, pair: Mapping[str, Metric], image: str = "best") -> dict[str, Any]:
    """Scores by both metrics, then by the evaluation metrics, and how far the fixed loss was from its level."""
    figures = made[image]
    own = {name: _score(metric, figures["terms"][name]) for name, metric in pair.items()}
    further = {name: score for name, score in figures.get("scores", {}).items() if name not in own}
    fixed = [row.terms[made["objective"][1]["name"]] for row in read(folder / names.HISTORY)]
    return {
        "title": made["title"],
        "step": figures["step"],
        "stop_reason": made["stop_reason"],
        "scores": own | further,
        "losses": figures["terms"],
        "largest_deviation": max(abs(value / fixed[0] - 1) for value in fixed),
        "seconds": made["seconds"],
    }


def _score(metric: Metric, loss: float) -> float | None:
    return finite(metric.as_score(torch.tensor(loss, dtype=torch.float64)).item())


def _compared(found: Mapping[str, Any], initial: Mapping[str, Any], pair: list[str]) -> dict[str, Any]:
    """The figures of the four images, and what differs between them."""
    first, second = pair
    best, worst = (found[f"{end}-A"]["losses"][first] for end in ("best", "worst"))
    return {
        "initial": {key: initial[key] for key in ("scores", "losses")},
        "images": dict(found),
        "gaps": {
            name: found[f"best-{side}"]["scores"][name] - found[f"worst-{side}"]["scores"][name]
            for name, side in ((first, "A"), (second, "B"))
        },
        "best": {"loss": best / worst},
        "largest_deviation": max(figures["largest_deviation"] for figures in found.values()),
        "seconds": sum(figures["seconds"] for figures in found.values()),
    }
