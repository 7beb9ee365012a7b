"""Features that are computed once for several metrics."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

Features = list[Tensor]

_cache: ContextVar[dict[Hashable, tuple[Any, Features]] | None] = ContextVar("encoded features", default=None)


@contextmanager
def encode_once() -> Iterator[None]:
    """While it is entered, metrics that share a backbone and settings compute the features of an image once.

    Features are kept, with their graph, until it is left.

    Example:
        >>> reference = enhance.load_image("astronaut")[..., :64, :64]
        >>> image, backbone = 0.8 * reference, enhance.load_backbone("vgg_compact")
        >>> wsd, jsd = (enhance.load_metric(name, backbone=backbone) for name in ("deepwsd", "deepjsd"))
        >>> with encode_once():
        ...     loss = wsd(image, reference) + jsd(image, reference)
    """
    token = _cache.set({})
    try:
        yield
    finally:
        _cache.reset(token)


def encoded(settings: tuple[Hashable, ...], image: Tensor, encode: Callable[[Tensor], Features]) -> Features:
    """The features of an image, from the cache of `encode_once` where it is entered and nothing is traced."""
    if torch.compiler.is_compiling():
        return encode(image)
    cache = _cache.get()
    if cache is None:
        return encode(image)
    version = 0 if image.is_inference() else image._version
    key = (*settings, id(image), version, image.requires_grad and torch.is_grad_enabled())
    if key not in cache:
        cache[key] = image, encode(image)  # the image is kept, so that no other one gets its id
    return cache[key][1]
