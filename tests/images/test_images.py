"""Every kind of file that people have, and every kind of file that is not an image."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import png
import pytest
import tifffile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageCms

from enhance.images.arrays import ImageError, from_array, require_size, resize, resized, to_array
from enhance.images.pictures import load_image, open_picture, sample
from enhance.images.reading import read
from enhance.images.samples import SAMPLES
from enhance.images.writing import save_image

RAMP = np.linspace(0, 255, 12 * 10 * 3, dtype=np.uint8).reshape(12, 10, 3)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".bmp", ".jpg"])
def test_what_is_saved_is_read_back(tmp_path: Path, suffix: str) -> None:
    image = from_array(RAMP)
    path = tmp_path / f"deep er/it's = é{suffix}"
    save_image(image, path)
    assert torch.allclose(load_image(path), image, atol=0.1 if suffix == ".jpg" else 1e-6)
    first = path.read_bytes()
    save_image(image, path)
    assert path.read_bytes() == first
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@given(values=arrays(np.uint8, (9, 11, 3)))
def test_bytes_survive_the_round_trip(values: np.ndarray) -> None:
    assert (to_array(from_array(values)) == values).all()


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGBA", "I;16"])
def test_every_mode_of_png_becomes_rgb(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(RAMP)
    picture = Image.fromarray(RAMP[..., 0].astype(np.uint16) * 257) if mode == "I;16" else picture.convert(mode)
    picture.save(tmp_path / "x.png")
    found = read(tmp_path / "x.png")
    assert found.image.shape == (1, 3, 12, 10)
    assert found.image.dtype == torch.float32
    expected = np.asarray(Image.fromarray(RAMP).convert("L")) if mode in ("L", "LA") else None
    if expected is not None:
        assert np.array_equal(to_array(found.image)[..., 0], expected)
    if mode == "I;16":
        assert np.array_equal(to_array(found.image)[..., 0], RAMP[..., 0])


DEEP = np.random.default_rng(0).integers(0, 65536, (12, 10, 4), dtype=np.uint16)


def write_png(path: Path, values: np.ndarray, **metadata: Any) -> None:
    """16 bits, which Pillow cannot write."""
    height, width, channels = values.shape
    writer = png.Writer(width, height, greyscale=channels < 3, alpha=channels in (2, 4), bitdepth=16, **metadata)
    with path.open("wb") as stream:
        writer.write_array(stream, values.ravel().tolist())


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_keeps_sixteen_bits(tmp_path: Path, channels: int, interlaced: bool) -> None:
    write_png(tmp_path / "x.png", DEEP[..., :channels], interlace=interlaced)
    found = read(tmp_path / "x.png", background="black")
    values = DEEP[..., :channels] / 65535
    expected = values[..., :-1] * values[..., -1:] if channels in (2, 4) else values
    assert np.allclose(found.image[0].permute(1, 2, 0), expected, atol=1e-7)
    assert found.notes[0] == "16 bits a channel were kept"


def test_the_one_transparent_colour_of_a_deep_png_is_transparent(tmp_path: Path) -> None:
    write_png(tmp_path / "x.png", DEEP[..., :3], transparent=tuple(DEEP[2, 3, :3].tolist()))
    image = read(tmp_path / "x.png").image
    assert image[0, :, 2, 3].tolist() == [1, 1, 1]
    assert np.allclose(image[0, :, 2, 4], DEEP[2, 4, :3] / 65535, atol=1e-7)


GREY, RGB = DEEP[..., 0], DEEP[..., :3]
PREMULTIPLIED = np.concatenate([RGB // 2, np.full_like(RGB[..., :1], 32768)], axis=-1)
TIFFS: dict[str, tuple[np.ndarray, dict[str, Any], np.ndarray]] = {
    "rgb": (RGB, {"photometric": "rgb"}, RGB / 65535),
    "deflated": (RGB, {"photometric": "rgb", "compression": "zlib", "predictor": True}, RGB / 65535),
    "planar": (np.moveaxis(RGB, -1, 0), {"photometric": "rgb", "planarconfig": "separate"}, RGB / 65535),
    "big-endian": (RGB, {"photometric": "rgb", "byteorder": ">"}, RGB / 65535),
    "32 bits": (RGB.astype(np.uint32) * 65537, {"photometric": "rgb"}, RGB / 65535),
    "floats": (RGB.astype(np.float32) / 65535, {"photometric": "rgb"}, RGB / 65535),
    "grey": (GREY, {"photometric": "minisblack"}, GREY[..., None] / 65535),
    "white is zero": (GREY, {"photometric": "miniswhite"}, 1 - GREY[..., None] / 65535),
    "premultiplied": (PREMULTIPLIED, {"photometric": "rgb", "extrasamples": ["assocalpha"]}, (RGB // 2) / 65535),
    "five channels": (
        np.concatenate([RGB, GREY[..., None], GREY[..., None]], axis=-1),
        {"photometric": "rgb", "planarconfig": "contig", "extrasamples": ["unspecified", "unspecified"]},
        RGB / 65535,
    ),
}


@pytest.mark.parametrize("kind", TIFFS)
def test_tiff_keeps_its_depth(tmp_path: Path, kind: str) -> None:
    values, metadata, expected = TIFFS[kind]
    tifffile.imwrite(tmp_path / "x.tif", values, **metadata)
    found = read(tmp_path / "x.tif", background="black")
    assert np.allclose(found.image[0].permute(1, 2, 0), expected, atol=1e-6)
    assert "more than 8 bits" in found.notes[0]


def test_a_compression_that_tifffile_lacks_keeps_its_depth_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(GREY).save(tmp_path / "lzw.tif", compression="tiff_lzw")
    assert np.allclose(read(tmp_path / "lzw.tif").image[0, 0], GREY / 65535, atol=1e-7)
    for name, compression in (("raw.tif", None), ("deflated.tif", "zlib")):
        tifffile.imwrite(tmp_path / name, RGB, photometric="rgb", compression=compression)
        monkeypatch.setattr("enhance.images.decoding.deep_tiff", lambda *_, **__: None)
        found = read(tmp_path / name)
        assert np.allclose(found.image[0].permute(1, 2, 0), RGB / 65535, atol=1e-7)


def test_a_deep_tiff_is_turned_as_it_says(tmp_path: Path) -> None:
    for orientation in range(1, 9):
        metadata: dict[str, Any] = {"photometric": "rgb", "extratags": [(274, "H", 1, orientation, True)]}
        tifffile.imwrite(tmp_path / "deep.tif", RGB, **metadata)
        tifffile.imwrite(tmp_path / "flat.tif", (RGB // 257).astype(np.uint8), **metadata)
        deep, flat = (read(tmp_path / name) for name in ("deep.tif", "flat.tif"))
        assert torch.allclose(deep.image, flat.image, atol=1 / 250)
        assert ("the EXIF orientation is honoured" in deep.notes) == (orientation > 1)
        assert ("the EXIF orientation is honoured" in flat.notes) == (orientation > 1)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.full((9, 9), np.nan, np.float32), "contains NaN"),
        (np.full((9, 9), 200, np.float32), "white is not known"),
        (np.zeros((9, 9), np.complex64), "not a flat picture"),
    ],
)
def test_a_tiff_of_nan_out_of_range_or_complex_numbers_is_refused(
    tmp_path: Path, values: np.ndarray, sentence: str
) -> None:
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="minisblack")
    with pytest.raises(ImageError, match=sentence):
        read(tmp_path / "x.tif")


def test_transparent_pixels_are_laid_on_the_background(tmp_path: Path) -> None:
    Image.new("RGBA", (10, 12), (255, 0, 0, 0)).save(tmp_path / "x.png")
    assert read(tmp_path / "x.png").image.min() == 1
    found = read(tmp_path / "x.png", background="#000080")
    assert to_array(found.image)[0, 0].tolist() == [0, 0, 128]
    assert "laid on #000080" in found.notes[0]
    for background in ("whit", None, (255, 0, 0)):
        with pytest.raises(ImageError, match="not a colour"):
            read(tmp_path / "x.png", background=background)  # type: ignore[arg-type]


def test_exif_orientation_is_honoured(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RAMP).save(tmp_path / "x.png", exif=exif)
    found = read(tmp_path / "x.png")
    assert np.array_equal(to_array(found.image), np.rot90(RAMP, 3))
    assert "orientation" in found.notes[0]


@pytest.mark.parametrize("profile", [False, True])
def test_cmyk_becomes_rgb(tmp_path: Path, profile: bool) -> None:
    metadata: dict[str, Any] = (
        {"icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()} if profile else {}
    )
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "x.jpg", quality=95, **metadata)
    found = read(tmp_path / "x.jpg")
    red, green, blue = to_array(found.image)[8, 8]
    assert red > 200
    assert max(green, blue) < 80
    assert "CMYK" in found.notes[0]


def test_deep_cmyk_is_not_taken_for_transparent(tmp_path: Path) -> None:
    ink = np.zeros((9, 9, 4), np.uint16)
    ink[..., 1:3] = 65535
    tifffile.imwrite(tmp_path / "x.tif", ink, photometric="separated")
    found = read(tmp_path / "x.tif")
    assert to_array(found.image)[4, 4].tolist() == [255, 0, 0]
    assert "reduced to 8" in found.notes[0]


def test_the_first_of_several_frames_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (10, 12), colour) for colour in ("black", "white")]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    found = read(tmp_path / "x.gif")
    assert found.image.max() == 0
    assert "first of 2 frames" in found.notes[0]


def test_sizes_from_one_pixel_to_a_very_wide_one(tmp_path: Path) -> None:
    for width, height in ((1, 1), (30_000, 2)):
        Image.new("RGB", (width, height)).save(tmp_path / "x.png")
        assert read(tmp_path / "x.png").image.shape == (1, 3, height, width)


def test_a_file_that_is_no_image_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_image(from_array(RAMP.repeat(20, 0)), tmp_path / "photo.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not an image, whatever its name says")
    (tmp_path / "cut.png").write_bytes((tmp_path / "photo.png").read_bytes()[:-40])
    cases = {
        "photos.png": "did you mean",
        "nowhere/x.png": "no file",
        ".": "is a folder",
        "empty.png": "is empty",
        "text.png": "not an image",
        "cut.png": "cut short",
    }
    for name, sentence in cases.items():
        with pytest.raises(ImageError, match=sentence) as error:
            read(tmp_path / name)
        assert "\n" not in str(error.value)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for name in ("photo.png", "photo.tif"):
        tifffile.imwrite(tmp_path / "photo.tif", RGB, photometric="rgb")
        with pytest.raises(ImageError, match=r"million pixels; at most .* reduce it first"):
            read(tmp_path / name)


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(("x.png", "deep.png", "x.jpg", "x.webp", "x.bmp", "x.tif", "deep.tif", "x.gif")))
    path = tmp_path / kind
    if kind == "deep.png":
        write_png(path, DEEP)
    elif kind == "deep.tif":
        tifffile.imwrite(path, RGB, photometric="rgb", compression="zlib")
    else:
        Image.fromarray(RAMP).save(path)
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with suppress(ImageError):
        image = read(path).image
        assert 0 <= image.min() <= image.max() <= 1


def test_names_as_people_write_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("a=b.png", 'say "hi".png', "日本.PNG", "-x.png", "astronaut"):
        Image.fromarray(RAMP).save(tmp_path / name, "PNG")
        assert read(name).image.shape == (1, 3, 12, 10)
    assert read("~/a=b.png").source == str(tmp_path / "a=b.png")
    assert open_picture("./astronaut").image.shape == (1, 3, 12, 10)
    assert open_picture("astronaut").image.shape == (1, 3, 512, 512)
    (tmp_path / "link.png").symlink_to("gone.png")
    cases = {
        "astronaut.png": "the sample 'astronaut'",
        "a=b": "did you mean 'a=b.png'",
        "x" * 300: "no file",
        "nul\0.png": "no file",
        "link.png": "link to nothing",
    }
    for name, sentence in cases.items():
        with pytest.raises(ImageError, match=sentence):
            open_picture(name)


def test_a_name_that_is_neither_sample_nor_file_gets_the_nearest() -> None:
    with pytest.raises(ImageError, match="did you mean 'astronaut'"):
        open_picture("astronuat")


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_opens(name: str) -> None:
    image = sample(name).image
    assert image.shape[:2] == (1, 3)
    assert 0 <= image.min() < image.max() <= 1


def test_a_tensor_or_path_that_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    image = from_array(RAMP)
    (tmp_path / "file").touch()
    for bad, path, sentence in (
        (image, tmp_path / "x.xyz", "format"),
        (image, tmp_path / "file" / "x.png", "cannot be written"),
        (image * torch.nan, tmp_path / "x.png", "NaN"),
        (image.numpy(), tmp_path / "x.png", "must be a tensor, got ndarray"),
        (image.repeat(2, 1, 1, 1), tmp_path / "x.png", "must be"),
        (image * 255, tmp_path / "x.png", "must lie in"),
        ((image * 255).byte(), tmp_path / "x.png", "divide by 255"),
        (image[..., :0], tmp_path / "x.png", "must be"),
        (torch.zeros(1, 3, 1, 17_000), tmp_path / "x.webp", "cannot hold"),
    ):
        with pytest.raises(ImageError, match=sentence):
            save_image(bad, path)  # type: ignore[arg-type]


@given(height=st.integers(8, 60), width=st.integers(8, 60), longer=st.integers(8, 40))
def test_resizing_only_reduces(height: int, width: int, longer: int) -> None:
    small = resize(torch.rand(1, 3, height, width), longer)
    assert max(small.shape[-2:]) == min(longer, max(height, width))
    assert 0 <= small.min() <= small.max() <= 1


@pytest.mark.parametrize(("height", "width"), [(20, 30), (30, 20), (2, 300)])
def test_resizing_keeps_the_ratio_and_never_enlarges(height: int, width: int) -> None:
    image = torch.rand(1, 3, height, width)
    small = resize(image, 15)
    assert small.shape[-2:] == (max(1, round(height * 15 / max(height, width))), round(width * 15 / max(height, width)))
    assert resize(image, 600) is image
    assert resized(image, (7, 9)).shape == (1, 3, 7, 9)
    with pytest.raises(ImageError, match="size of 1 or more"):
        resize(image, 0)


def test_arrays_of_every_type_are_taken_or_refused() -> None:
    for array in (RAMP, RAMP.astype(np.uint16) * 257, RAMP / 255, RAMP.astype(np.float32) / 255):
        assert torch.allclose(from_array(array), from_array(RAMP), atol=1e-6)
    assert from_array(RAMP[..., 0]).shape == from_array(RAMP[..., :1]).shape == (1, 3, 12, 10)
    for bad in (RAMP.astype(np.int64), RAMP.astype(np.float32), RAMP / np.nan, RAMP[..., :2], RAMP[:0]):
        with pytest.raises(ImageError, match=r"\.$|\)"):
            from_array(bad)


def test_a_picture_that_is_too_small_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (7, 30)).save(tmp_path / "x.png")
    with pytest.raises(ImageError, match="reference is 7 x 30 pixels; it must be at least 8 x 8"):
        require_size(read(tmp_path / "x.png").image, "reference")


@pytest.mark.parametrize("other", [io.BytesIO(b"\x89PNG"), b"a.png", np.zeros((8, 8, 3)), 3])
def test_what_is_no_name_of_a_file_is_refused_by_its_type(other: Any) -> None:
    with pytest.raises(ImageError, match=rf"got {type(other).__name__}; .*PIL\.Image\.open"):
        load_image(other)
    with pytest.raises(ImageError, match=r"is written to a file ending in \.png, got"):
        save_image(torch.rand(1, 3, 8, 8), other)
