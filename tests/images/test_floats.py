"""Half-float and float images, OpenEXR and Radiance HDR: white is 1, or what `range` says."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import enhance
from enhance.images.arrays import ImageError
from enhance.images.pictures import load_image
from enhance.images.reading import from_pillow, read
from enhance.images.samples import sample_file
from enhance.optim.inputs import read_inputs

LIGHT = np.linspace(0, 4, 12 * 10 * 3, dtype=np.float32).reshape(12, 10, 3)


def encoded(linear: np.ndarray) -> np.ndarray:
    """sRGB of linear light, by its definition."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def pixels(file: Path, range: float | None = None) -> np.ndarray:
    return load_image(file, range=range)[0].permute(1, 2, 0).numpy()


def write(file: Path, values: np.ndarray) -> Path:
    """A file of floats whose kind follows from its name."""
    if file.suffix == ".pfm":
        file.write_bytes(b"PF\n10 12\n-1.0\n" + values[::-1].astype("<f4").tobytes())
    else:
        tifffile.imwrite(file, values, photometric="rgb")
    return file


@pytest.mark.parametrize("name", ["half.tif", "single.tif", "double.tif", "x.pfm"])
def test_range_says_what_is_white(tmp_path: Path, name: str) -> None:
    kind = {"half": np.float16, "double": np.float64}.get(name[:-4], np.float32)
    file = write(tmp_path / name, LIGHT.astype(kind))
    with pytest.raises(ImageError, match=rf"{name} holds floats in \[0, 4\].*range=4"):
        read(file)
    assert np.allclose(pixels(file, 4), LIGHT / 4, atol=1e-3 if kind is np.float16 else 1e-6)
    found = read(file, range=2)
    assert np.allclose(found.image[0].permute(1, 2, 0), (LIGHT / 2).clip(0, 1), atol=1e-3)
    assert f"white is 2 in {file} (range=2)" in found.notes
    assert any(note.startswith("50 % of the samples of") for note in found.notes)
    assert found.bits == 16


def test_floats_within_one_need_no_range_and_say_nothing_of_it(tmp_path: Path) -> None:
    file = write(tmp_path / "x.tif", LIGHT / 4)
    assert np.allclose(pixels(file), LIGHT / 4)
    assert read(file).notes == ("more than 8 bits a channel were kept",)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused_whatever_is_white(tmp_path: Path, bad: float) -> None:
    values = LIGHT.copy()
    values[3, 3] = bad
    for name in ("x.tif", "x.pfm"):
        for white in (None, 4):
            with pytest.raises(ImageError, match="contains NaN" if np.isnan(bad) else "contains infinity"):
                read(write(tmp_path / name, values), range=white)


@pytest.mark.parametrize("white", [0, -1, float("nan"), float("inf"), True, "4"])
def test_a_white_that_cannot_be(white: Any) -> None:
    for use in (partial(read, sample_file("astronaut")), partial(from_pillow, Image.new("F", (9, 9)))):
        with pytest.raises(ImageError, match=r"no value of white.*range=1"):
            use(range=white)


def test_range_without_effect_is_said(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(tmp_path / "x.png")
    found = read(tmp_path / "x.png", range=4)
    assert found.notes == ("range=4 is of floats; x.png holds whole numbers, which have their own white",)
    assert found.image[0, :, 0, 0].tolist() == [1, 0, 0]


@pytest.mark.parametrize("kind", [1, 2])
def test_alpha_is_no_light(tmp_path: Path, kind: int) -> None:
    alpha = np.full((12, 10, 1), 0.5, np.float32)
    colours = LIGHT * 0.5 if kind == 1 else LIGHT  # multiplied by alpha or not
    values = np.concatenate([colours, alpha], axis=-1)
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="rgb", extrasamples=[kind])
    found = load_image(tmp_path / "x.tif", "black", range=4)[0].permute(1, 2, 0).numpy()
    assert np.allclose(found, LIGHT / 4 * 0.5, atol=1e-6)


def test_alpha_is_not_inverted_where_zero_is_white(tmp_path: Path) -> None:
    grey = np.linspace(0, 65535, 120).reshape(12, 10).astype(np.uint16)
    values = np.stack([grey, np.full_like(grey, 65535)], axis=-1)
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="miniswhite", extrasamples=[2], planarconfig="contig")
    assert np.allclose(pixels(tmp_path / "x.tif")[..., 0], 1 - grey / 65535, atol=1e-6)


def test_images_in_memory_take_range_too() -> None:
    file = LIGHT.astype(np.float16)
    expected = torch.from_numpy(file.astype(np.float32) / 4).permute(2, 0, 1)[None]
    for given in (file, torch.from_numpy(file).permute(2, 0, 1)[None]):
        found = read_inputs(given, "white", {}, range=4)
        assert torch.allclose(found.reference, expected, atol=1e-6)
        assert found.notes == ("white is 4 in reference (range=4)",)
    whole = read_inputs((LIGHT * 60).astype(np.uint8), "white", {}, range=4)
    assert whole.notes[0].startswith("range=4 is of floats; reference holds whole numbers")
    grey = Image.fromarray(LIGHT[..., 0])
    assert grey.mode == "F"
    assert np.allclose(from_pillow(grey, range=4).image[0, 0], LIGHT[..., 0] / 4)
    with pytest.raises(ImageError, match=r"mode F.*range=1"):
        from_pillow(grey)
    result = enhance.optimize(LIGHT, metric="mse", steps=1, range=4)
    assert torch.allclose(result.reference, torch.from_numpy(LIGHT / 4).permute(2, 0, 1)[None])


def exr(file: Path, channels: dict[str, np.ndarray], **header: Any) -> Path:
    library = pytest.importorskip("OpenEXR")
    about = {"compression": library.ZIP_COMPRESSION, "type": library.scanlineimage} | header
    with library.File(about, channels) as made:
        made.write(str(file))
    return file


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_openexr_is_linear_light(tmp_path: Path, kind: Any) -> None:
    file = exr(tmp_path / "x.exr", {"RGB": LIGHT.astype(kind)})
    with pytest.raises(ImageError, match=r"floats in \[0, 4\].*range=4"):
        read(file)
    found = read(file, range=2)
    expected = encoded((LIGHT.astype(kind).astype(np.float32) / 2).clip(0, 1))
    assert np.allclose(found.image[0].permute(1, 2, 0), expected, atol=2e-4)
    assert any("linear light" in note for note in found.notes)
    assert any("50 % of the samples" in note for note in found.notes)
    dim = exr(tmp_path / "dim.exr", {"RGB": (LIGHT / 4).astype(kind)})
    assert np.allclose(pixels(dim), encoded(LIGHT / 4), atol=1e-2 if kind is np.float16 else 2e-4)


def test_openexr_grey_alpha_and_further_channels(tmp_path: Path) -> None:
    grey = exr(tmp_path / "grey.exr", {"Y": LIGHT[..., 0].copy(), "Z": LIGHT[..., 1].copy()})
    found = read(grey, range=4)
    assert np.allclose(found.image[0, 1], encoded(LIGHT[..., 0] / 4), atol=2e-4)
    assert "the channels Z of grey.exr are left out" in found.notes
    half = np.full((12, 10), 0.5, np.float32)
    parts = {name: LIGHT[..., place] * half for place, name in enumerate("RGB")}
    clear = exr(tmp_path / "clear.exr", parts | {"A": half})  # multiplied by alpha, as the format wants it
    found = load_image(clear, "black", range=4)[0].permute(1, 2, 0).numpy()
    assert np.allclose(found, encoded(LIGHT / 4) * 0.5, atol=2e-4)


def test_openexr_primaries_are_those_of_the_file(tmp_path: Path) -> None:
    file = exr(
        tmp_path / "p3.exr",
        {"RGB": np.full((12, 10, 3), 0.25, np.float32) * np.array([1, 0.5, 0.5], np.float32)},
        chromaticities=(0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),
    )
    linear = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]]) @ [0.25, 0.125, 0.125]
    assert np.allclose(pixels(file)[4, 4], encoded(linear), atol=2e-3)


def test_openexr_shows_its_display_window(tmp_path: Path) -> None:
    window = (np.array([-2, 1], np.int32), np.array([7, 12], np.int32))
    shown = (np.array([0, 0], np.int32), np.array([9, 9], np.int32))
    file = exr(tmp_path / "x.exr", {"RGB": LIGHT / 4}, dataWindow=window, displayWindow=shown)
    found = read(file)
    assert "another part of its picture" in " ".join(found.notes)
    expected = np.zeros((10, 10, 3))
    expected[1:, :8] = encoded(LIGHT / 4)[:9, 2:]
    assert np.allclose(found.image[0].permute(1, 2, 0), expected, atol=2e-4)


def test_openexr_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    depth = exr(tmp_path / "depth.exr", {"Z": LIGHT[..., 0].copy()})
    with pytest.raises(ImageError, match="has the channels Z; R, G and B, or Y alone, are read"):
        read(depth)
    whole = exr(tmp_path / "whole.exr", {name: np.ones((12, 10), np.uint32) for name in "RGB"})
    with pytest.raises(ImageError, match="whole numbers, not light"):
        read(whole)
    cut = tmp_path / "cut.exr"
    cut.write_bytes(exr(tmp_path / "x.exr", {"RGB": LIGHT}).read_bytes()[:-40])
    with pytest.raises(ImageError, match="cannot be read whole"):
        read(cut, range=4)


def test_remarks_on_a_damaged_openexr_are_no_output(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    steps = np.repeat(np.arange(12, dtype=np.float32), 30).reshape(12, 10, 3)
    data = bytearray(exr(tmp_path / "x.exr", {"RGB": steps}).read_bytes())
    data[-40:-20] = bytes(range(100, 120))
    (tmp_path / "x.exr").write_bytes(data)
    with pytest.raises(ImageError, match="cannot be read whole"):
        read(tmp_path / "x.exr", range=4)
    assert capfd.readouterr().out == ""


HEAD = b"#?RADIANCE\n# made by hand\nFORMAT=32-bit_rle_rgbe\n"


def radiance(more: bytes = b"", size: bytes = b"-Y 2 +X 3") -> bytes:
    """2 x 3 pixels without run lengths, of mantissas 64, 128, 192 and exponent 130: 1, 2 and 3."""
    return HEAD + more + b"\n" + size + b"\n" + bytes([64, 128, 192, 130]) * 6


def test_radiance_is_linear_light(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    file = tmp_path / "x.hdr"
    file.write_bytes(radiance())
    with pytest.raises(ImageError, match=r"floats in \[1, 3\].*range=3"):
        read(file)
    assert np.allclose(pixels(file, 4)[1, 2], encoded(np.array([1, 2, 3]) / 4), atol=2e-3)
    file.write_bytes(radiance(b"EXPOSURE=2\nEXPOSURE= 4.0\n"))
    assert "the exposure of x.hdr, 8, was divided out" in read(file).notes
    assert np.allclose(pixels(file)[1, 2], encoded(np.array([1, 2, 3]) / 8), atol=2e-3)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (HEAD + b"\n", "without a size"),
        (radiance(size=b"+Y 2 +X 3"), "rare order"),
        (radiance().replace(b"rgbe", b"xyze"), "CIE XYZ"),
        (radiance(b"EXPOSURE=0\n"), "EXPOSURE"),
        (radiance(size=b"-Y 90000 +X 90000"), "million pixels"),
        (radiance()[:-5], "cannot be read whole"),
    ],
)
def test_radiance_that_cannot_be_read(tmp_path: Path, content: bytes, sentence: str) -> None:
    pytest.importorskip("imagecodecs")
    (tmp_path / "x.hdr").write_bytes(content)
    with pytest.raises(ImageError, match=sentence):
        read(tmp_path / "x.hdr", range=4)
