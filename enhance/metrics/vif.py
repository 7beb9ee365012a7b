"""Visual information fidelity from torchmetrics, with a gradient."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.image import visual_information_fidelity


def vif(image: Tensor, reference: Tensor, sigma_n_sq: float = 2.0) -> Tensor:
    """Visual information fidelity in the pixel domain (Sheikh and Bovik, 2006), (B, 3, H, W) in [0, 255] -> (B,).

    torchmetrics overwrites tensors from which autograd would compute the gradient, which then is an error. Here
    autograd keeps copies.

    Args:
        image, reference: at least 41 x 41 pixels.
        sigma_n_sq: variance of the noise in the visual channel, for intensities up to 255.
    """
    with torch.autograd.graph.saved_tensors_hooks(Tensor.clone, lambda copy: copy):
        return visual_information_fidelity(image, reference, sigma_n_sq=sigma_n_sq, reduction="none")
