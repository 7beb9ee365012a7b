"""One step of an optimisation, as it is recorded and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Step:
    """The image before update number `index` and its loss.

    Step 0 is the initial image. A run of n steps has n + 1 Steps, the last of them the final image.

    Attributes:
        index: number of updates made so far.
        loss: the exact objective of `image`, whatever the optimizer minimised.
        score: of the objective's main metric.
        terms: the objective's terms by name, before their weights.
        learning_rate: of the update that follows.
        seconds: since the run began, time spent before a resume included.
        image: (1, 3, H, W) in [0, 1], detached, on the device of the run; valid until the next Step.
        reduced: whether it was made on a reduced copy, so that steps at full size are still to come.
        note: what happened since the Step before, in a sentence for users; mostly empty.
        psnr: of `image`, in dB; None: not measured.
        state: what `minimize` needs to go on from here, of numbers, lists and tensors alone; the tensors are the run's
            own, so save them before the next Step.
    """

    index: int
    loss: float
    score: float
    terms: Mapping[str, float]
    learning_rate: float
    seconds: float
    image: Tensor
    reduced: bool = False
    note: str = ""
    psnr: float | None = None
    state: Callable[[], dict[str, Any]] = dict


def best_of(steps: Iterable[Step]) -> Step:
    """The Step of the lowest loss, with an image of its own.

    Raises:
        ValueError: if there is no Step.
    """
    best: Step | None = None
    for step in steps:
        if best is None or step.loss < best.loss:
            best = replace(step, image=step.image.clone(), state=dict)
    if best is None:
        raise ValueError("There was no step.")
    return best
