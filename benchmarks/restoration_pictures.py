"""docs/restorations.jpg, the pictures of docs/restoration.md: `python -m benchmarks.restoration_pictures`."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

import enhance
from benchmarks.restoration import Case, cases
from enhance.images.arrays import to_array

SHOWN = ("noise, sigma 50", "JPEG 4:2:0, quality 10", "Gaussian blur 1.6, noise 2", "bicubic reduction by 2")
"""Cases of the page that have a row of pictures."""

_FILE = Path(__file__).parents[1] / "docs" / "restorations.jpg"
_TOP, _LEFT = 40, 130  # of the square, in the sample `coffee`
_GAP = 6


def strip(case: Case, photograph: Tensor) -> Tensor:
    """Before, restored and clean side by side, (1, 3, h, 3 w + gaps)."""
    given, clean = case.degrade(photograph, 0)
    restored = enhance.restore(given, **case.settings)
    framed = [functional.pad(each, [_GAP] * 4, value=1.0) for each in (restored.initial, restored.image, clean)]
    return torch.cat(framed, -1)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=240, help="pixels a side of a picture")
    parser.add_argument("--output", type=Path, default=_FILE)
    given = parser.parse_args()
    photograph = enhance.load_image("coffee")[..., _TOP : _TOP + given.side, _LEFT : _LEFT + given.side]
    known = {case.name: case for case in cases(None, None) if case.told != "nothing"}
    strips = [strip(known[name], photograph) for name in SHOWN]
    widest = max(each.shape[-1] for each in strips)
    rows = [functional.pad(each, [0, widest - each.shape[-1], 0, 0], value=1.0) for each in strips]
    Image.fromarray(to_array(torch.cat(rows, -2))).save(given.output, quality=88)


if __name__ == "__main__":
    main()
