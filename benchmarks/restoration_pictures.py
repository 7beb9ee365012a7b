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
    """Before, restored and clean side by side, each in the middle of a frame around the photograph's size."""
    given, clean = case.degrade(photograph, 0)
    restored = enhance.restore(given, **case.settings)
    high, wide = (whole - part for whole, part in zip(photograph.shape[-2:], clean.shape[-2:], strict=True))
    left, top = _GAP + wide // 2, _GAP + high // 2
    margins = [left, 2 * _GAP + wide - left, top, 2 * _GAP + high - top]
    shown = (restored.initial, restored.image, clean)
    return torch.cat([functional.pad(each, margins, value=1.0) for each in shown], -1)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=240, help="pixels a side of a picture")
    parser.add_argument("--output", type=Path, default=_FILE)
    given = parser.parse_args()
    photograph = enhance.load_image("coffee")[..., _TOP : _TOP + given.side, _LEFT : _LEFT + given.side]
    known = {case.name: case for case in cases(None, None) if case.given != "nothing"}
    strips = [strip(known[name], photograph) for name in SHOWN]
    Image.fromarray(to_array(torch.cat(strips, -2))).save(given.output, quality=88)


if __name__ == "__main__":
    main()
