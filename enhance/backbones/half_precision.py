"""A network in float16 whose gradients neither vanish nor overflow.

Float16 holds numbers from 6e-8 to 65504. A loss is a mean over thousands of columns, so the gradient of a feature is
often below the first, and that of a large loss above the second. A derivative is linear in the gradient that it starts
from: on the way back each image's gradient is brought to a size of 1 where it enters the network, and back where it
leaves, whatever losses and weights it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


class _Scale:
    """What the gradient of each image was multiplied by, (B, 1, 1, 1), a power of two; known during a backward pass."""

    value: Tensor


def scaled_gradients(network: Callable[[Tensor], Sequence[Tensor]], image: Tensor) -> list[Tensor]:
    """The feature maps of a network that computes in float16, in the precision of the image.

    Args:
        network: (B, 3, H, W) -> maps (B, C, H', W').
        image: (B, 3, H, W), in single or double precision.

    Example:
        >>> image = torch.full((1, 3, 16, 16), 0.5, requires_grad=True)
        >>> (features,) = scaled_gradients(lambda x: [x.half() * 2], image)
        >>> (features.sum() * 1e-9).backward()  # far below what float16 holds
        >>> f"{image.grad.max():.1e}"
        '2.0e-09'
    """
    if torch.compiler.is_compiling() or not (torch.is_grad_enabled() and image.requires_grad):
        return [level.to(image.dtype) for level in network(image)]
    scale = _Scale()
    maps = [level.to(image.dtype) for level in network(_Image.apply(image, scale))]  # type: ignore[arg-type]
    return list(_Features.apply(scale, *maps))  # type: ignore[arg-type]


class _Image(torch.autograd.Function):
    """The image as it is; its gradient leaves the network here."""

    generate_vmap_rule = True

    @staticmethod
    def forward(image: Tensor, scale: _Scale) -> Tensor:
        return image.view_as(image)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, _Scale], output: Tensor) -> None:
        ctx.scale = inputs[1]

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor) -> tuple[Tensor, None]:
        return incoming[0] / ctx.scale.value, None


class _Features(torch.autograd.Function):
    """The feature maps as they are; their gradients, of all losses together, enter the network here."""

    generate_vmap_rule = True

    @staticmethod
    def forward(scale: _Scale, *maps: Tensor) -> tuple[Tensor, ...]:
        return tuple(level.view_as(level) for level in maps)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.scale = inputs[0]
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor | None) -> tuple[Tensor | None, ...]:
        known = [gradient for gradient in incoming if gradient is not None]
        if not known:
            return (None,) * (len(incoming) + 1)
        largest = torch.stack([gradient.detach().abs().amax((1, 2, 3)) for gradient in known]).amax(0)
        size = torch.frexp(largest).exponent.clamp(-100, 100)  # 0 where there is no gradient; 2 ** 127 is the limit
        ctx.scale.value = torch.ldexp(torch.ones_like(largest), -size)[:, None, None, None]
        return None, *(None if gradient is None else gradient * ctx.scale.value for gradient in incoming)
