"""Masks: grey images that say where others are compared."""

from __future__ import annotations

from torch import Tensor

_GREY = 4 / 255  # between the channels of a grey image that a JPEG has saved in colour


def as_mask(image: Tensor, name: str) -> tuple[Tensor, tuple[str, ...]]:
    """The mask (1, 1, H, W) in an image (1, 3, H, W), the mean of its channels, and a note where they differ.

    Args:
        image: in [0, 1].
        name: what the note calls it.

    Example:
        >>> import torch
        >>> red = torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1).expand(1, 3, 2, 2)
        >>> as_mask(red, "mask.png")[1]
        ('mask.png has colours: the mean of red, green and blue is the mask',)
    """
    coloured = (image.amax(1) - image.amin(1)).max().item() > _GREY
    notes = (f"{name} has colours: the mean of red, green and blue is the mask",) if coloured else ()
    return image.mean(1, keepdim=True), notes
