"""Metrics of torchmetrics and piq, by their row of the registry."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from torch import Tensor, nn

from enhance.backbones.trunk import load_trunk
from enhance.backbones.weights import ordinary_tensors
from enhance.metrics.function import Compare, FunctionMetric
from enhance.metrics.registry import Row
from enhance.utils.arguments import listed


@ordinary_tensors()
def library_metric(
    name: str,
    row: Row,
    reduction: str = "mean",
    check_range: bool = True,
    trunk: tuple[nn.Sequential, dict[str, Any]] | None = None,
    **arguments: Any,
) -> FunctionMetric:
    """The metric of a row of the registry that is no deep measure.

    Args:
        name: in tables and folders.
        row: of the registry.
        reduction: over the batch: `mean`, `sum` or `none`.
        check_range: whether to check that images lie in [0, 1].
        trunk: what `load_trunk` returned, to be shared among metrics; None: it is loaded.
        arguments: of the library's function or class; of one that brings a network also `weights`, see
            `enhance.backbones.trunk.load_trunk`.

    Raises:
        ValueError: if its library is not installed, or for arguments that it does not take.
        WeightsError: if weights are not available or do not fit.
    """
    target = row.load()
    given, backbone = dict(row.arguments) | arguments, None
    arguments = dict(given)
    if row.trunk:
        weights = given.pop("weights", "pretrained")
        given["trunk"], backbone = trunk or load_trunk(row.trunk, weights)
        arguments.pop("weights", None)
    try:
        compare = cast(Compare, target(**given)) if inspect.isclass(target) else _partial(target, given)
    except TypeError as error:
        raise ValueError(f"metric={name} cannot be made with {listed(arguments)}: {error}.") from error
    return FunctionMetric(
        compare,
        name,
        higher_is_better=row.higher_is_better,
        best=row.best,
        range=row.range,
        min_size=row.min_size,
        reduction=reduction,
        check_range=check_range,
        batched=row.batched,
        local=row.local,
        within=row.load_within(),
        settings=arguments,
        backbone=backbone,
    )


def _partial(function: Callable[..., Tensor], arguments: dict[str, Any]) -> Compare:
    inspect.signature(function).bind(None, None, **arguments)  # TypeError for those that it does not take
    return partial(function, **arguments)
