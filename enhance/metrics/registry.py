"""The metrics by name: one row each. Importing the table imports neither torch nor the libraries that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from math import inf
from typing import TYPE_CHECKING, Any

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
        batched: False of a target whose value of an image depends on the others of its batch, or that takes one alone.
        deep: the target is a distribution measure, compared in the features of a backbone.
        local: the value is a mean over places, so that there is one for a part of an image.
        within: `module:name` of the function that compares the two under a mask, of a metric whose places are windows.
        trunk: torchvision's name of the network whose features the target, a class, takes as `trunk`.
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
    batched: bool = True
    deep: bool = False
    local: bool = False
    within: str = ""
    trunk: str = ""
    extra: str = ""
    steps: int = 100

    def load(self) -> Any:
        """The target.

        Raises:
            ValueError: if its library is not installed.
        """
        return self._imported(self.target)

    def load_within(self) -> Any:
        """The function `within`, or None."""
        return self._imported(self.within) if self.within else None

    def _imported(self, target: str) -> Any:
        module, _, name = target.partition(":")
        try:
            return getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            raise ValueError(
                f"{self.title} needs {error.name}, which is not installed: pip install 'enhance[{self.extra}]'."
            ) from error


_MEASURES = "enhance.metrics.deep.measures"
_OWN = "enhance.metrics.psnr_ssim"
_NETWORKS = "enhance.metrics.networks"


def _lpips(net: str, trunk: str, title: str, min_size: int) -> Row:
    summary = f"learned perceptual similarity in {trunk} (Zhang et al., 2018)"
    arguments = {"net": net}
    return Row(
        f"{_NETWORKS}:LPIPS",
        title,
        summary,
        range=(-1.0, 1.0),
        arguments=arguments,
        min_size=min_size,
        local=True,
        trunk=trunk,
    )


def _piq(name: str, title: str, summary: str, higher_is_better: bool = False, **settings: Any) -> Row:
    best, arguments = float(higher_is_better), {"reduction": "none"}
    return Row(f"piq:{name}", title, summary, higher_is_better, best, arguments=arguments, extra="metrics", **settings)


# min_size: found by trial, the smallest square whose loss and gradient are finite and not 0. Black images have no
# gradient in VIF, GMSD, MS-GMSD, HaarPSI and SR-SIM; VIF rewards more contrast than the reference has. DSS and SR-SIM
# compute in part in single precision whatever the images have.
METRICS: dict[str, Row] = {
    "deepwsd": Row(
        f"{_MEASURES}:Wasserstein", "DeepWSD", "Wasserstein distance between deep features", deep=True, steps=150
    ),
    "deepjsd": Row(
        f"{_MEASURES}:JensenShannon", "DeepJSD", "Jensen-Shannon divergence between deep features", deep=True, steps=60
    ),
    "deepskld": Row(
        f"{_MEASURES}:SymmetricKL",
        "DeepSKLD",
        "symmetric Kullback-Leibler divergence between deep features",
        deep=True,
        steps=60,
    ),
    "mse": Row(f"{_OWN}:mse", "MSE", "mean squared error", local=True),
    "mae": Row(f"{_OWN}:mae", "MAE", "mean absolute error", local=True),
    "psnr": Row(f"{_OWN}:psnr", "PSNR", "peak signal-to-noise ratio, dB", higher_is_better=True, best=inf, local=True),
    "ssim": Row(
        f"{_OWN}:ssim",
        "SSIM",
        "structural similarity (Wang et al., 2004)",
        higher_is_better=True,
        best=1,
        min_size=11,
        local=True,
        within=f"{_OWN}:ssim_within",
    ),
    "ms_ssim": Row(
        f"{_OWN}:ms_ssim",
        "MS-SSIM",
        "multi-scale structural similarity (Wang et al., 2003)",
        higher_is_better=True,
        best=1,
        min_size=161,
    ),
    "vif": Row(
        "enhance.metrics.vif:vif",
        "VIF",
        "visual information fidelity (Sheikh and Bovik, 2006)",
        higher_is_better=True,
        best=1,
        range=(0.0, 255.0),
        min_size=41,
    ),
    "lpips": _lpips("alex", "alexnet", "LPIPS", min_size=31),
    "lpips_squeeze": _lpips("squeeze", "squeezenet1_1", "LPIPS (SqueezeNet)", min_size=17),
    "lpips_vgg": _lpips("vgg", "vgg16", "LPIPS (VGG16)", min_size=16),
    "dists": Row(
        f"{_NETWORKS}:DISTS",
        "DISTS",
        "deep image structure and texture similarity (Ding et al., 2020)",
        min_size=1,
        trunk="vgg16",
    ),
    "gmsd": _piq("gmsd", "GMSD", "gradient magnitude similarity deviation (Xue et al., 2014)", min_size=3),
    "ms_gmsd": _piq("multi_scale_gmsd", "MS-GMSD", "multi-scale GMSD (Zhang et al., 2017)", min_size=17),
    "fsim": _piq(
        "fsim", "FSIMc", "feature similarity with colour (Zhang et al., 2011)", higher_is_better=True, min_size=2
    ),
    "vsi": _piq("vsi", "VSI", "visual saliency-induced index (Zhang et al., 2014)", higher_is_better=True, min_size=2),
    "mdsi": _piq("mdsi", "MDSI", "mean deviation similarity index (Ziaei Nafchi et al., 2016)", min_size=2),
    "haarpsi": _piq(
        "haarpsi",
        "HaarPSI",
        "Haar wavelet-based similarity (Reisenhofer et al., 2018)",
        higher_is_better=True,
        min_size=16,
    ),
    "iw_ssim": _piq(
        "information_weighted_ssim",
        "IW-SSIM",
        "information content weighted SSIM (Wang and Li, 2011)",
        higher_is_better=True,
        min_size=161,
    ),
    "srsim": _piq(
        "srsim",
        "SR-SIM",
        "spectral residual based similarity (Zhang and Li, 2012)",
        higher_is_better=True,
        min_size=40,
        batched=False,
    ),
    "dss": _piq("dss", "DSS", "DCT subband similarity (Balanov et al., 2015)", higher_is_better=True, min_size=32),
}


def display_name(name: str, backbone: str | None = None) -> str:
    """The name of a metric as papers write it, with its backbone; of an unknown metric the name itself.

    Example:
        >>> display_name("ssim"), display_name("deepwsd@vgg19"), display_name("deepwsd", "vgg16"), display_name("mine")
        ('SSIM', 'DeepWSD in vgg19', 'DeepWSD in vgg16', 'mine')
    """
    base, _, named = name.partition("@")
    title, within = (METRICS[base].title, backbone or named) if base in METRICS else (name, backbone)
    return f"{title} in {within}" if within else title


def metric_title(metric: Metric) -> str:
    """The name of a metric that is built, with its backbone where it has one, see `display_name`."""
    backbone = metric.describe().get("backbone")
    return display_name(metric.name, backbone and backbone["name"])
