"""What one step of an optimisation leaves for those who watch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Step:
    """The image before update number `index` and its distance to the reference.

    Step 0 is the initial image. A run of n steps yields n + 1 Steps, the last of them the final image.

    Attributes:
        index: number of updates made so far.
        loss: the exact measure's loss of `image`, whatever the optimiser may have descended.
        learning_rate: of the update that follows.
        seconds: since the run began, time spent before a resume included.
        image: (1, 3, H, W) in [0, 1], detached, on the device of the run; valid until the next Step is asked for.
        reduced: whether it was made on a reduced copy, so that steps at full size are still to come.
        note: what happened since the Step before that a user should know, in a sentence; mostly empty.
        state: what `descend` needs to go on from here, of numbers, lists and tensors alone; the tensors are the run's
            own, so ask and save before the next Step is asked for.
    """

    index: int
    loss: float
    learning_rate: float
    seconds: float
    image: Tensor
    reduced: bool = False
    note: str = ""
    state: Callable[[], dict[str, Any]] = dict
