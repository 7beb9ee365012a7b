"""Writes docs/correlations.md: the correlations of the authors' published per-image scores with subjective scores.

    python benchmarks/correlations.py --scores DIR

DIR holds csiq.csv, tid2013.csv and kadid10k.csv: a row an image, with the columns image, opinion (the
subjective score), and one called MEASURE_BACKBONE for each published pair. A figure of the scores in VGG-19 is
written beside the page.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from enhance.evaluation.correlations import ALL, Evaluation, evaluate
from enhance.evaluation.datasets import KADID10K_TYPES, TID2013_TYPES, numbered
from enhance.evaluation.scatter import scatter
from enhance.evaluation.subjective_scores import Data, complete, numeric, read

DATASETS = {"csiq": "CSIQ", "tid2013": "TID2013", "kadid10k": "KADID-10k"}
MEASURES = {"deepwsd": "DeepWSD", "deepjsd": "DeepJSD", "deepskld": "DeepSKLD"}
BACKBONES = {"vgg19": "VGG", "squeezenet": "SqueezeNet", "mobilenet": "MobileNet", "efficientnet": "EfficientNet"}
ABOUT = {
    "csiq": "750 images without the contrast changes, which the authors left out; subjective scores are DMOS, higher "
    "is worse.",
    "tid2013": "3000 images; subjective scores are MOS, higher is better.",
    "kadid10k": "10125 images; subjective scores are called DMOS by the data set and are higher for better images. 320 "
    "published scores of every pair are 0: of Gaussian blur, motion blur and colour saturation 2 at level 1 and of "
    "mean shift at level 3, for every reference but I18, where the measures see no difference. Without the first of "
    "them, I01_01_01.png, the SRCCs in VGG change by less than 0.00005.",
}
HEAD = """\
# Correlations with subjective scores

Computed by `enhance` from the per-image scores that the authors of the measures published and the data sets'
subjective scores, with the code behind `task=evaluate`. This page is written by

```sh
python benchmarks/correlations.py --scores DIR
```

It says that the correlations are computed rightly: the scores are the authors' own, not ours. (How close our scores are
to those of the published code is in [parity.md](parity.md).) SRCC and KRCC (tau-b) are of the scores as they are, PLCC
and RMSE after the five-parameter logistic; RMSE is in the units of each data set's subjective scores. All published
scores are distances: they rise as DMOS rises and fall as MOS rises, and the table shows the magnitude. In brackets:
95 % of {resamples} bootstrap resamples of the images (seed {seed}).

The authors' scripts scored MobileNet and EfficientNet with batch normalisation, and EfficientNet with stochastic depth,
in training mode, so those scores come from no deterministic function of the two images. The correlations of such
scores are what they are.

![Subjective scores against DeepWSD, DeepJSD and DeepSKLD in VGG-19 on three data sets](correlations.png)
"""


def load(name: str, folder: Path) -> Data:
    """A data set's scores, with types of distortion taken from the file names."""
    rows = read(folder / f"{name}.csv")
    data = complete(rows, numeric(rows, ["image"]))
    return replace(data, types=[kind(name, image) for image in data.images])


def kind(name: str, image: str) -> str:
    file = image.rpartition("/")[2]
    if name == "csiq":
        return file.split(".")[1]
    return numbered(TID2013_TYPES if name == "tid2013" else KADID10K_TYPES, file)


def overall(evaluation: Evaluation) -> str:
    lines = ["| measure | backbone | SRCC | KRCC | PLCC | RMSE |", "|---|---|---|---|---|---|"]
    for measure, title in MEASURES.items():
        for backbone, network in BACKBONES.items():
            one = evaluation.agreements[f"{measure}_{backbone}"][ALL]
            cells = [
                f"{one.values[key]:.4f} [{one.intervals[key][0]:.4f}, {one.intervals[key][1]:.4f}]"
                for key in ("srcc", "krcc", "plcc", "rmse")
            ]
            bent = "" if one.curve and one.curve.monotone else " (curve not monotone)"
            lines.append(f"| {title} | {network} | {' | '.join(cells)}{bent} |")
    return "\n".join(lines)


def by_type(evaluation: Evaluation) -> str:
    shown = [f"{measure}_vgg19" for measure in MEASURES]
    lines = [f"| SRCC in VGG | images | {' | '.join(MEASURES.values())} |", "|---|---|---|---|---|"]
    for name in evaluation.agreements[shown[0]]:
        if name != ALL:
            found = [evaluation.agreements[metric][name] for metric in shown]
            cells = [f"{one.values['srcc']:.4f}" for one in found]
            lines.append(f"| {name} | {found[0].count} | {' | '.join(cells)} |")
    return "\n".join(lines)


def differences(evaluation: Evaluation) -> str:
    titles = {f"{measure}_vgg19": title for measure, title in MEASURES.items()}
    said = [
        f"{titles[one.first]} and {titles[one.second]} by {one.difference:+.4f} "
        f"[{one.interval[0]:+.4f}, {one.interval[1]:+.4f}], p = {one.p_holm:.2g}"
        for one in evaluation.comparisons
    ]
    return "In VGG, SRCC differs between " + "; ".join(said) + " (paired bootstrap, Holm's correction for the three)."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scores", type=Path, required=True, help="the folder of csiq.csv, tid2013.csv, kadid10k.csv")
    parser.add_argument("--page", type=Path, default=Path(__file__).parents[1] / "docs" / "correlations.md")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    page, drawn = [HEAD.format(resamples=given.resamples, seed=given.seed)], []
    for name, title in DATASETS.items():
        data = load(name, given.scores)
        everything = evaluate(replace(data, types=[]), given.resamples, given.seed)
        vgg = {metric: data.scores[metric] for metric in (f"{measure}_vgg19" for measure in MEASURES)}
        typed = evaluate(replace(data, scores=vgg), given.resamples, given.seed)
        page += [
            f"## {title}\n",
            f"{ABOUT[name]}\n",
            overall(everything),
            "",
            differences(typed),
            "",
            by_type(typed),
            "",
        ]
        drawn.append(renamed(typed, title, "DMOS" if name == "csiq" else "MOS"))
        print(f"{title}\n{overall(everything)}", flush=True)
    given.page.parent.mkdir(parents=True, exist_ok=True)
    given.page.write_text("\n".join(page), encoding="utf-8")
    scatter(drawn, given.page.with_suffix(""))


def renamed(evaluation: Evaluation, dataset: str, subjective: str) -> Evaluation:
    """With the names that a figure shows."""
    names = {metric: f"{MEASURES[metric.partition('_')[0]]} (VGG-19)" for metric in evaluation.agreements}
    return replace(
        evaluation,
        data=replace(
            evaluation.data,
            scores={names[metric]: scores for metric, scores in evaluation.data.scores.items()},
            subjective_column=f"{dataset} {subjective}",
        ),
        agreements={names[metric]: found for metric, found in evaluation.agreements.items()},
    )


if __name__ == "__main__":
    main()
