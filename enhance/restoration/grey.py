"""Grey pictures, for denoisers of colour: the noise of three equal channels is one noise, not three."""

from __future__ import annotations

from torch import Tensor

from enhance.restoration.coupling import Denoise


def is_grey(image: Tensor) -> bool:
    """Whether the three channels of an image are equal.

    Example:
        >>> import torch
        >>> is_grey(torch.rand(1, 1, 8, 8).expand(-1, 3, -1, -1))
        True
    """
    return bool((image == image[:, :1]).all())


def for_grey(denoise: Denoise, share: float) -> Denoise:
    """A denoiser of colour pictures for grey ones: given `share` times the level, and the mean of its channels.

    Independent noise of sqrt(3) s in each of three channels is noise of s in their mean, which is all that a grey
    picture shows.

    Example:
        >>> import torch
        >>> denoise = for_grey(lambda image, noise: image * noise, share=2)
        >>> denoise(torch.ones(1, 3, 1, 1), torch.full((1, 1, 1, 1), 0.1)).flatten()
        tensor([0.2000, 0.2000, 0.2000])
    """

    def found(image: Tensor, noise: Tensor) -> Tensor:
        return denoise(image, share * noise).mean(1, keepdim=True).expand_as(image)

    return found
