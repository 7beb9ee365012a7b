"""Networks that several share, moved for one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import TypeVar
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)
Change = Callable[[Tensor], Tensor]

_copies: WeakKeyDictionary[nn.Module, WeakSet[nn.Module]] = WeakKeyDictionary()


@torch.no_grad()
def moved(network: Network, change: Change) -> Network:
    """A copy of a frozen network whose tensors are changed; the network itself where the change leaves them as they
    are.

    Those who share a network and move to the same place share the copy too.

    Args:
        network: stays as it is.
        change: what `torch.nn.Module.to` and its kind do to each tensor. `to_empty`, which would leave nothing of a
            frozen network, only moves it.
    """
    tensors = _tensors(network)
    change = keeping_values(change)
    changed = [change(tensor) for tensor in tensors]
    if all(new is old for new, old in zip(changed, tensors, strict=True)):
        return network
    copies = _copies.setdefault(network, WeakSet())
    for known in copies:
        if _same(_tensors(known), changed):
            return known  # type: ignore[return-value]
    replaced = {
        id(old): nn.Parameter(new, requires_grad=False) if isinstance(old, nn.Parameter) else new
        for old, new in zip(tensors, changed, strict=True)
    }
    made = deepcopy(network, replaced)
    copies.add(made)
    return made


def keeping_values(change: Change) -> Change:
    """The change; or, where it makes tensors without values as `to_empty` does, one that only moves them.

    What a metric holds is in no state dict, which could bring it back.
    """
    try:
        empties = not change(torch.empty((), device="meta")).is_meta  # of nothing, nothing can be copied
    except (NotImplementedError, RuntimeError):
        return change
    return (lambda tensor: tensor.to(change(tensor).device)) if empties else change


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]


def _same(these: Sequence[Tensor], those: Sequence[Tensor]) -> bool:
    return all(
        (one.device, one.dtype, one.stride()) == (other.device, other.dtype, other.stride())
        and not one.is_meta
        and torch.equal(one, other)
        for one, other in zip(these, those, strict=True)
    )
