"""Other methods of restoration, for benchmarks/restoration.py: each with its best parameter of a grid.

Wiener's filter and Richardson-Lucy are scikit-image's, CBM3D is that of `bm3d`, jpeg-quantsmooth and jpeg2png are
programs, and total variation is written out here. The best parameter is that of the highest PSNR against the clean
picture, which nobody knows in practice.
"""

from __future__ import annotations

import math
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage.restoration import richardson_lucy, wiener
from torch import Tensor
from torch.nn import functional

import enhance
from enhance.images.arrays import from_array

Peer = Callable[[Any, Tensor], Tensor]
"""The restored picture, of what was given and the clean picture."""

_BALANCES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1)
_ITERATIONS = (5, 10, 20, 40, 80)
_VARIATIONS = tuple(10 ** (power / 4) for power in range(-17, -9))  # weights of the total variation
_STEPS = 80  # of the total variation's solver
_BORDER = 32  # pixels
_QUALITIES = (3, 4, 5, 6)  # of jpeg-quantsmooth
_SECOND_ORDER, _DISTANCES = (0.0, 0.3), (0.0, 0.001, 0.01, 0.1)  # weights of jpeg2png
_LIMIT = 120  # seconds


def psnr(image: Tensor, clean: Tensor) -> float:
    """PSNR over all channels in dB, of the image clipped to [0, 1]."""
    return -10 * math.log10((image.clamp(0, 1) - clean).square().mean().item())


def best(images: Iterable[Tensor], clean: Tensor) -> Tensor:
    """The image with the highest PSNR."""
    return max(images, key=lambda image: psnr(image, clean))


def deblurring(kernel: Tensor) -> dict[str, Peer]:
    """Wiener's filter, Richardson and Lucy's iteration, stopped where it is best, and total variation."""
    point = (kernel / kernel.sum()).numpy()

    def by_wiener(observed: Tensor, clean: Tensor) -> Tensor:
        return best((_by_plane(observed, wiener, point, balance) for balance in _BALANCES), clean)

    def by_richardson_lucy(observed: Tensor, clean: Tensor) -> Tensor:
        return best((_by_plane(observed, richardson_lucy, point, count) for count in _ITERATIONS), clean)

    def by_total_variation(observed: Tensor, clean: Tensor) -> Tensor:
        return _climbed(lambda weight: total_variation(observed, kernel, weight), _VARIATIONS, clean)

    return {"Wiener": by_wiener, "Richardson-Lucy": by_richardson_lucy, "TV": by_total_variation}


def total_variation(observed: Tensor, kernel: Tensor, weight: float) -> Tensor:
    """argmin |k * x - y|^2 / 2 + `weight` TV(x), of the isotropic total variation over all channels together.

    The alternating direction method of multipliers; the picture is mirrored beyond its border, as for the other peers.

    References:
        Wang et al., "A New Alternating Minimization Algorithm for Total Variation Image Reconstruction", SIAM J.
        Imaging Sci. 1 (2008) 248-272.
    """
    y = functional.pad(observed, [_BORDER] * 4, mode="reflect")
    size = (y.shape[-2], y.shape[-1])
    centred = torch.zeros(size)
    centred[: kernel.shape[0], : kernel.shape[1]] = (kernel / kernel.sum()).to(y)
    transfer = torch.fft.rfft2(centred.roll((-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), (0, 1)))
    along = [
        2 - 2 * torch.cos(2 * math.pi * each) for each in (torch.fft.fftfreq(size[0]), torch.fft.rfftfreq(size[1]))
    ]
    penalty = 50 * weight  # of the splitting: it sets the speed, not the minimum
    denominator = transfer.abs().square() + penalty * (along[0][:, None] + along[1])
    data = transfer.conj() * torch.fft.rfft2(y)
    split, dual, x = _gradient(y), torch.zeros(2, *y.shape), y
    for _ in range(_STEPS):
        x = torch.fft.irfft2((data + penalty * torch.fft.rfft2(_divergence(split - dual))) / denominator, s=size)
        moved = _gradient(x) + dual
        length = moved.square().sum((0, 2), keepdim=True).sqrt().clamp(min=1e-12)
        split = moved * (1 - weight / penalty / length).clamp(min=0)
        dual = moved - split
    return x[..., _BORDER:-_BORDER, _BORDER:-_BORDER].clamp(0, 1)


def bm3d(sigma: float) -> dict[str, Peer]:
    """CBM3D, where it is installed."""
    if find_spec("bm3d") is None:
        return {}
    from bm3d import bm3d_rgb  # type: ignore[import-not-found]

    return {
        "CBM3D": lambda observed, _: torch.from_numpy(
            np.asarray(bm3d_rgb(observed[0].permute(1, 2, 0).numpy().astype(np.float64), sigma / 255), np.float32)
        ).permute(2, 0, 1)[None]
    }


def stabilised(peak: float, sigma: float) -> dict[str, Peer]:
    """CBM3D after the generalised Anscombe transform, which makes a sensor's noise nearly Gaussian; put back by its
    asymptotically unbiased inverse.
    """
    extra = 3 / 8 + (peak * sigma / 255) ** 2
    top = 2 * math.sqrt(peak + extra)

    def method(denoise: Peer) -> Peer:
        def restored(observed: Tensor, clean: Tensor) -> Tensor:
            stable = 2 * (peak * observed + extra).clamp(min=0).sqrt()
            found = denoise(stable / top, clean) * top
            return ((found / 2) ** 2 - extra + 1 / 4) / peak

        return restored

    return {f"{name} after Anscombe": method(denoise) for name, denoise in bm3d(255 / top).items()}


def jpeg_repairs(quantsmooth: Path | None, jpeg2png: Path | None) -> dict[str, Peer]:
    """The programs jpegqs and jpeg2png, where their paths are given."""
    peers: dict[str, Peer] = {}
    if quantsmooth is not None:
        options = [["--info", "0", "--threads", "1", "--quality", str(quality)] for quality in _QUALITIES]
        peers["jpeg-quantsmooth"] = _program(lambda given, made: [quantsmooth, given, made], options, ".jpg")
    if jpeg2png is not None:
        pairs = product(_SECOND_ORDER, _DISTANCES)
        options = [["--quiet", "--threads", "1", "--force", "-w", str(w), "-p", str(p)] for w, p in pairs]
        peers["jpeg2png"] = _program(lambda given, made: [jpeg2png, given, "--output", made], options, ".png")
    return peers


def missing(quantsmooth: Path | None, jpeg2png: Path | None) -> list[str]:
    """Why a peer takes no part, in sentences."""
    reasons = []
    if find_spec("bm3d") is None:
        reasons.append("CBM3D takes no part: bm3d is not installed.")
    for name, option, path in (
        ("jpeg-quantsmooth", "--jpeg-quantsmooth", quantsmooth),
        ("jpeg2png", "--jpeg2png", jpeg2png),
    ):
        if path is None:
            reasons.append(f"{name} takes no part: {option}=PROGRAM was not given.")
    return reasons


def _program(command: Callable[[Any, Path], list[Any]], options: list[list[str]], suffix: str) -> Peer:
    """A program from a JPEG to a picture, with each of the options in turn."""

    def restored(given: Path, clean: Tensor) -> Tensor:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / f"made{suffix}"

            def each() -> Iterator[Tensor]:
                for chosen in options:
                    program, *rest = command(given, made)
                    subprocess.run([program, *chosen, *rest], check=True, capture_output=True, timeout=_LIMIT)
                    yield enhance.load_image(made)

            return best(each(), clean)

    return restored


def _by_plane(observed: Tensor, method: Callable[..., Any], *settings: Any) -> Tensor:
    """A method on each channel, mirrored beyond its border, where they take pictures to be periodic or black."""
    edges = (_BORDER, _BORDER)
    planes = [np.pad(plane.numpy().astype(np.float64), edges, "symmetric") for plane in observed[0]]
    inner = slice(_BORDER, -_BORDER)
    found = np.stack([method(plane, *settings) for plane in planes], -1)
    return from_array(found[inner, inner].clip(0, 1).astype(np.float32))


def _climbed(method: Callable[[float], Tensor], weights: Sequence[float], clean: Tensor) -> Tensor:
    """The best image from the middle weight on towards either end, as long as it gets better."""
    place = len(weights) // 2
    best = method(weights[place])
    for step in (1, -1):
        while 0 <= place + step < len(weights) and psnr(image := method(weights[place + step]), clean) > psnr(
            best, clean
        ):
            best, place = image, place + step
    return best


def _gradient(image: Tensor) -> Tensor:
    """Forward differences, periodic: (2, ...)."""
    return torch.stack([image.roll(-1, axis) - image for axis in (-2, -1)])


def _divergence(pair: Tensor) -> Tensor:
    """The adjoint of `_gradient`."""
    return sum((each.roll(1, axis) - each for each, axis in zip(pair, (-2, -1), strict=True)), torch.zeros(()))
