"""How often the kind of a blur is found and how far its size is off, as a table of docs/restoration.md.

    python -m benchmarks.blur_kinds FOLDER [FOLDER ...] [--every 1] [--seed 0]

Each photograph is blurred with a blur of each kind of a random size in the range that is looked for, with a noise of
0.5 or 2 of 255, and rounded to 8 bits. It is also left sharp, shaken along a random path, and blurred and saved as a
JPEG. `stated` are those whose kind is at least 95 % probable, which a restoration takes.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional

import enhance
from enhance.images.degradations import degrade
from enhance.restoration.blur_estimation import OTHER, SHARP, Blur, estimate_blurs, window_side
from enhance.restoration.blur_kinds import KINDS
from enhance.restoration.deblurring import CERTAIN, QUANTISATION
from enhance.restoration.noise_estimation import noise_level

_SUFFIXES = (".png", ".jpg")
_MARGIN = 1.07  # of the range: sizes drawn lie within it by this factor
_NOISES = (0.5, 2.0)  # of 255
_QUALITY = 90  # of the JPEG
_NAMES = {"sharp": SHARP, "camera shake": OTHER}
_POINT = torch.ones(1, 1, dtype=torch.float64)
HEAD = """\
| {pictures} | stated | of these right | size off: median, 95 % | angle off: median, 95 % |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Found:
    """An estimate beside the truth.

    Attributes:
        group: row of the table.
        name: kind of the blur; `SHARP` or `OTHER` where it is none of those that are looked for.
        values: of the kind.
        blurs: what was found.
    """

    group: str
    name: str
    values: tuple[float, ...]
    blurs: list[Blur]

    @property
    def stated(self) -> Blur | None:
        """The blur that a restoration would take."""
        first = self.blurs[0]
        return first if first.name in KINDS and first.within and first.probability >= CERTAIN else None


def shaken(length: float, seed: int) -> Tensor:
    """The kernel of a camera that wanders for about `length` pixels: a path of random turns."""
    generator = torch.Generator().manual_seed(seed)
    turns = 0.12 * torch.randn(200, 2, generator=generator, dtype=torch.float64)
    speed, place, path = torch.randn(2, generator=generator, dtype=torch.float64), torch.zeros(2).double(), []
    for turn in turns:
        speed = speed + turn - 0.004 * place
        speed = speed / speed.norm()
        place = place + speed * length / 140
        path.append(place)
    points = torch.stack(path) - torch.stack(path).mean(0)
    reach = math.ceil(points.abs().max().item()) + 1
    kernel = torch.zeros(2 * reach + 1, 2 * reach + 1, dtype=torch.float64)
    rows, columns = (points + reach).round().long().unbind(1)
    return kernel.index_put_((rows, columns), torch.ones(len(rows), dtype=torch.float64), accumulate=True)


def observed(image: Tensor, kernel: Tensor, noise: float, seed: int) -> Tensor:
    """The valid part of the convolution, with noise, as 8 bits hold it."""
    weight = (kernel / kernel.sum()).to(image).expand(3, 1, *kernel.shape)
    blurred = functional.conv2d(image, weight, groups=3)
    drawn = torch.randn(blurred.shape, generator=torch.Generator().manual_seed(seed))
    return ((blurred + noise / 255 * drawn).clamp(0, 1) * 255).round() / 255


def estimates(images: Sequence[Tensor], seed: int, first: int = 0) -> Iterator[Found]:
    """What is found in each of the photographs, the first of which has the place `first`, under each of the blurs."""
    for place, image in enumerate(images, start=first):
        draw = random.Random(f"{seed}, {place}")
        side = window_side(image)
        for truth in ("sharp", *KINDS, "camera shake", "JPEG"):
            values: tuple[float, ...] = ()
            kernel, name = _POINT, draw.choice([*KINDS]) if truth == "JPEG" else _NAMES.get(truth, truth)
            if name in KINDS:
                kind = KINDS[name]
                size = draw.uniform(kind.smallest * _MARGIN, kind.largest(side) / _MARGIN)
                values = (size, *[draw.uniform(0, 180) for _ in kind.keys[1:]])
                kernel = kind.make(*values)
            elif truth == "camera shake":
                kernel = shaken(draw.uniform(4, KINDS["motion_blur"].largest(side)), draw.randrange(10**6))
            picture = observed(image, kernel, draw.choice(_NOISES), place)
            if truth == "JPEG":
                picture = degrade(picture, "jpeg", quality=_QUALITY, subsampling=2)
            noise = max(noise_level(picture).sigma, QUANTISATION) / math.sqrt(3)
            yield Found(truth, name, values, estimate_blurs(picture, noise))


def table(found: Sequence[Found], pictures: str) -> str:
    """The lines of the table."""
    lines = HEAD.format(pictures=pictures)
    for group in dict.fromkeys(each.group for each in found):
        own = [each for each in found if each.group == group]
        stated = [(each, each.stated) for each in own if each.stated is not None]
        right = [(each, blur) for each, blur in stated if blur.name == each.name]
        sizes = [abs(blur.values[0] / each.values[0] - 1) for each, blur in right]
        angles = [abs((blur.values[1] - each.values[1] + 90) % 180 - 90) for each, blur in right if each.values[1:]]
        off = f"{100 * median(sizes):.1f} %, {100 * _high(sizes):.1f} %" if sizes else "-"
        turned = f"{median(angles):.1f}, {_high(angles):.1f} degrees" if angles else "-"
        lines += f"| {group.replace('_', ' ')} | {len(stated)} of {len(own)} | {len(right)} | {off} | {turned} |\n"
    return lines


def photographs(folder: Path, every: int) -> list[Tensor]:
    """Each `every`th photograph of a folder."""
    files = sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES)
    return [enhance.load_image(file) for file in files[::every]]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="of photographs")
    parser.add_argument("--every", type=int, default=1, help="take each of this many photographs")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for folder in given.folders:
        images = photographs(folder, given.every)
        if not images:
            raise SystemExit(f"{folder} holds no {' or '.join(_SUFFIXES)} files; name a folder of photographs.")
        print(table(list(estimates(images, given.seed)), f"{len(images)} photographs of {folder.name}"))


def _high(values: Sequence[float]) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


if __name__ == "__main__":
    main()
