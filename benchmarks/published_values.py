"""How close our values are to those that other packages publish with their tests, as a page: docs/published_values.md.

    python -m benchmarks.published_values --piq DIR --pyiqa DIR --vgg16 FILE

The images are not ours to give: DIR are the folders `tests/assets` of photosynthesis-team/piq and `ResultsCalibra` of
chaofengc/IQA-PyTorch. FILE has the features of a VGG16, for LPIPS and DISTS: see benchmarks/given_trunks.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.given_trunks import section
from enhance.images.arrays import from_array, to_array
from enhance.images.reading import read
from enhance.metrics.loading import load_metric
from enhance.metrics.registry import display_name

_LUMA = np.array([0.2989, 0.5870, 0.1140])  # of MATLAB's rgb2gray
_TID = ("I03", "I04", "I06", "I08", "I19")
HEAD = """\
# Values that other packages publish

What piq, pyiqa and torchmetrics check their metrics against, computed here. piq's values come from the authors' MATLAB code,
pyiqa's from the official code of each measure on five pairs of TID2013, torchmetrics' from the examples of its pages. Luma is
that of MATLAB's rgb2gray, in 8 bits, where the official code asks for it. This page is written by

```sh
python -m benchmarks.published_values --piq DIR --pyiqa DIR --vgg16 FILE
```

LPIPS and DISTS, whose trunks have to be downloaded, are compared [with a given one](#lpips-and-dists-with-a-given-trunk). pyiqa's VIF is that of a steerable pyramid, not of pixels.

| package | metric | images | of | published | theirs | ours | difference |
|---|---|---|---|---:|---:|---:|---:|
"""  # noqa: E501
FOOT = """
Published is what the official code gives, theirs what the package itself gives, where it says so. What differs by more than
rounding differs alike in theirs (MS-SSIM and VSI of pyiqa), or lies within what the package's own tests allow (DSS of piq:
.001). PSNR is published with two digits. torchmetrics' windows of MS-SSIM reach beyond the image, ours do not.
"""  # noqa: E501


@dataclass(frozen=True)
class Published:
    """A published value.

    Attributes:
        package: whose tests hold it.
        metric: our name of the measure.
        images: names of the image and the reference, by package.
        value: as published, of the official code.
        theirs: what the package's own implementation gives, where it is published too.
        luma: whether the images are reduced to luma.
    """

    package: str
    metric: str
    images: tuple[str, str]
    value: float
    luma: bool = False
    theirs: float | None = None


_GOLDHILL, _JPEG = ("goldhill_jpeg.gif", "goldhill.gif"), ("goldhill.gif", "goldhill_jpeg.gif")
_I01, _NOISE = ("i01_01_5.bmp", "I01.BMP"), ("I01.BMP", "i01_01_5.bmp")
_PIQ: tuple[tuple[str, tuple[str, str], float, bool], ...] = (
    *(("vif", _GOLDHILL, 0.2665, False), ("vif", _I01, 0.3147, True)),
    *(("fsim", _GOLDHILL, 0.89691, False), ("fsim", _I01, 0.92587, False)),
    *(("gmsd", _GOLDHILL, 0.138012587141798, False), ("gmsd", _I01, 0.094124655829098, False)),
    *(("mdsi", _GOLDHILL, 0.395910876130775, False), ("mdsi", _I01, 0.338972600511665, False)),
    *(("vsi", _I01, 0.96405, False), ("haarpsi", _I01, 0.71706527, False)),
    *(("iw_ssim", _GOLDHILL, 0.886297251092821, False), ("iw_ssim", _NOISE, 0.946804801436296, False)),
    *(("dss", _JPEG, 0.45217181, False), ("dss", _NOISE, 0.77177436, True)),
    *(("srsim", _JPEG, 0.94652679, False), ("srsim", _NOISE, 0.9659730, False)),
)
_PYIQA = {
    ("psnr", False): ((21.11, 20.99, 27.01, 23.3, 21.62), (21.1136, 20.9872, 27.0139, 23.3002, 21.6186)),
    ("ssim", True): ((0.6993, 0.9978, 0.9989, 0.9669, 0.6519), (0.6997, 0.9978, 0.9989, 0.9671, 0.6522)),
    ("ms_ssim", True): ((0.6733, 0.9996, 0.9998, 0.9566, 0.8462), (0.6707, 0.9996, 0.9998, 0.9567, 0.8418)),
    ("fsim", False): ((0.689, 0.9702, 0.9927, 0.9575, 0.822), (0.6891, 0.9702, 0.9927, 0.9575, 0.822)),
    ("gmsd", True): ((0.22035, 0.00052, 0.00045, 0.13463, 0.205), (0.2203, 0.0005, 0.0004, 0.1346, 0.205)),
    ("vsi", False): ((0.9139, 0.962, 0.9922, 0.9571, 0.9262), (0.9244, 0.9497, 0.9877, 0.9541, 0.9348)),
}
_TORCHMETRICS = {"ssim": 0.9219, "ms_ssim": 0.9628}  # of rand(3, 3, 256, 256) and 0.75 of it, seed 42
VALUES = (
    *(Published("piq", *row) for row in _PIQ),
    *(
        Published("pyiqa", metric, (f"dist_dir/{name}.bmp", f"ref_dir/{name}.bmp"), value, luma, theirs)
        for (metric, luma), (values, own) in _PYIQA.items()
        for name, value, theirs in zip(_TID, values, own, strict=True)
    ),
    *(Published("torchmetrics", metric, ("rand", "0.75 rand"), value) for metric, value in _TORCHMETRICS.items()),
)


def luma(image: Tensor) -> Tensor:
    """An image (1, 3, H, W) as its luma in 8 bits, in all three channels."""
    return from_array((to_array(image) @ _LUMA).round().astype(np.uint8))


def pair(published: Published, folders: dict[str, Path]) -> tuple[Tensor, Tensor]:
    """The image and the reference of a published value."""
    if published.package == "torchmetrics":
        image = torch.rand(3, 3, 256, 256, generator=torch.Generator().manual_seed(42))
        return image, image * 0.75
    image, reference = (read(folders[published.package] / name).image for name in published.images)
    return (luma(image), luma(reference)) if published.luma else (image, reference)


def compared(folders: dict[str, Path]) -> Iterator[tuple[Published, float]]:
    """Each published value whose images are there, with ours."""
    for published in VALUES:
        if published.package == "torchmetrics" or published.package in folders:
            metric = load_metric(published.metric)
            with torch.no_grad():
                yield published, float(metric.scores(*pair(published, folders)).mean())


def page(folders: dict[str, Path]) -> str:
    """The page in Markdown."""
    lines = []
    for published, ours in compared(folders):
        names = published.images[1].rpartition("/")[2]
        theirs = "" if published.theirs is None else f"{published.theirs:.6g}"
        cells = (
            *(published.package, display_name(published.metric), names, "luma" if published.luma else "RGB"),
            *(f"{published.value:.6g}", theirs, f"{ours:.6g}", f"{ours - published.value:.1e}"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return HEAD + "\n".join(lines) + "\n" + FOOT


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--piq", type=Path, required=True)
    parser.add_argument("--pyiqa", type=Path, required=True)
    parser.add_argument("--vgg16", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("docs/published_values.md"))
    given = parser.parse_args()
    text = page({"piq": given.piq, "pyiqa": given.pyiqa}) + section(given.vgg16)
    given.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
