"""Any function or module that compares two images as a metric."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from enhance.metrics import checks
from enhance.metrics.finite_gradients import FiniteGradients
from enhance.metrics.metric import BaseMetric
from enhance.utils.hashes import hash_tensors
from enhance.utils.precision import full_precision

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_DIGITS = 12  # of a hash
Range = str | Sequence[float]
Compare = Callable[[Tensor, Tensor], Tensor]


class FunctionMetric(BaseMetric):
    """A metric made of a function of two batches of images; see `as_metric`.

    Attributes:
        settings: what `describe` says beside the name.
    """

    def __init__(
        self,
        compare: Compare,
        name: str,
        *,
        higher_is_better: bool = False,
        best: float | None = None,
        range: Range = (0.0, 1.0),
        min_size: int = 1,
        reduction: str = "mean",
        check_range: bool = True,
        batched: bool = True,
        local: bool = True,
        within: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None,
        settings: dict[str, Any] | None = None,
        backbone: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(name, reduction, check_range)
        self.higher_is_better = higher_is_better
        self.best = (1.0 if higher_is_better else 0.0) if best is None else float(best)
        self.min_size, self._batched, self.local, self._within = min_size, batched, local, within
        self.settings, self._backbone = settings or {}, backbone
        self._scale, self._shift, self._range = _affine(range)
        where = torch.zeros((), dtype=torch.float32, device="cpu")
        if isinstance(compare, nn.Module):
            compare.requires_grad_(False).eval()
            where = next((where.to(parameter) for parameter in compare.parameters()), where)
        self.register_buffer("_where", where, persistent=False)  # the device and the precision of the metric
        self._compare: Compare = compare  # a module becomes a submodule, and moves with the metric

    @property
    def device(self) -> torch.device:
        """Where the metric lies; images must lie there too."""
        return cast(Tensor, self._where).device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the metric; images must have it too."""
        return cast(Tensor, self._where).dtype

    @torch.no_grad()
    def prepare(self, reference: Tensor) -> Tensor:
        """The reference, checked and copied."""
        return self._checked("reference", reference).clone()

    def losses(self, image: Tensor, reference: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of each image, (B,): lower is better. A mask replaces what lies outside it by the reference and
        divides the loss by the share of the image that is left: of a mean over pixels, its mean there. A metric that
        compares windows and has no `within` of its own also counts in full those that the edge of the mask divides.
        """
        image, reference = self._checked("image", image), self._checked("reference", reference)
        checks.same_size(image, reference.shape)
        reference = reference.expand_as(image)
        if mask is None:
            return self._as_loss(self._values(image, reference))
        mask = checks.mask(mask, image)
        inside = torch.lerp(reference, image, mask)
        if self._within is not None:
            return self._as_loss(self._compared(self._within, self._ranged(inside), self._ranged(reference), mask))
        return self._as_loss(self._values(inside, reference)) / mask.mean((1, 2, 3))

    def _as_loss(self, values: Tensor) -> Tensor:
        """The loss of similarities, what is missing to the best value, and of decibels, their squared error."""
        if not self.higher_is_better:
            return values
        return 10 ** (-values / 10) if math.isinf(self.best) else self.best - values

    def as_score(self, loss: Tensor) -> Tensor:
        """The library's value that belongs to a loss."""
        if not self.higher_is_better:
            return loss
        return -10 * loss.log10() if math.isinf(self.best) else self.best - loss

    @torch.no_grad()
    def scores(self, image: Tensor, reference: Tensor, mask: Tensor | None = None) -> Tensor:
        """The library's value of each image, (B,); no gradient.

        Raises:
            ValueError: for images that cannot be compared, and for a mask with a metric that is no mean over places.
        """
        if mask is not None:
            if not self.local:
                raise ValueError(
                    f"{self.name} is no mean over places and has no score under a mask; cut the part out, or take "
                    "another metric."
                )
            return self.as_score(self.losses(image, reference, mask))
        image, reference = self._checked("image", image), self._checked("reference", reference)
        checks.same_size(image, reference.shape)
        return self._values(image, reference.expand_as(image))

    def _checked(self, role: str, given: Tensor) -> Tensor:
        given = checks.image(role, given, self.dtype, self.device, self.check_range, self.min_size, self.name)
        if not self.check_range:
            return given
        return (
            given + (given.clamp(0, 1) - given).detach()
        )  # libraries check more strictly; a clamp has no gradient at 0

    def _values(self, image: Tensor, reference: Tensor) -> Tensor:
        pair = (self._ranged(image), self._ranged(reference))
        if self._batched or len(image) == 1:
            value = self._compared(self._compare, *pair)
            if value.numel() == len(image):
                return value.reshape(len(image))
            if value.numel() != 1:
                raise ValueError(
                    f"{self.name} returned {tuple(value.shape)} for {len(image)} images; it must return one value, or "
                    "one for each image."
                )
        singles = zip(*(side.split(1) for side in pair), strict=True)
        return torch.stack([self._compared(self._compare, *single).reshape(()) for single in singles])

    def _compared(self, compare: Callable[..., Tensor], *images: Tensor) -> Tensor:
        try:
            with FiniteGradients(), full_precision():
                value = compare(*images)
        except (AssertionError, torch.linalg.LinAlgError) as error:  # pyright: ignore[reportPrivateImportUsage]
            raise ValueError(f"{self.name} cannot compare these images: {str(error).rstrip('.')}.") from error
        except TypeError as error:
            raise ValueError(f"{self.name} cannot be called with two images: {str(error).rstrip('.')}.") from error
        if not isinstance(value, Tensor):
            raise ValueError(f"{self.name} must return a tensor, got {type(value).__name__}.")
        return value

    def _ranged(self, image: Tensor) -> Tensor:
        if not isinstance(self._scale, tuple):
            return image if (self._scale, self._shift) == (1.0, 0.0) else image * self._scale + self._shift
        scale, shift = image.new_tensor(self._scale), image.new_tensor(self._shift)
        return image * scale.reshape(-1, 1, 1) + shift.reshape(-1, 1, 1)

    def describe(self) -> dict[str, Any]:
        """Settings in values that JSON has."""
        return super().describe() | {"range": self._range, **self.settings, "backbone": self._backbone}

    def extra_repr(self) -> str:
        return f"{self.name!r}, higher_is_better={self.higher_is_better}"


def as_metric(
    function: Compare,
    name: str | None = None,
    higher_is_better: bool = False,
    range: Range = (0.0, 1.0),
    *,
    best: float | None = None,
    min_size: int = 1,
    reduction: str = "mean",
    check_range: bool = True,
) -> FunctionMetric:
    """A metric made of a function or module, usable wherever `enhance` takes a metric.

    The loss of a similarity is `best - value`; of one in decibels, `best=math.inf`, it is 10 ** (-value / 10).

    Args:
        function: takes two batches (B, 3, H, W), the image first, and returns a value for each image, or one for all; a
            module is put into eval mode and its parameters are frozen.
        name: in tables and folders; by default the function's or the class's own.
        higher_is_better: True of similarities.
        range: of the images that the function takes: (0, 1), (-1, 1), (0, 255), or `imagenet`: normalised by the mean
            and the standard deviation of ImageNet. Images are given to the metric in [0, 1] all the same.
        best: value of equal images; by default 1 of similarities and 0 of distances.
        min_size: shortest side in pixels.
        reduction: over the batch: `mean`, `sum` or `none`.
        check_range: whether to check that images lie in [0, 1].

    Raises:
        ValueError: for a range that cannot be, or what is no function.

    Example:
        >>> metric = as_metric(lambda image, reference: (image - reference).abs().mean((1, 2, 3)), name="l1")
        >>> metric(torch.zeros(2, 3, 8, 8), torch.ones(2, 3, 8, 8))
        tensor(1.)
    """
    if not callable(function):  # type: ignore[redundant-expr]
        raise ValueError(f"as_metric takes a function or module of two images, got {type(function).__name__}.")
    named = name or str(getattr(function, "__name__", type(function).__name__)).strip("<>")
    return FunctionMetric(
        cast(Compare, function),
        named,
        higher_is_better=higher_is_better,
        best=best,
        range=range,
        min_size=min_size,
        reduction=reduction,
        check_range=check_range,
        settings=origin(function),
    )


def origin(function: Callable[..., object]) -> dict[str, Any]:
    """What distinguishes one function or module from another of its name, for `describe`: where it stands, the code
    there, the arguments of a partial function, and the values of a module's parameters and buffers.

    The code is that of the whole file, or of the function alone where the file is the program that runs.

    Example:
        >>> sorted(origin(torch.nn.L1Loss()))
        ['code', 'function', 'state']
    """
    found: dict[str, Any] = {}
    while isinstance(function, partial):
        found["arguments"] = {**function.keywords, **found.get("arguments", {})}
        found["positional"] = [*function.args, *found.get("positional", [])]
        function = function.func
    if not found.get("positional", True):
        del found["positional"]
    named = function if hasattr(function, "__qualname__") else type(function)
    found["function"] = f"{named.__module__}.{named.__qualname__}"  # type: ignore[union-attr]
    with suppress(OSError, TypeError):  # typed into a console, or written in C
        program = named.__module__ == "__main__"
        code = inspect.getsource(named) if program else Path(inspect.getsourcefile(named) or "").read_text("utf-8")  # type: ignore[arg-type]
        found["code"] = hashlib.sha256(code.encode()).hexdigest()[:_DIGITS]
    if isinstance(function, nn.Module):
        found["state"] = hash_tensors(function.state_dict())[:_DIGITS]
    return found


def _affine(range: Range) -> tuple[Any, Any, str | list[float]]:
    """Scale and shift that bring [0, 1] to a range."""
    if isinstance(range, str):
        if range != "imagenet":
            raise ValueError(f"range={range!r} must be imagenet or two numbers, e.g. [0, 1], [-1, 1] or [0, 255].")
        return (
            tuple(1 / std for std in _STD),
            tuple(-mean / std for mean, std in zip(_MEAN, _STD, strict=True)),
            range,
        )
    low, high = (float(end) for end in range) if len(range) == 2 else (0.0, 0.0)
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"range={list(range)} must be imagenet or two numbers, e.g. [0, 1], [-1, 1] or [0, 255].")
    return high - low, low, [low, high]
