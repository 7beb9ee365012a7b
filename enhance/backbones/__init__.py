"""Networks as lists of stages, and where their weights come from. Only the table of names is imported here, which needs
no torch.
"""

from enhance.backbones.registry import ARCHITECTURES, BACKBONES, Architecture

__all__ = ["ARCHITECTURES", "BACKBONES", "Architecture"]
