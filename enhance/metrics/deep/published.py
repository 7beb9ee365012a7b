"""The settings with which the authors' code computes each (measure, backbone) pair, as one table.

Backbones that the authors did not publish take the VGG row of the measure, whose features are non-negative like theirs,
with padding that never crops. Any network of torchvision may have features of either sign: there DeepWSD takes the
EfficientNet row. Source: the code published with Liao et al., IEEE TIP 33 (2024) 4044-4059.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec

from enhance.metrics.deep.measures import JensenShannon, Measure, SignedWasserstein, SymmetricKL, Wasserstein
from enhance.metrics.registry import METRICS


@dataclass(frozen=True)
class LevelSpec:
    """How one level's 64-vectors become a number.

    Attributes:
        measure: the distance d between two columns.
        distributions: what the measure compares: the features, `raw`; `squared`, x * x / (sum of the level's x + 1e-6);
            or `softmax` over all columns of a row.
        eps: c in omega(d) = 1 / (sqrt(exp(-1 / (d + c))) (d + c)^2), the weight of the squared difference E in d +
            E omega(d); None leaves E out.
        padding: how a map's sides become multiples of 8, `nearest` (published, may crop) or `up`.
        kernel: what compares the columns: `torch`, operators of torch; `triton`, one fused kernel, for Wasserstein
            distances of order 2; or `auto`, the latter on CUDA where Triton is installed.
    """

    measure: Measure
    distributions: str = "raw"
    eps: float | None = 10.0
    padding: str = "nearest"
    kernel: str = "auto"


_WSD = LevelSpec(Wasserstein(2), distributions="squared")
_JSD = LevelSpec(JensenShannon())
_SKLD = LevelSpec(SymmetricKL())
_SKLD_FLOOR = LevelSpec(SymmetricKL(floor=1e-17))

_PUBLISHED: dict[tuple[str, str], LevelSpec] = {
    ("deepwsd", "vgg19"): _WSD,
    ("deepwsd", "squeezenet"): _WSD,
    ("deepwsd", "mobilenet"): LevelSpec(SignedWasserstein(2), padding="up"),
    ("deepwsd", "efficientnet"): LevelSpec(Wasserstein(1), distributions="softmax"),
    ("deepjsd", "vgg19"): _JSD,
    ("deepjsd", "squeezenet"): _JSD,
    ("deepjsd", "mobilenet"): LevelSpec(JensenShannon(), eps=100.0, padding="up"),
    ("deepjsd", "efficientnet"): LevelSpec(JensenShannon(), eps=None),
    ("deepskld", "vgg19"): _SKLD,
    ("deepskld", "squeezenet"): _SKLD_FLOOR,
    ("deepskld", "mobilenet"): replace(_SKLD_FLOOR, padding="up"),
    ("deepskld", "efficientnet"): _SKLD_FLOOR,
}

# The authors use another SqueezeNet for two of the measures.
_NETWORKS: dict[tuple[str, str], str] = {
    ("deepjsd", "squeezenet"): "squeezenet1_0",
    ("deepskld", "squeezenet"): "squeezenet1_0",
}

PUBLISHED_PAIRS: tuple[tuple[str, str], ...] = tuple(_PUBLISHED)


def level_spec(measure: str, backbone: str) -> LevelSpec:
    """The published spec of a pair. Where nothing was published for the backbone, the nearest one with padding that
    never crops; where nothing was published for the measure, its distribution measure of the raw features.

    Raises:
        ValueError: if the pair needs a library that is not installed.
    """
    for (name, published_for), spec in _PUBLISHED.items():
        if name == measure and backbone in (published_for, network_for(measure, published_for)):
            if isinstance(spec.measure, SignedWasserstein) and find_spec("ot") is None:
                raise ValueError("DeepWSD in MobileNet needs POT, which is not installed: python -m pip install POT.")
            return spec
    if (measure, "vgg19") not in _PUBLISHED:
        return LevelSpec(METRICS[measure].load()(), padding="up")
    signed = measure == "deepwsd" and backbone == "torchvision"
    return replace(_PUBLISHED[measure, "efficientnet" if signed else "vgg19"], padding="up")


def network_for(measure: str, backbone: str) -> str:
    """Name of the network that the authors use for a pair: the backbone's own name but for SqueezeNet."""
    return _NETWORKS.get((measure, backbone), backbone)
