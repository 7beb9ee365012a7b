"""What an optimisation minimises: a weighted sum of terms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from enhance.config.schema import Config
from enhance.metrics import checks
from enhance.metrics.encode import encode_once
from enhance.metrics.metric import Metric
from enhance.metrics.psnr_ssim import psnr
from enhance.metrics.tiles import OVERLAP, Box, boxes, tile_by_tile

Penalty = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Term:
    """One term of an objective.

    Attributes:
        function: a metric, which compares the image with the reference; or a function of the image alone, (1, 3, H, W)
            in [0, 1] -> a scalar, such as a total variation.
        weight: of its loss; below 0, the image is made worse by the term; a term of weight 0 is recorded only.
        name: in tables and curves; by default the metric's or the function's own.

    Example:
        >>> Term(enhance.load_metric("ssim"), 0.5).name
        'ssim'
    """

    function: Metric | Penalty
    weight: float = Config.weight
    name: str = ""

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ValueError(f"A term takes a metric or a function of the image, got {type(self.function).__name__}.")
        weight = self.weight
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not math.isfinite(weight):
            raise ValueError(f"The weight of a term must be a finite number, got {weight!r}.")
        if not self.name:
            named = getattr(self.function, "name", "") or getattr(self.function, "__name__", "").strip("<>")
            object.__setattr__(self, "name", named or type(self.function).__name__)


class Evaluation(NamedTuple):
    """The value of an objective.

    Attributes:
        loss: the weighted sum, a scalar, differentiable in the image.
        terms: the terms before their weights, (T,), detached.
    """

    loss: Tensor
    terms: Tensor


class Objective:
    """A weighted sum of terms, of one image and its reference. The first metric among the terms is the main one: it
    gives the score, the levels, and the device and the precision of the run.

    Metrics that share a backbone share one pass through it.

    Args:
        terms: at least one of them a metric.
        reference: (1, 3, H, W) in [0, 1].
        mask: (1, 1, H, W) in [0, 1]: where the metrics compare.
        tile: side of the tiles in which the metrics compare; 0: as a whole.

    Raises:
        ValueError: for terms without a metric, of one name, or without any weight; or images that a metric refuses.

    Example:
        >>> reference = enhance.load_image("astronaut")
        >>> objective = Objective([Term(enhance.load_metric("ssim")), Term(enhance.load_metric("mae"), 0.5)], reference)
        >>> abs(objective(reference).loss.item()) < 1e-6
        True
    """

    def __init__(self, terms: Sequence[Term], reference: Tensor, mask: Tensor | None = None, tile: int = 0) -> None:
        self.terms = tuple(terms)
        self._pairs = [term for term in self.terms if isinstance(term.function, Metric)]
        self._alone = [term for term in self.terms if not isinstance(term.function, Metric)]
        if not self._pairs:
            raise ValueError("An objective needs a metric among its terms.")
        names = [term.name for term in self.terms]
        if len(set(names)) < len(names):
            raise ValueError(f"The terms of an objective need different names, got {', '.join(names)}.")
        if not any(term.weight for term in self.terms):
            raise ValueError("An objective needs a term with a weight other than 0.")
        self.main: Metric = self._pairs[0].function  # type: ignore[assignment]
        self.names = tuple(term.name for term in (*self._pairs, *self._alone))
        self._mask = None if mask is None else checks.mask(mask.to(reference), reference)
        height, width = reference.shape[-2:]
        self._boxes = boxes(height, width, tile, min(tile // 4, OVERLAP)) if tile else []
        self._shares = _shares(self._mask, self._boxes)
        self._reference = reference.detach().clone()
        self._targets: list[Any] = []
        if not self._boxes:
            with encode_once():
                self._targets = [term.function.prepare(self._reference) for term in self._pairs]  # type: ignore[union-attr]

    @property
    def tiles(self) -> int:
        """The number of tiles; 0: the image is measured as a whole."""
        return len(self._boxes)

    def __call__(self, image: Tensor, smoothing: float = 0.0) -> Evaluation:
        """The objective of an image (1, 3, H, W) in [0, 1].

        Args:
            image: of the reference's size.
            smoothing: amount by which the gradient of metrics that can smooth theirs is smoothed; values stay exact.
        """
        metrics = [_smoothed(term.function, smoothing) for term in self._pairs]

        def compare(region: Tensor, targets: Sequence[Any], mask: Tensor | None) -> tuple[Tensor, Tensor]:
            with encode_once():
                losses = [
                    _loss(metric, region, target, mask, term.weight != 0)
                    for metric, target, term in zip(metrics, targets, self._pairs, strict=True)
                ]
            return _sum(losses, self._pairs), torch.stack([loss.detach() for loss in losses])

        def compare_tile(tile: Tensor, box: Box) -> tuple[Tensor, Tensor]:
            targets = [self._reference[..., *box]] * len(metrics)
            if self._mask is None:
                return compare(tile, targets, None)
            share = self._shares[self._boxes.index(box)]
            if not share:
                return 0.0 * tile.sum(), tile.new_zeros(len(self._pairs))
            loss, values = compare(tile, targets, self._mask[..., *box])
            return loss * share, values * share

        if self._boxes:
            loss, values = tile_by_tile(compare_tile, self._boxes, image)
        else:
            loss, values = compare(image, self._targets, self._mask)
        if self._alone:
            penalties = [_penalty(term, image) for term in self._alone]
            loss = loss + _sum(penalties, self._alone)
            values = torch.cat([values, torch.stack([value.detach() for value in penalties])])
        return Evaluation(loss, values)

    @torch.no_grad()
    def psnr(self, image: Tensor) -> Tensor:
        """The PSNR of an image (1, 3, H, W) in dB, a scalar on its device."""
        return psnr(image, self._reference)[0]

    def score(self, terms: Sequence[float]) -> float:
        """The main metric's score, from the values of the terms; NaN where it has none under the mask."""
        if self._mask is not None and not getattr(self.main, "local", True):
            return math.nan
        return self.main.as_score(torch.tensor(terms[0], dtype=torch.float64)).item()

    @torch.no_grad()
    def layers(self, image: Tensor) -> dict[str, float]:
        """The main metric's loss in each layer, by name; empty where it has none."""
        layers = getattr(self.main, "layers", None)
        if layers is None:
            return {}
        image = image.to(self._reference)
        values = self._tiled_layers(image, layers) if self._boxes else layers(image, self._targets[0], self._mask)[0]
        return {f"stage {level}" if level else "image": value for level, value in enumerate(values.tolist())}

    def _tiled_layers(self, image: Tensor, layers: Callable[..., Tensor]) -> Tensor:
        total = image.new_zeros(())
        for box, share in zip(self._boxes, self._shares, strict=True):
            if share:
                mask = None if self._mask is None else self._mask[..., *box]
                total = total + layers(image[..., *box], self._reference[..., *box], mask)[0] * share
        return total / len(self._boxes)

    def describe(self) -> list[dict[str, Any]]:
        """Every term with its weight, in values that JSON has."""
        return [
            {
                "name": term.name,
                "weight": float(term.weight),
                **({"metric": term.function.describe()} if isinstance(term.function, Metric) else {}),
            }
            for term in (*self._pairs, *self._alone)
        ]


def _shares(mask: Tensor | None, places: Sequence[Box]) -> list[float]:
    """The weight of each tile in the mean over tiles: as much as the mask covers of it."""
    if mask is None or not places:
        return [1.0] * len(places)
    covered = torch.stack([mask[..., *box].mean() for box in places])
    return (covered / covered.mean()).tolist()


def _smoothed(metric: Any, amount: float) -> Any:
    return metric.smoothed(amount) if hasattr(metric, "smoothed") else metric


def _loss(metric: Any, image: Tensor, target: Any, mask: Tensor | None, counts: bool) -> Tensor:
    """The loss of an image; without a graph where it does not count."""
    with torch.set_grad_enabled(counts and torch.is_grad_enabled()):
        return metric.losses(image, target, mask).mean()


def _sum(losses: Sequence[Tensor], terms: Sequence[Term]) -> Tensor:
    counted = [(loss, term.weight) for loss, term in zip(losses, terms, strict=True) if term.weight]
    if not counted:
        return 0.0 * losses[0]
    total, *rest = (loss if weight == 1 else weight * loss for loss, weight in counted)
    for loss in rest:
        total = total + loss
    return total


def _penalty(term: Term, image: Tensor) -> Tensor:
    value = term.function(image)  # type: ignore[operator]
    if not isinstance(value, Tensor) or value.numel() != 1:
        found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"The term {term.name} must return a tensor of one value, got {found}.")
    return value.reshape(())
