"""Values that other packages publish. PUBLISHED_IMAGES names a folder with the images of `piq` and `pyiqa`, which are
not here: see benchmarks/published_values.py.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from golden import SHARED

from benchmarks.given_trunks import compared as with_given_trunks
from benchmarks.published_values import VALUES, Published, compared, page

CLOSE = {"dss": 1e-3, "ms_ssim": 5e-3, "vsi": 2e-2, "psnr": 6e-3}  # the page says why; others as published
VGG16 = SHARED / "weights" / "vgg16_features.safetensors"
FOLDERS = {name: Path(os.environ.get("PUBLISHED_IMAGES", ""), name) for name in ("piq", "pyiqa")}


def is_close(published: Published, ours: float) -> bool:
    theirs = published.value if published.theirs is None else published.theirs
    close = abs(ours - published.value) <= CLOSE.get(published.metric, 2e-4)
    return close and abs(ours - theirs) <= max(1e-3, 1e-4 * theirs)


def test_the_values_of_torchmetrics() -> None:
    found = list(compared({}))
    assert [published.metric for published, _ in found] == ["ssim", "ms_ssim"]
    assert all(is_close(*each) for each in found), found


@pytest.mark.slow
@pytest.mark.skipif(not FOLDERS["piq"].is_dir(), reason="PUBLISHED_IMAGES names no folder with the images")
def test_the_values_of_piq_and_pyiqa() -> None:
    found = list(compared(FOLDERS))
    assert len(found) == len(VALUES)
    assert [each for each in found if not is_close(*each)] == []
    assert page(FOLDERS).count("\n| ") == len(VALUES) + 1


@pytest.mark.slow
@pytest.mark.skipif(not VGG16.is_file(), reason="needs shared/weights")
def test_lpips_and_dists_with_a_given_trunk() -> None:
    found = list(with_given_trunks(VGG16, samples=["coffee"], side=96))
    assert [each.metric for each in found] == ["lpips_vgg"] * 3 + ["dists"] * 3
    assert all(0.01 < each.ours < 0.9 and each.difference < 2e-6 for each in found), found
