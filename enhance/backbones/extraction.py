"""Feature maps of any network from the named nodes of its graph, traced by torchvision."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from inspect import signature
from os import PathLike

import torch
from torch import Tensor, nn

from enhance.backbones.weights import Origin, fill
from enhance.utils.suggest import unknown
from enhance.utils.weights import WeightsError


def extractor(network: nn.Module, name: str, nodes: str | Sequence[str]) -> nn.Module:
    """A module from an image to the outputs of a network's nodes, as a dictionary by the nodes' names.

    Args:
        network: in eval mode.
        name: of the network, for messages.
        nodes: names of nodes as `torchvision.models.feature_extraction.get_graph_node_names` lists them, or of modules,
            whose last node is taken.

    Raises:
        ValueError: if the network cannot be traced, there is no such node, or no parameter before the last one.
    """
    from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

    nodes = [nodes] if isinstance(nodes, str) else list(nodes)
    try:
        known = get_graph_node_names(network)[1]
    except Exception as error:  # the tracer runs the network's code, which may raise anything
        raise _unusable(name, error) from error
    for node in nodes:
        if node not in known and not any(other.startswith(f"{node}.") for other in known):
            groups = {other.rsplit(".", depth)[0] for other in known for depth in range(1, other.count(".") + 1)}
            raise ValueError(unknown(f"node of {name}", node, [*known, *sorted(groups)]))
    found = create_feature_extractor(network, return_nodes=nodes)
    if next(found.parameters(), None) is None:
        raise ValueError(f"The nodes {nodes} of {name} come before its first layer; name later ones.")
    return found


def torchvision_extractor(
    model: str | None,
    nodes: str | Sequence[str] | None,
    weights: str | PathLike[str] | Mapping[str, Tensor],
    seed: int,
) -> tuple[nn.Module, Origin]:
    """The `extractor` of a network of torchvision with its weights, and where they come from.

    Raises:
        ValueError: for an unknown network or node, or a network that cannot be traced.
        WeightsError: if the weights are not available or do not fit.
    """
    if not model or not nodes:
        raise ValueError(
            "backbone=torchvision needs model (e.g. convnext_tiny) and nodes (e.g. [features.1, features.3])."
        )
    from torchvision import models

    if model not in models.list_models():
        raise ValueError(unknown("torchvision model", model, models.list_models()))
    accepted = signature(models.get_model_builder(model)).parameters
    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some constructors warn of the initial weights, which are replaced
            empty = {key: None for key in ("weights", "weights_backbone") if key in accepted}
            network = models.get_model(model, **empty)
        origin = fill(network, model, "DEFAULT", weights, seed)
    except WeightsError:
        raise
    except Exception as error:  # untrained weights run the network, whose code may raise anything
        raise _unusable(model, error) from error
    return extractor(network.eval(), model, nodes), origin


def _unusable(name: str, error: Exception) -> ValueError:
    return ValueError(f"{name} cannot be used: it takes more than one image, or cannot be traced ({error}).")
