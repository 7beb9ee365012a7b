"""Perceptual image quality and perceptual image optimisation: any metric as a score, a loss, or an objective.

    import enhance
    metric = enhance.DeepJSD(backbone="vgg19")
    loss = metric(image, reference)
    result = enhance.optimize("photo.png", metric=metric)

Importing the package is cheap: torch is imported when a name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from enhance.utils.machine import VERSION as __version__

_HOMES = {
    "BACKBONES": "enhance.backbones",
    "Backbone": "enhance.backbones.network",
    "DeepJSD": "enhance.metrics.deep.named",
    "DeepSKLD": "enhance.metrics.deep.named",
    "DeepWSD": "enhance.metrics.deep.named",
    "METRICS": "enhance.metrics.registry",
    "MeanScore": "enhance.metrics.torchmetrics",
    "Metric": "enhance.metrics.metric",
    "Objective": "enhance.optim.objective",
    "Term": "enhance.optim.objective",
    "Tiled": "enhance.metrics.tiles",
    "WeightsError": "enhance.utils.weights",
    "as_backbone": "enhance.backbones.network",
    "as_metric": "enhance.metrics.function",
    "degrade": "enhance.images.degradations",
    "encode_once": "enhance.metrics.encode",
    "full_precision": "enhance.utils.precision",
    "jensen_shannon": "enhance.metrics.deep.measures",
    "load_backbone": "enhance.backbones.network",
    "load_image": "enhance.images.pictures",
    "load_metric": "enhance.metrics.loading",
    "meaning": "enhance.scoring.meaning",
    "minimize": "enhance.optim.loop",
    "optimize": "enhance.experiment.optimize",
    "restore": "enhance.experiment.restore",
    "save_image": "enhance.images.writing",
    "symmetric_kl": "enhance.metrics.deep.measures",
    "wasserstein": "enhance.metrics.deep.measures",
}

__all__ = [
    "BACKBONES",
    "METRICS",
    "Backbone",
    "DeepJSD",
    "DeepSKLD",
    "DeepWSD",
    "MeanScore",
    "Metric",
    "Objective",
    "Term",
    "Tiled",
    "WeightsError",
    "__version__",
    "as_backbone",
    "as_metric",
    "degrade",
    "encode_once",
    "full_precision",
    "jensen_shannon",
    "load_backbone",
    "load_image",
    "load_metric",
    "meaning",
    "minimize",
    "optimize",
    "restore",
    "save_image",
    "symmetric_kl",
    "wasserstein",
]

if TYPE_CHECKING:
    from enhance.backbones import BACKBONES as BACKBONES
    from enhance.backbones.network import Backbone as Backbone
    from enhance.backbones.network import as_backbone as as_backbone
    from enhance.backbones.network import load as load_backbone
    from enhance.experiment.optimize import optimize as optimize
    from enhance.experiment.restore import restore as restore
    from enhance.images.degradations import degrade as degrade
    from enhance.images.pictures import load_image as load_image
    from enhance.images.writing import save_image as save_image
    from enhance.metrics.deep.measures import jensen_shannon as jensen_shannon
    from enhance.metrics.deep.measures import symmetric_kl as symmetric_kl
    from enhance.metrics.deep.measures import wasserstein as wasserstein
    from enhance.metrics.deep.named import DeepJSD as DeepJSD
    from enhance.metrics.deep.named import DeepSKLD as DeepSKLD
    from enhance.metrics.deep.named import DeepWSD as DeepWSD
    from enhance.metrics.encode import encode_once as encode_once
    from enhance.metrics.function import as_metric as as_metric
    from enhance.metrics.loading import load_metric as load_metric
    from enhance.metrics.metric import Metric as Metric
    from enhance.metrics.registry import METRICS as METRICS
    from enhance.metrics.tiles import Tiled as Tiled
    from enhance.metrics.torchmetrics import MeanScore as MeanScore
    from enhance.optim.loop import minimize as minimize
    from enhance.optim.objective import Objective as Objective
    from enhance.optim.objective import Term as Term
    from enhance.scoring.meaning import meaning as meaning
    from enhance.utils.precision import full_precision as full_precision
    from enhance.utils.weights import WeightsError as WeightsError


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'enhance' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), "load" if name == "load_backbone" else name)


def __dir__() -> list[str]:
    return sorted(__all__)
