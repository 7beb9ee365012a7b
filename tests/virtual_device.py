"""A device that computes on the CPU and counts what a program asks of it.

Its tensors say that they are on `meta`, so code takes the way it takes on an accelerator; they hold real numbers, so
that whole runs work on it. What an accelerator would make a program wait for is counted as a wait: numbers that Python
reads, and copies between host and device.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Self

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_any, tree_leaves, tree_map, tree_map_only

DEVICE = torch.device("meta")
_CPU = torch.device("cpu")
_READS = ("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select")


class _OnDevice(torch.Tensor):
    """A tensor of the device, and the CPU tensor with its numbers."""

    host: Tensor

    @staticmethod
    def __new__(cls, host: Tensor) -> _OnDevice:
        made = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            host.shape,
            strides=host.stride(),
            storage_offset=host.storage_offset(),
            dtype=host.dtype,
            device=DEVICE,
        )
        made.host = host
        return made

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError("A tensor of the virtual device is used outside it.")


class _Constants(TorchFunctionMode):
    """Constants reach the device by a copy, as on an accelerator; torch makes those of `meta` without numbers."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if function is torch.Tensor.new_tensor and isinstance(args[0], _OnDevice):
            return torch.tensor(args[1], dtype=args[0].dtype).to(DEVICE)
        if function is torch.Tensor.tolist and isinstance(args[0], _OnDevice):
            return args[0].cpu().tolist()
        if function is torch.tensor and kwargs.get("device") is not None and torch.device(kwargs["device"]) == DEVICE:
            return torch.tensor(*args, **kwargs | {"device": _CPU}).to(DEVICE)
        return function(*args, **kwargs)


class VirtualDevice(TorchDispatchMode):
    """While it is entered, tensors on `DEVICE` compute.

    Attributes:
        operators: how often each operator was dispatched on the device, views left out.
        waits: the operators that the host would have waited for.
        dtypes: of all tensors that were on the device.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operators: Counter[str] = Counter()
        self.waits: list[str] = []
        self.dtypes: set[torch.dtype] = set()
        self._constants = _Constants()

    def __enter__(self) -> Self:
        self._constants.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._constants.__exit__(*error)

    def clear(self) -> None:
        """Count from 0."""
        self.operators.clear()
        self.waits.clear()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        to = kwargs.get("device")
        on_device = tree_any(lambda value: isinstance(value, _OnDevice), (args, kwargs))
        if not on_device and to != DEVICE:
            return function(*args, **kwargs)
        if to is not None:
            kwargs["device"] = _CPU
        name = function._schema.name.removeprefix("aten::")
        real = tree_map_only(_OnDevice, lambda tensor: tensor.host, (args, kwargs))
        result = function(*real[0], **real[1])
        self._count(name, function, args, to)
        if (to is not None and to != DEVICE) or (name == "copy_" and not isinstance(args[0], _OnDevice)):
            return result
        written = {id(tensor.host): tensor for tensor in args if isinstance(tensor, _OnDevice)}
        self.dtypes |= {value.dtype for value in tree_leaves(result) if isinstance(value, Tensor)}
        return tree_map(lambda value: _wrapped(value, written), result)

    def _count(self, name: str, function: Any, args: Any, to: torch.device | None) -> None:
        crosses = name == "_to_copy" and to is not None and (to == DEVICE) != isinstance(args[0], _OnDevice)
        crosses |= name == "copy_" and isinstance(args[0], _OnDevice) != isinstance(args[1], _OnDevice)
        if name in _READS or crosses:
            self.waits.append(name)
        if not function.is_view and name not in ("detach", "_unsafe_view", "lift_fresh"):
            self.operators[name] += 1


def _wrapped(value: Any, written: dict[int, _OnDevice]) -> Any:
    if not isinstance(value, Tensor):
        return value
    return written[id(value)] if id(value) in written else _OnDevice(value)
