"""Observations: operators with their adjoints, proximal maps, seeded simulation, and the cells of a JPEG."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut
from torch import Tensor
from torch.nn import functional

from enhance.images.arrays import ImageError, from_array, to_array
from enhance.images.kernels import disk_kernel, gaussian_kernel, motion_kernel
from enhance.images.reading import read
from enhance.restoration.blur import Blurred
from enhance.restoration.cells import JpegCells
from enhance.restoration.downscaling import Downscaled
from enhance.restoration.jpeg_file import read_jpeg
from enhance.restoration.observations import Masked, Noisy, Observation

SIZE = (29, 34)


def photograph(size: tuple[int, int]) -> Tensor:
    return from_array(np.ascontiguousarray(astronaut()[: size[0], : size[1]]))


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _observations() -> dict[str, Observation]:
    observed = _random(1, 3, *SIZE)
    return {
        "noise": Noisy(observed, torch.full((1, 1, *SIZE), 0.1, dtype=torch.float64)),
        "mask": Masked(observed, (_random(1, 1, *SIZE, seed=1) > 0.3).double()),
        "gaussian": Blurred(observed, gaussian_kernel(1.3)),
        "motion": Blurred(observed, motion_kernel(7, 30)),
        "disk": Blurred(observed, disk_kernel(2.5)),
        "even": Blurred(observed, _random(4, 6)),
        "bicubic": Downscaled(observed, 2),
        "area": Downscaled(observed, 3, "area"),
    }


@pytest.mark.parametrize("name", _observations())
def test_the_adjoint_is_the_operators(name: str) -> None:
    observation = _observations()[name]
    image = _random(*observation.start().shape, seed=2)
    values = _random(*observation.observed.shape, seed=3)
    left, right = (observation.operator(image) * values).sum(), (image * observation.adjoint(values)).sum()
    torch.testing.assert_close(left, right, rtol=1e-10, atol=0)


@pytest.mark.parametrize("name", _observations())
def test_the_proximal_map_is_a_minimum(name: str) -> None:
    observation, weight = _observations()[name], 0.3
    image = _random(*observation.start().shape, seed=4)
    found = observation.proximal(image, weight)
    gradient = observation.adjoint(observation.residual(found)) + weight * (found - image)
    assert gradient.norm() < 2e-3 * observation.adjoint(observation.residual(image)).norm()


@pytest.mark.parametrize("name", _observations())
def test_a_simulation_is_the_operator_with_seeded_noise(name: str) -> None:
    observation = _observations()[name]
    observation.noise = 0.02
    image = observation.start()
    simulated = observation.simulated(image, seed=5)
    assert torch.equal(simulated, observation.simulated(image, seed=5))
    assert not torch.equal(simulated, observation.simulated(image, seed=6))
    noise = (simulated - observation.operator(image)).std().item()
    assert noise == pytest.approx(0.02, rel=0.15)


def test_a_blur_is_the_valid_convolution_with_no_wrap() -> None:
    kernel = _random(3, 6, seed=7)
    blurred = Blurred(_random(1, 3, *SIZE), kernel)
    image = _random(*blurred.start().shape, seed=8)
    scene = image[..., : SIZE[0] + 2, : SIZE[1] + 5]
    expected = functional.conv2d(scene, (kernel / kernel.sum()).flip(0, 1).expand(3, 1, 3, 6), groups=3)
    torch.testing.assert_close(blurred.operator(image), expected)


def test_a_picture_is_what_its_observation_shows() -> None:
    for observation in _observations().values():
        if isinstance(observation, Blurred):
            assert torch.equal(observation.picture(observation.start()), observation.observed)


def test_a_reduction_is_that_of_torch() -> None:
    image = _random(1, 3, 32, 40)
    expected = functional.interpolate(image, size=(16, 20), mode="bicubic", antialias=True)
    torch.testing.assert_close(Downscaled(torch.zeros(1, 3, 16, 20), 2).operator(image), expected)


@pytest.mark.parametrize("kernel", [torch.zeros(3, 3), -torch.ones(3, 3), torch.ones(50, 3)])
def test_a_kernel_that_cannot_be_is_refused(kernel: Tensor) -> None:
    with pytest.raises(ValueError, match="kernel"):
        Blurred(_random(1, 3, *SIZE), kernel)


def test_lost_pixels_start_from_those_around_them() -> None:
    observed, kept = torch.full((1, 3, 9, 9), 0.25), torch.zeros(1, 1, 9, 9)
    kept[..., 0, 0] = 1
    torch.testing.assert_close(Masked(observed, kept).start(), observed)


def _jpeg(folder: Path, size: tuple[int, int] = (75, 101), grey: bool = False, **settings: Any) -> Path:
    pixels = Image.fromarray(to_array(photograph(size)))
    file = folder / "photo.jpg"
    (pixels.convert("L") if grey else pixels).save(file, quality=30, **settings)
    return file


_KINDS: dict[str, dict[str, Any]] = {
    "4:2:0": {"subsampling": 2},
    "4:2:2": {"subsampling": 1},
    "4:4:4": {"subsampling": 0},
    "grey": {"grey": True},
    "progressive": {"subsampling": 2, "progressive": True},
    "small": {"size": (8, 9), "subsampling": 2},
}


@pytest.mark.parametrize("kind", _KINDS)
def test_the_cells_of_a_jpeg(tmp_path: Path, kind: str) -> None:
    file = _jpeg(tmp_path, **_KINDS[kind])
    cells, decoded = JpegCells(read_jpeg(file)), read(file).image
    start = cells.start()
    assert cells.kept(start) == 1
    shown = cells.picture(start).clamp(0, 1)
    assert shown.shape == decoded.shape
    assert (shown - decoded).square().mean().sqrt() < 4 / 255  # the decoder enlarges chroma in another way
    away = start + 0.2 * torch.randn(start.shape, generator=torch.Generator().manual_seed(0))
    assert cells.kept(away) < 0.1
    projected = cells.proximal(away, 0)
    assert cells.kept(projected) == 1
    torch.testing.assert_close(cells.proximal(projected, 0), projected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["4:2:0", "4:4:4"])
def test_the_picture_that_was_encoded_lies_in_the_cells(tmp_path: Path, kind: str) -> None:
    cells = JpegCells(read_jpeg(_jpeg(tmp_path, size=(64, 96), **_KINDS[kind])))
    away = cells.residual(photograph((64, 96))).abs()
    assert 0 < away.max() < 0.2  # of a cell: the encoder rounds colours to whole levels before


def test_the_adjoint_of_the_coefficients(tmp_path: Path) -> None:
    cells = JpegCells(read_jpeg(_jpeg(tmp_path, subsampling=2)))
    image = torch.rand(cells.start().shape, generator=torch.Generator().manual_seed(1))
    linear = cells.operator(image) - cells.operator(torch.zeros_like(image))
    values = torch.rand(linear.shape, generator=torch.Generator().manual_seed(2))
    left, right = (linear.double() * values).sum(), (image.double() * cells.adjoint(values)).sum()
    torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-2)


def _cmyk(file: Path) -> None:
    Image.new("CMYK", (32, 32)).save(file)


def _png(file: Path) -> None:
    Image.new("RGB", (32, 32)).save(file, "PNG")


def _twelve_bits(file: Path) -> None:
    _edited(file, b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c")


def _arithmetic(file: Path) -> None:
    _edited(file, b"\xff\xc0", b"\xff\xc9")


def _without_frame(file: Path) -> None:
    file.write_bytes(b"\xff\xd8\xff\xe0\x00\x04ab\xff\xd9")


def _no_steps(file: Path) -> None:
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(file)
    data = bytearray(file.read_bytes())
    place = data.index(b"\xff\xdb") + 5
    data[place] = 0
    file.write_bytes(data)


def _edited(file: Path, before: bytes, after: bytes) -> None:
    Image.new("RGB", (32, 32)).save(file)
    file.write_bytes(file.read_bytes().replace(before, after))


def test_without_jpeglib_a_sentence_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jpeglib", None)
    with pytest.raises(ImageError, match="jpeglib is missing; python -m pip install jpeglib"):
        read_jpeg(_jpeg(tmp_path, subsampling=2))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_cmyk, "CMYK"),
        (_png, "no JPEG"),
        (_twelve_bits, "12 bits"),
        (_arithmetic, "arithmetic"),
        (_without_frame, "damaged"),
        (_no_steps, "damaged"),
    ],
)
def test_a_file_that_holds_no_cells_gets_a_sentence(tmp_path: Path, make: Any, said: str) -> None:
    file = tmp_path / "file.jpg"
    make(file)
    with pytest.raises(ImageError, match=said) as error:
        read_jpeg(file)
    assert "\n" not in str(error.value)
