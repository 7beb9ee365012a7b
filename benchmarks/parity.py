"""How close our values are to those of the authors' published code, as a page: docs/parity.md.

    python benchmarks/parity.py --golden DIR

DIR holds pairs.npz, published_values.json and published_gradients.npz: pairs of images, and what the published code
computed on them in seeded, untrained networks that are made here anew.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

import enhance
from enhance.metrics.deep.distance import DeepDistance
from enhance.metrics.deep.named import deep_metric
from enhance.metrics.deep.published import PUBLISHED_PAIRS, network_for
from enhance.metrics.registry import display_name

Modules = dict[tuple[str, str], DeepDistance]
NETWORKS = {
    "vgg19": ("VGG", "vgg19"),
    "squeezenet": ("SqueezeNet", "squeezenet1_1"),
    "squeezenet1_0": ("SqueezeNet", "squeezenet1_0"),
    "mobilenet": ("MobileNet", "mobilenet_v3_small"),
    "efficientnet": ("EfficientNet", "efficientnet_b7"),
}
WITH_GRADIENT = "astronaut256_noise"
HEAD = """\
# Parity with the published code

Each of the twelve published pairs of measure and backbone, computed here and by the authors' code in the same seeded,
untrained torchvision networks in evaluation mode, in float32 on a CPU. This page is written by

```sh
python benchmarks/parity.py --golden DIR
```

with the values that the authors' code gave. enhance {version}, torch {torch}.

## Values

The error is relative; the largest of {losses} losses is {worst_loss:.0e}, of as many scores {worst_score:.0e}. The
published code takes the logarithm of 1 + loss, which in float32 loses digits of a small loss; here log1p keeps them.
Of two equal images (astronaut256_same) the loss here is exactly 0, and in the published code what rounding leaves.

"""
FOOT = """
## Where the published code is not followed

| what the published code does | what `enhance` does |
|---|---|
| The scoring scripts leave the networks in training mode: MobileNet and EfficientNet normalise with the statistics of the batch at hand, and EfficientNet drops blocks at random | Networks always evaluate: the same two images give the same score, whatever else is in the batch. The published per-image scores of these two backbones can be reproduced by nobody; the table above compares both sides in evaluation mode |
| A batch of several images is reshaped as one tensor, which mixes the images | A batch gives what its images give one by one |
| Maps are padded or cut to the nearest multiple of 8, so a map whose side is 4 or less is cut to nothing, and the code fails | A side is never below 8. Where cutting leaves something it is followed |
| VGG's symmetric KL takes the logarithm of a softmax, which is minus infinity where the softmax underflows: the score is NaN or infinite | The logarithm of the softmax is computed as such and stays finite; wherever the published value is finite the two agree |
| The ImageNet mean and standard deviation are registered and never used | Followed: images enter the network as they are, in [0, 1] |
| MobileNet's DeepWSD takes signed features as distributions, so its distance is whatever the library's search gives for a function that is not monotone | Followed, value for value, for this pair alone |

Pairs on which an untrained EfficientNet explodes have values that change with the number of threads; they are not in the
table. For the gradients of MobileNet's DeepJSD and DeepSKLD the network computes in double precision: a unit of that
untrained network lies on its kink, where float32 falls on either side.
"""  # noqa: E501


def build(measure: str, backbone: str, golden: Any) -> DeepDistance:
    """The measure in the network on which the authors' code was run."""
    _, network = NETWORKS[network_for(measure, backbone)]
    return deep_metric(measure)(backbone, golden.features(network), reduction="none")


def value_rows(modules: Modules, golden: Any) -> tuple[list[str], list[list[float]]]:
    """Lines of the table of values, and the errors of loss and score in each."""
    values = json.loads((golden.GOLDEN / "published_values.json").read_text())
    lines = ["| measure | backbone | images | published loss | ours | error | published score | ours | error |"]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    errors: list[list[float]] = []
    for (measure, backbone), module in modules.items():
        theirs = "vgg" if backbone == "vgg19" else backbone
        for case in values:
            if (case["measure"], case["backbone"]) != (measure.removeprefix("deep"), theirs):
                continue
            image, reference = golden.pair(case["pair"])
            with torch.no_grad():
                loss, score = module(image, reference).item(), module.score(image, reference).item()
            equal = torch.equal(image, reference)
            found = [error(loss, case["loss"]), error(score, case["score"])]
            shown = ["-" if equal else f"{value:.0e}" for value in found]
            errors += [] if equal else [found]
            lines.append(
                f"| {display_name(measure)} | {NETWORKS[backbone][0]} | {case['pair']} | {case['loss']:.7g} "
                f"| {loss:.7g} | {shown[0]} | {case['score']:.7g} | {score:.7g} | {shown[1]} |"
            )
    return lines, errors


def error(ours: float, theirs: float) -> float:
    """Relative; of two zeros, zero."""
    if ours == theirs:
        return 0.0
    return abs(ours - theirs) / abs(theirs) if theirs else math.inf


def gradient_rows(modules: Modules, golden: Any) -> list[str]:
    """Lines of the table of gradients."""
    lines = ["| measure | backbone | error of the gradient | cosine |", "|---|---|---|---|"]
    with np.load(golden.GOLDEN / "published_gradients.npz") as arrays:
        for (measure, backbone), module in modules.items():
            theirs = "vgg" if backbone == "vgg19" else backbone
            expected = torch.from_numpy(arrays[f"{measure.removeprefix('deep')}.{theirs}.{WITH_GRADIENT}"]).double()
            if backbone == "mobilenet" and measure != "deepwsd":
                module = copy.deepcopy(module).double()
            image, reference = (each.to(module.dtype) for each in golden.pair(WITH_GRADIENT))
            module(image.requires_grad_(), reference).backward()
            assert image.grad is not None
            found = image.grad[0].double()
            cosine = torch.nn.functional.cosine_similarity(found.flatten(), expected.flatten(), dim=0).item()
            away = ((found - expected).norm() / expected.norm()).item()
            lines.append(f"| {display_name(measure)} | {NETWORKS[backbone][0]} | {away:.1e} | {cosine:.7f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--golden", type=Path, required=True, help="the folder of pairs.npz and the published values")
    parser.add_argument("--page", type=Path, default=Path(__file__).parents[1] / "docs" / "parity.md")
    given = parser.parse_args()
    golden = networks(given.golden)
    modules = {pair: build(*pair, golden) for pair in PUBLISHED_PAIRS}
    lines, errors = value_rows(modules, golden)
    worst_loss, worst_score = (max(column) for column in zip(*errors, strict=True))
    versions = {"version": enhance.__version__, "torch": torch.__version__.partition("+")[0]}
    head = HEAD.format(**versions, losses=len(errors), worst_loss=worst_loss, worst_score=worst_score)
    gradients = (
        f"\n## Gradients\n\nOf the loss with respect to the image, on {WITH_GRADIENT}: the norm of the difference over "
        "the norm of the published gradient.\n"
    )
    page = "\n".join([head + "\n".join(lines), gradients, *gradient_rows(modules, golden), FOOT])
    given.page.write_text(page, encoding="utf-8")
    print(page)


def networks(folder: Path) -> Any:
    """tests/golden.py, which makes the networks, with the values in a folder."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    os.environ["ENHANCE_SHARED"] = str(folder.resolve().parents[1])
    golden: Any = import_module("golden")
    golden.GOLDEN = folder
    return golden


if __name__ == "__main__":
    main()
