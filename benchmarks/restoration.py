"""How well degraded photographs are restored, beside other methods, as a page: docs/restoration.md.

    python -m benchmarks.restoration --photos FOLDER --jpeg-quantsmooth PROGRAM --jpeg2png PROGRAM [--only WORDS]

Each photograph is cut to a square of its middle, degraded with a known seed and restored. Peers are given their best
parameter of a grid for each picture, which nobody knows in practice. CBM3D takes part where `bm3d` is installed, the
programs where their paths are given. With --only, the rows whose name holds the words are measured, and the others stay
as they are on the page.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from PIL import Image
from torch import Tensor

import enhance
from benchmarks.camera_noise import best_of_levels, photographed
from benchmarks.restoration_page import FOOT, HEAD
from benchmarks.restoration_peers import Peer, bm3d, deblurring, jpeg_repairs, missing, psnr, stabilised
from enhance.config.restoration import DenoiserConfig
from enhance.images.arrays import to_array
from enhance.images.degradations import poisson_gaussian_noise
from enhance.images.kernels import gaussian_kernel
from enhance.restoration.coupling import Denoise
from enhance.restoration.denoisers import load_denoiser
from enhance.restoration.downscaling import Downscaled
from enhance.utils.errors import SettingsError

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "restoration.md"


@dataclass(frozen=True)
class Case:
    """A degradation and how it is undone.

    Attributes:
        name: in words.
        given: what the restoration is given, in words.
        degrade: of a clean picture and a seed: what is given to `enhance.restore`, and the clean part that it shows.
        settings: of `enhance.restore`.
        peers: other methods by name, of what was given and the clean picture.
    """

    name: str
    given: str
    degrade: Callable[[Tensor, int], tuple[Any, Tensor]]
    settings: dict[str, Any]
    peers: dict[str, Peer]


def rounded(image: Tensor) -> Tensor:
    """As an 8-bit file holds it."""
    return (image.clamp(0, 1) * 255).round() / 255


def noisy(sigma: float) -> Callable[[Tensor, int], tuple[Tensor, Tensor]]:
    """White Gaussian noise, clipped to [0, 1] as a file holds it."""

    def made(clean: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
        return (clean + sigma / 255 * noise).clamp(0, 1), clean

    return made


def blurred(sigma: float, noise: float) -> Callable[[Tensor, int], tuple[Tensor, Tensor]]:
    """A Gaussian blur of which only the valid part is kept, with noise, rounded."""
    kernel = gaussian_kernel(sigma)
    reach = kernel.shape[0] // 2

    def made(clean: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        view = clean[..., reach:-reach, reach:-reach]
        observed = torch.nn.functional.conv2d(clean, kernel_of(kernel, clean), groups=3)
        drawn = torch.randn(observed.shape, generator=torch.Generator().manual_seed(seed))
        return rounded(observed + noise / 255 * drawn), view

    return made


def kernel_of(kernel: Tensor, like: Tensor) -> Tensor:
    """A kernel as the weight of conv2d."""
    return (kernel / kernel.sum()).to(like).expand(3, 1, *kernel.shape)


def as_jpeg(quality: int) -> Callable[[Tensor, int], tuple[Path, Tensor]]:
    """A JPEG with 4:2:0."""

    def made(clean: Tensor, seed: int) -> tuple[Path, Tensor]:
        file = Path(tempfile.gettempdir()) / f"restoration_{quality}_{seed}.jpg"
        buffer = io.BytesIO()
        Image.fromarray(to_array(clean)).save(buffer, "JPEG", quality=quality, subsampling=2)
        file.write_bytes(buffer.getvalue())
        return file, clean

    return made


def halved(clean: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Bicubic reduction by 2, rounded."""
    small = torch.zeros(1, 3, clean.shape[-2] // 2, clean.shape[-1] // 2)
    return rounded(Downscaled(small, 2).operator(clean)), clean


def counted(peak: float, sigma: float) -> Callable[[Tensor, int], tuple[Tensor, Tensor]]:
    """A sensor's noise, clipped to [0, 1]."""
    return lambda clean, seed: (poisson_gaussian_noise(clean, peak=peak, sigma=sigma, seed=seed), clean)


def cases(quantsmooth: Path | None, jpeg2png: Path | None) -> Iterator[Case]:
    """All degradations of the page; the programs are those of `jpeg_repairs`."""
    for sigma in (15, 25, 50):
        given = {"degradation": {"name": "gaussian_noise", "sigma": sigma}}
        yield Case(f"noise, sigma {sigma}", "sigma", noisy(sigma), given, bm3d(sigma))
    yield Case("noise, sigma 25", "nothing", noisy(25), {}, {})
    for peak, sigma in ((100.0, 2.0), (20.0, 2.0)):
        settings = {"name": "poisson_gaussian_noise", "peak": peak, "sigma": sigma}
        name = f"{peak:g} photons at white, noise {sigma:g}"
        peers = stabilised(peak, sigma)
        yield Case(name, "peak and noise", counted(peak, sigma), {"degradation": settings}, peers)
    for electrons, read in ((400.0, 0.004), (60.0, 0.01)):
        name = f"a camera's noise, {electrons:g} electrons at white, reading {read:g}"
        yield Case(name, "nothing", partial(photographed, electrons=electrons, read=read), {}, best_of_levels())
    repairs = jpeg_repairs(quantsmooth, jpeg2png)
    for quality in (10, 20, 40):
        yield Case(f"JPEG 4:2:0, quality {quality}", "its tables", as_jpeg(quality), {"task": "jpeg"}, repairs)
    for sigma, noise in ((1.6, 2.0), (3.0, 0.5)):
        given = {"task": "deblur", "degradation": {"name": "gaussian_blur", "sigma": sigma}}
        name = f"Gaussian blur {sigma:g}, noise {noise:g}"
        yield Case(name, "sigma of the blur", blurred(sigma, noise), given, deblurring(gaussian_kernel(sigma)))
        yield Case(name, "nothing", blurred(sigma, noise), {"task": "deblur"}, {})
    yield Case("bicubic reduction by 2", "the factor", halved, {"task": "upscale", "factor": 2}, {})


@dataclass(frozen=True)
class Measured:
    """What became of one photograph: PSNR before and after and of the peers, and seconds of the processor."""

    before: float
    after: float
    peers: dict[str, float]
    seconds: float


def measured(case: Case, photograph: Tensor, seed: int, denoiser: Denoise) -> Measured | None:
    """A case of one photograph; None where the restoration asks for the degradation."""
    given, clean = case.degrade(photograph, seed)
    started = time.process_time()
    try:
        restored = enhance.restore(given, denoiser=denoiser, **case.settings)
    except SettingsError:
        return None
    seconds = time.process_time() - started
    peers = {name: psnr(method(given, clean), clean) for name, method in case.peers.items()}
    return Measured(psnr(restored.initial, clean), psnr(restored.image, clean), peers, seconds)


def row(case: Case, found: Sequence[Measured | None]) -> str:
    """A line of the table; photographs whose degradation the restoration asks for are left out and counted."""
    restored = [each for each in found if each is not None]
    if not restored:
        return f"{key(case)} - | - | - | all are asked about | - |"
    before, after = mean(each.before for each in restored), mean(each.after for each in restored)
    listed = [f"{name} {mean(each.peers[name] for each in restored):.2f}" for name in case.peers]
    if len(restored) < len(found):
        listed.append(f"without {len(found) - len(restored)} that are asked about")
    return (
        f"{key(case)} {before:.2f} | {after:.2f} | {after - before:+.2f} | {', '.join(listed) or '-'} "
        f"| {mean(each.seconds for each in restored):.1f} |"
    )


def key(case: Case) -> str:
    """The start of a case's line."""
    return f"| {case.name} | {case.given} |"


def squares(folder: Path, side: int) -> list[Tensor]:
    """The middle of each photograph of a folder."""
    found = []
    for file in sorted(folder.glob("*.png")):
        image = enhance.load_image(file)
        top, left = (image.shape[-2] - side) // 2, (image.shape[-1] - side) // 2
        found.append(image[..., top : top + side, left : left + side])
    return found


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder of PNG photographs")
    parser.add_argument("--weights", default=DenoiserConfig.weights, help="of the denoiser: embedded, or a file")
    parser.add_argument("--side", type=int, default=256, help="pixels a side of the squares")
    parser.add_argument("--count", type=int, default=None, help="photographs; default: all")
    parser.add_argument("--jpeg-quantsmooth", type=Path, help="the program jpegqs")
    parser.add_argument("--jpeg2png", type=Path, help="the program jpeg2png")
    parser.add_argument("--only", default="", help="words in the names of the rows that are measured")
    parser.add_argument("--output", type=Path, default=_PAGE)
    given = parser.parse_args()
    photographs = squares(given.photos, given.side)[: given.count]
    if not photographs:
        raise SystemExit(f"{given.photos} holds no PNG files; name a folder of photographs.")
    loaded = load_denoiser(DenoiserConfig(weights=given.weights))
    for reason in missing(given.jpeg_quantsmooth, given.jpeg2png):
        print(reason)
    known = given.output.read_text(encoding="utf-8").splitlines() if given.only and given.output.exists() else []
    lines = []
    for case in cases(given.jpeg_quantsmooth, given.jpeg2png):
        if given.only in case.name:
            found = [measured(case, each, seed, loaded.function) for seed, each in enumerate(photographs)]
            lines.append(row(case, found))
            print(lines[-1], flush=True)
        else:
            lines += [line for line in known if line.startswith(key(case))]
    head = HEAD.format(
        count=len(photographs),
        side=given.side,
        version=enhance.__version__,
        torch=torch.__version__,
        threads=torch.get_num_threads(),
        weights=loaded.about["sha256"][:12],
    )
    given.output.write_text(head + "\n".join(lines) + "\n" + FOOT, encoding="utf-8")


if __name__ == "__main__":
    main()
