"""The deep measures by their names: DeepWSD, DeepJSD, DeepSKLD, and those that are added to the registry."""

from __future__ import annotations

from enhance.metrics.deep.distance import DeepDistance


class DeepWSD(DeepDistance):
    """Wasserstein distance between deep features; see `DeepDistance` for arguments and use.

    Example:
        >>> image = enhance.load_image("astronaut")[..., :64, :64]  # (B, 3, H, W), RGB in [0, 1]
        >>> enhance.DeepWSD()(image, image).item()
        0.0
    """

    measure = "deepwsd"


class DeepJSD(DeepDistance):
    """Jensen-Shannon divergence between deep features; see `DeepDistance` for arguments and use.

    Example:
        >>> image = enhance.load_image("astronaut")[..., :64, :64]  # (B, 3, H, W), RGB in [0, 1]
        >>> enhance.DeepJSD()(image, image).item()
        0.0
    """

    measure = "deepjsd"


class DeepSKLD(DeepDistance):
    """Symmetric Kullback-Leibler divergence between deep features; see `DeepDistance` for arguments and use.

    Example:
        >>> image = enhance.load_image("astronaut")[..., :64, :64]  # (B, 3, H, W), RGB in [0, 1]
        >>> enhance.DeepSKLD()(image, image).item()
        0.0
    """

    measure = "deepskld"


DEEP_METRICS: dict[str, type[DeepDistance]] = {kind.measure: kind for kind in (DeepWSD, DeepJSD, DeepSKLD)}


def deep_metric(name: str) -> type[DeepDistance]:
    """The class of a deep measure of the registry."""
    return DEEP_METRICS[name] if name in DEEP_METRICS else type(name, (DeepDistance,), {"measure": name})
