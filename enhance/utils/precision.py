"""In which precision torch computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch


def full_precision(wanted: bool = True) -> AbstractContextManager[None]:
    """While it is entered, a GPU does not round float32 to TF32 in convolutions and matrix products.

    Left alone, torch rounds the operands of convolutions to 10 bits, which changes a score in its fourth digit.
    Afterwards it rounds as before. A derivative is computed where `backward` is called: enter this there too. Within
    `torch.compile` it does nothing: what is compiled rounds as torch is set to.

    Args:
        wanted: False changes nothing.

    Example:
        >>> reference = enhance.load_image("astronaut")[..., :64, :64]
        >>> image, metric = (0.8 * reference).requires_grad_(), enhance.DeepJSD()
        >>> with enhance.full_precision():
        ...     loss = metric(image, reference)
        ...     loss.backward()
    """
    if not wanted or torch.compiler.is_compiling() or not torch.cuda.is_initialized():
        return nullcontext()
    return _unrounded()


def autocast_to(precision: torch.dtype | None, device: torch.device) -> AbstractContextManager[object]:
    """Autocast to a precision; None: switched off, where the device has it."""
    if precision is None and not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, dtype=precision, enabled=precision is not None)


@contextmanager
def _unrounded() -> Iterator[None]:
    restore = _switched_off()
    try:
        yield
    finally:
        restore()


def _switched_off() -> Callable[[], None]:
    """What switches TF32 back on where it was on, once it is off."""
    cudnn: Any = torch.backends.cudnn
    try:
        convolutions, products = cudnn.allow_tf32, torch.get_float32_matmul_precision()
    except RuntimeError:  # the program uses the settings of torch 2.9, which exclude the older ones
        return _switched_off_by_operator()
    cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")

    def restore() -> None:
        cudnn.allow_tf32 = convolutions
        torch.set_float32_matmul_precision(products)

    return restore


def _switched_off_by_operator() -> Callable[[], None]:
    cudnn: Any = torch.backends.cudnn
    places = (cudnn.conv, cudnn.rnn, torch.backends.cuda.matmul)
    before = [place.fp32_precision for place in places]
    for place in places:
        place.fp32_precision = "ieee"

    def restore() -> None:
        for place, value in zip(places, before, strict=True):
            place.fp32_precision = value

    return restore
