"""The metrics by name: one row each. Importing the table imports neither torch nor the libraries that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from math import inf
from typing import TYPE_CHECKING, Any

from enhance.utils.suggest import unknown

if TYPE_CHECKING:
    from enhance.metrics.metric import Metric


@dataclass(frozen=True)
class Row:
    """A metric of the registry.

    Attributes:
        target: `module:name` of what computes it: a function or a class of a library, or a distribution measure.
        title: the name as papers write it.
        summary: one line for users.
        higher_is_better: True of similarities.
        best: value of equal images; infinite for decibels.
        range: of the images that the target takes, see `enhance.as_metric`.
        arguments: of the target.
        min_size: shortest side in pixels.
        deep: the target is a distribution measure, compared in the features of a backbone.
        extra: extra of this package that installs the library.
        steps: updates of an optimisation unless the user names a number.
    """

    target: str
    title: str
    summary: str
    higher_is_better: bool = False
    best: float = 0.0
    range: str | tuple[float, float] = (0.0, 1.0)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    min_size: int = 1
    deep: bool = False
    extra: str = ""
    steps: int = 100

    def load(self) -> Any:
        """The target.

        Raises:
            ValueError: if its library is not installed.
        """
        module, _, name = self.target.partition(":")
        try:
            return getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            raise ValueError(
                f"{self.title} needs {error.name}, which is not installed: pip install 'enhance[{self.extra}]'."
            ) from error


_MEASURES = "enhance.metrics.deep.measures"
_OWN = "enhance.metrics.psnr_ssim"

METRICS: dict[str, Row] = {
    "deepwsd": Row(
        f"{_MEASURES}:Wasserstein", "DeepWSD", "Wasserstein distance between deep features", deep=True, steps=300
    ),
    "deepjsd": Row(
        f"{_MEASURES}:JensenShannon", "DeepJSD", "Jensen-Shannon divergence between deep features", deep=True
    ),
    "deepskld": Row(
        f"{_MEASURES}:SymmetricKL", "DeepSKLD", "symmetric Kullback-Leibler divergence between deep features", deep=True
    ),
    "mse": Row(f"{_OWN}:mse", "MSE", "mean squared error"),
    "mae": Row(f"{_OWN}:mae", "MAE", "mean absolute error"),
    "psnr": Row(f"{_OWN}:psnr", "PSNR", "peak signal-to-noise ratio, dB", higher_is_better=True, best=inf),
    "ssim": Row(
        f"{_OWN}:ssim", "SSIM", "structural similarity (Wang et al., 2004)", higher_is_better=True, best=1, min_size=6
    ),
    "ms_ssim": Row(
        f"{_OWN}:ms_ssim",
        "MS-SSIM",
        "multi-scale structural similarity (Wang et al., 2003)",
        higher_is_better=True,
        best=1,
        min_size=176,
    ),
}


def display_name(name: str) -> str:
    """The name of a metric as papers write it; of an unknown one the name itself."""
    return METRICS[name].title if name in METRICS else name


def load_metric(name: str, **settings: Any) -> Metric:
    """A metric by its name, with published settings unless others are given.

    Args:
        name: a name of `enhance.METRICS`.
        settings: of the three deep measures, see `enhance.DeepJSD`; of the others `reduction`, `check_range` and the
            arguments of the library's own function or class.

    Raises:
        ValueError: for an unknown name or setting.

    Example:
        >>> metric = load_metric("ssim")
        >>> image = load_image("astronaut")
        >>> metric.scores(image, image).item()
        1.0
    """
    if not isinstance(name, str) or name not in METRICS:
        raise ValueError(unknown("metric", name, METRICS))
    row = METRICS[name]
    if row.deep:
        from enhance.metrics.deep.distance import deep_metric

        return deep_metric(name)(**settings)
    from enhance.metrics.function import library_metric

    return library_metric(name, row, **settings)
