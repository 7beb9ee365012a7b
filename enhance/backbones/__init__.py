"""Networks as lists of stages, and where their weights come from."""

from enhance.backbones.network import Backbone, load
from enhance.backbones.registry import ARCHITECTURES, BACKBONES, Architecture
from enhance.backbones.weights import Origin, WeightsError

__all__ = ["ARCHITECTURES", "BACKBONES", "Architecture", "Backbone", "Origin", "WeightsError", "load"]
