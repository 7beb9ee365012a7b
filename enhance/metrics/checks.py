"""Validation at the door of a metric; every sentence says what was given, what is accepted and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from os import PathLike

import numpy as np
import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor  # pyright: ignore[reportMissingImports]

from enhance.utils.ranges import remedy

_TOLERANCE = 1e-4
_known: ContextVar[bool] = ContextVar("values are known", default=False)
_HALVES = (torch.float16, torch.bfloat16)
_PRECISIONS = (torch.float32, torch.float64)


def hidden(*given: Tensor) -> bool:
    """Whether numbers need not or cannot be looked at: within `values_known`, where torch.compile or torch.export is
    tracing, torch.func has wrapped the tensors, or they are on the meta device.
    """
    if torch.compiler.is_compiling() or _known.get():
        return True
    return any(tensor.is_meta or is_functorch_wrapped_tensor(tensor) for tensor in given)


@contextmanager
def values_known(known: bool = True) -> Iterator[None]:
    """While it is entered, values of images and masks are not looked at: a loop, whose image was checked at its first
    step, need not wait for the device at each step to check them again.
    """
    token = _known.set(known)
    try:
        yield
    finally:
        _known.reset(token)


def image(
    name: str,
    given: Tensor,
    dtype: torch.dtype,
    device: torch.device,
    check_range: bool,
    min_size: int = 8,
    metric: str = "",
) -> Tensor:
    """The batch of images that was given; half precision is promoted to the metric's, and a tensor made in inference
    mode becomes one that a graph can save.

    The range is not checked where the values are hidden, see `hidden`.

    Raises:
        ValueError: for a wrong type, shape, size, dtype or device, or values outside [0, 1].
    """
    if dtype not in _PRECISIONS:
        raise ValueError(
            f"The metric was moved to {dtype}; measures compute in float32 or float64. Move it back, metric.float(), "
            "and for speed pass autocast=torch.bfloat16 to its constructor."
        )
    if not isinstance(given, Tensor):
        raise ValueError(
            f"{name} must be a torch tensor (B, 3, H, W), got {type(given).__name__}.{how_to_read(name, given)}"
        )
    if given.dim() != 4 or given.shape[1] != 3:
        hint = ""
        if given.dim() == 3 and given.shape[0] == 3:
            hint = f" Add the batch dimension: {name}[None]."
        elif given.dim() == 3 and given.shape[-1] == 3:
            hint = f" Bring the channels first: {name}.permute(2, 0, 1)[None]."
        elif given.dim() == 4 and given.shape[-1] == 3:
            hint = f" Bring the channels first: {name}.permute(0, 3, 1, 2)."
        elif given.dim() == 4 and given.shape[1] == 1:
            hint = f" Repeat the grey channel: {name}.expand(-1, 3, -1, -1)."
        raise ValueError(f"{name} must be RGB of shape (B, 3, H, W), got {tuple(given.shape)}.{hint}")
    if not len(given):
        raise ValueError(f"{name} is an empty batch, shape {tuple(given.shape)}.")
    if min(given.shape[-2:]) < min_size:
        asked = f" for {metric}" if metric else ""
        raise ValueError(
            f"{name} must be at least {min_size} x {min_size} pixels{asked}, got {given.shape[-1]} x "
            f"{given.shape[-2]} (width x height)."
        )
    if not given.is_floating_point():
        raise ValueError(
            f"{name} must be floating point in [0, 1], got {given.dtype}. Convert bytes with {name}.float() / 255."
        )
    if given.layout != torch.strided:
        raise ValueError(f"{name} is a tensor of layout {given.layout}; give a dense one: {name}.to_dense().")
    if given.device != device:
        raise ValueError(
            f"{name} is on {given.device} but the metric is on {device}. Move one of them: metric.to({name}.device)."
        )
    if given.dtype in _HALVES:
        given = given.to(dtype)
    if given.dtype != dtype:
        raise ValueError(
            f"{name} is {given.dtype} but the metric computes in {dtype}. Convert one of them: "
            f"{name}.to({dtype}), or metric.to({given.dtype})."
        )
    if not torch.compiler.is_compiling() and given.is_inference() and not torch.is_inference_mode_enabled():
        given = given.clone()
    if check_range and not hidden(given):
        low, high = (value.item() for value in torch.aminmax(given.detach()))
        if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):
            if low != low or high != high:
                raise ValueError(f"{name} contains NaN.")
            raise ValueError(
                f"{name} must lie in [0, 1], got [{low:.6g}, {high:.6g}]. {remedy(low, high, name)} Images meant to "
                "leave the range need check_range=False of the metric."
            )
    return given


def same_size(image: Tensor, reference: tuple[int, ...]) -> None:
    """Check that an image can be compared with a reference of that shape.

    Raises:
        ValueError: if their sides differ, or the reference's batch is neither the image's nor 1.
    """
    if reference[-2:] != image.shape[-2:]:
        (height, width), (other_height, other_width) = image.shape[-2:], reference[-2:]
        raise ValueError(
            f"image is {width} x {height} but reference is {other_width} x {other_height} (width x "
            "height); resize one of them."
        )
    if reference[0] not in (1, len(image)):
        raise ValueError(
            f"image has a batch of {len(image)} but reference one of {reference[0]}; they must be "
            "equal, or the reference's 1."
        )


def mask(given: Tensor, image: Tensor) -> Tensor:
    """The mask in the precision of the image, (B or 1, 1, H, W). Its values are checked unless they are `hidden`.

    Raises:
        ValueError: if it is no mask of that image, lies outside [0, 1], or is zero everywhere.
    """
    if not isinstance(given, Tensor) or given.dim() != 4 or given.shape[1] != 1:
        shape = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
        raise ValueError(f"mask must be a tensor (B, 1, H, W) in [0, 1], got {shape}.")
    if given.shape[-2:] != image.shape[-2:] or given.shape[0] not in (1, len(image)):
        raise ValueError(f"mask is {tuple(given.shape)} but image {tuple(image.shape)}; their sizes must be the same.")
    given = given.detach().to(image)
    if hidden(given):
        return given
    low, high = given.aminmax()
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"mask must lie in [0, 1], got [{low:.8g}, {high:.8g}]. {remedy(low.item(), high.item(), 'mask')}"
        )
    if not (given.amax((1, 2, 3)) > 0).all():
        raise ValueError("mask is 0 everywhere: no pixel would count.")
    return given


def how_to_read(name: str, given: object) -> str:
    """How a file's name or an array of bytes becomes what a metric takes; nothing for anything else."""
    if isinstance(given, (str, PathLike)):
        return f" Read the file: enhance.load_image({name})."
    if isinstance(given, np.ndarray):
        return f" Convert (H, W, 3) bytes with torch.from_numpy({name}).permute(2, 0, 1)[None] / 255."
    return ""
