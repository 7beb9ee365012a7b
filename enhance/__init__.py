"""Perceptual image quality and perceptual image optimisation with deep distribution measures.

    import enhance
    metric = enhance.DeepJSD(backbone="vgg19")
    loss = metric(image, reference)

Importing the package is cheap: torch is imported when a name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "DeepWSD": "enhance.metrics",
    "DeepJSD": "enhance.metrics",
    "DeepSKLD": "enhance.metrics",
    "METRICS": "enhance.metrics",
    "wasserstein": "enhance.metrics",
    "jensen_shannon": "enhance.metrics",
    "symmetric_kl": "enhance.metrics",
    "BACKBONES": "enhance.backbones",
    "WeightsError": "enhance.backbones",
    "load_backbone": "enhance.backbones",
    "load_image": "enhance.images",
    "save_image": "enhance.images",
    "optimize": "enhance.optimize",
}

__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from enhance.backbones import BACKBONES, WeightsError
    from enhance.backbones import load as load_backbone
    from enhance.images import load_image, save_image
    from enhance.metrics import METRICS, DeepJSD, DeepSKLD, DeepWSD, jensen_shannon, symmetric_kl, wasserstein


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'enhance' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), "load" if name == "load_backbone" else name)


def __dir__() -> list[str]:
    return sorted(__all__)
