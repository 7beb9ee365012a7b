"""Perceptual image quality and perceptual image optimisation with deep distribution measures.

    import enhance
    metric = enhance.DeepJSD(backbone="vgg19")
    loss = metric(image, reference)
    result = enhance.optimize("photo.png", metric=metric)

Importing the package is cheap: torch is imported when a name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "DeepDistanceMetric": "enhance.metrics.torchmetrics",
    "DeepWSD": "enhance.metrics",
    "DeepJSD": "enhance.metrics",
    "DeepSKLD": "enhance.metrics",
    "METRICS": "enhance.metrics",
    "wasserstein": "enhance.metrics",
    "jensen_shannon": "enhance.metrics",
    "symmetric_kl": "enhance.metrics",
    "BACKBONES": "enhance.backbones",
    "WeightsError": "enhance.backbones.weights",
    "load_backbone": "enhance.backbones.network",
    "load_image": "enhance.images.pictures",
    "optimize": "enhance.optimization",
    "save_image": "enhance.images.writing",
}

__all__ = [
    "BACKBONES",
    "METRICS",
    "DeepDistanceMetric",
    "DeepJSD",
    "DeepSKLD",
    "DeepWSD",
    "WeightsError",
    "__version__",
    "jensen_shannon",
    "load_backbone",
    "load_image",
    "optimize",
    "save_image",
    "symmetric_kl",
    "wasserstein",
]

if TYPE_CHECKING:
    from enhance.backbones import BACKBONES as BACKBONES
    from enhance.backbones.network import load as load_backbone
    from enhance.backbones.weights import WeightsError as WeightsError
    from enhance.images.pictures import load_image as load_image
    from enhance.images.writing import save_image as save_image
    from enhance.metrics import METRICS as METRICS
    from enhance.metrics import DeepJSD as DeepJSD
    from enhance.metrics import DeepSKLD as DeepSKLD
    from enhance.metrics import DeepWSD as DeepWSD
    from enhance.metrics import jensen_shannon as jensen_shannon
    from enhance.metrics import symmetric_kl as symmetric_kl
    from enhance.metrics import wasserstein as wasserstein
    from enhance.metrics.torchmetrics import DeepDistanceMetric as DeepDistanceMetric
    from enhance.optimization import optimize as optimize


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'enhance' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), "load" if name == "load_backbone" else name)


def __dir__() -> list[str]:
    return sorted(__all__)
