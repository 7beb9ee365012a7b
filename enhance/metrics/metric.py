"""What a metric is: the protocol that everything else asks for, and a base class that owns reduction and sign."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from enhance.backbones.moving import Change, keeping_values
from enhance.utils.suggest import unknown

REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": torch.mean,
    "sum": torch.sum,
    "none": lambda values: values,
}


@runtime_checkable
class Metric(Protocol):
    """A full-reference metric: compares images (B, 3, H, W), RGB in [0, 1], with references of the same shape.

    `enhance.as_metric` makes one of any function or module. Three more methods are optional:

    - `layers(image, reference, mask=None)`: (B, L), parts whose mean is the loss;
    - `map(image, reference, mask=None)`: (B, H, W), where the images differ; sums to the loss of each image;
    - `smoothed(amount)`: the metric with the same values and a gradient that an optimizer can follow more easily.

    Attributes:
        name: in tables and folders.
        higher_is_better: of the scores; losses are always better when lower.

    Example:
        >>> metric: Metric = enhance.load_metric("ssim")
        >>> metric.name, metric.higher_is_better
        ('ssim', True)
    """

    name: str
    higher_is_better: bool

    @property
    def device(self) -> torch.device | None:
        """Where images must lie; None: anywhere."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Precision in which images must be."""
        ...

    def prepare(self, reference: Tensor) -> Any:
        """What depends on the reference alone; accepted wherever a reference is."""
        ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The loss of a batch, from image, reference and mask: differentiable in `image`, lower is better."""
        ...

    def losses(self, image: Tensor, reference: Any, mask: Tensor | None = None) -> Tensor:
        """The loss of each image, (B,): differentiable in `image`, lower is better."""
        ...

    def scores(self, image: Tensor, reference: Any, mask: Tensor | None = None) -> Tensor:
        """The score of each image as it is published, (B,), without a gradient."""
        ...

    def as_score(self, loss: Tensor) -> Tensor:
        """The score that belongs to a loss."""
        ...

    def describe(self) -> dict[str, Any]:
        """Settings, and the backbone with its weights, in values that JSON has."""
        ...

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Move to a device or a precision."""
        ...


class BaseMetric(nn.Module):
    """What metrics share: a loss is reduced over the batch, a score follows from it.

    A metric has no parameters: its `state_dict()` is empty, and a checkpoint of a model that holds a metric holds the
    model alone. The range of images and the values of masks are checked in eager mode only: not while `torch.compile`
    or `torch.export` traces, nor inside `torch.func`.

    Args:
        name: in tables and folders.
        reduction: over the batch: `mean`, `sum` or `none`.
        check_range: whether to check that images lie in [0, 1]; costs one pass over each image.
    """

    higher_is_better: bool = False

    def __init__(self, name: str, reduction: str = "mean", check_range: bool = True) -> None:
        super().__init__()
        if reduction not in REDUCTIONS:
            raise ValueError(unknown("reduction", str(reduction), REDUCTIONS))
        if not isinstance(check_range, bool):
            raise ValueError(f"check_range must be True or False, got {check_range!r}.")
        self.name, self.reduction, self.check_range = name, reduction, check_range

    def _apply(self, fn: Change, recurse: bool = True) -> Self:
        super()._apply(keeping_values(fn), recurse)
        return self

    def __copy__(self) -> Self:
        """A metric that shares every network and tensor, and moves alone."""
        twin = type(self).__new__(type(self))
        tables = {name: table.copy() for name, table in vars(self).items() if isinstance(table, dict | set)}
        vars(twin).update(vars(self) | tables)
        return twin

    def apply(self, fn: Callable[[nn.Module], None]) -> Self:
        """The metric as it is: what a model initialises by `apply` is what it trains."""
        return self

    def state_dict(self, *args: Any, destination: Any = None, **kwargs: Any) -> Any:
        """Nothing: a metric is made anew from its settings."""
        return OrderedDict() if destination is None else destination

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        unexpected_keys.extend(key for key in state_dict if key.startswith(prefix))
        state_dict.update(super().state_dict(prefix=prefix))  # so that the networks inside miss nothing

    def losses(self, image: Tensor, reference: Any, mask: Tensor | None = None) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define losses(image, reference, mask).")

    def as_score(self, loss: Tensor) -> Tensor:
        """The score that belongs to a loss; here the loss itself."""
        return loss

    def forward(self, image: Tensor, reference: Any, mask: Tensor | None = None) -> Tensor:
        """The loss: lower is better. Differentiable in `image`, and in `reference` where that is a tensor.

        Args:
            image: (B, 3, H, W), RGB in [0, 1].
            reference: the same shape, or (1, 3, H, W) for a batch of images, or what `prepare` returned.
            mask: (B, 1, H, W) or (1, 1, H, W) in [0, 1]; what lies outside it does not count.

        Returns:
            A scalar, or (B,) with reduction `none`.

        Raises:
            ValueError: for a wrong shape, range, dtype or device, or sizes that differ.
        """
        return REDUCTIONS[self.reduction](self.losses(image, reference, mask))

    @torch.no_grad()
    def score(self, image: Tensor, reference: Any, mask: Tensor | None = None) -> Tensor:
        """The score as it is published, reduced over the batch; no gradient."""
        return REDUCTIONS[self.reduction](self.scores(image, reference, mask))

    @torch.no_grad()
    def scores(self, image: Tensor, reference: Any, mask: Tensor | None = None) -> Tensor:
        """The score of each image, (B,), whatever the reduction; no gradient."""
        return self.as_score(self.losses(image, reference, mask))

    def describe(self) -> dict[str, Any]:
        """Settings in values that JSON has."""
        return {"name": self.name, "higher_is_better": self.higher_is_better, "backbone": None}
