"""Every kind of file that people have, and every kind of file that is not an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import png
import pytest
import tifffile
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageCms

from enhance.images import ImageError, from_array, load_image, open_picture, read, resize, sample, save_image, to_array
from enhance.samples import SAMPLES

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


def test_sixteen_bits_keep_their_precision(tmp_path: Path) -> None:
    values = np.arange(12 * 10 * 3, dtype=np.uint16).reshape(12, 10, 3) * 100 + 7
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="rgb")
    png.from_array(values.reshape(12, 30).tolist(), "RGB;16").save(tmp_path / "x.png")
    for name in ("x.tif", "x.png"):
        image = read(tmp_path / name).image
        assert np.allclose(image[0].permute(1, 2, 0).numpy() * 65535, values, atol=0.01)


def test_transparent_pixels_are_laid_on_the_background(tmp_path: Path) -> None:
    Image.new("RGBA", (10, 12), (255, 0, 0, 0)).save(tmp_path / "x.png")
    assert read(tmp_path / "x.png").image.min() == 1
    found = read(tmp_path / "x.png", background="#000080")
    assert to_array(found.image)[0, 0].tolist() == [0, 0, 128]
    assert "laid on #000080" in found.notes[0]
    with pytest.raises(ImageError, match="not a colour"):
        read(tmp_path / "x.png", background="whit")


def test_exif_orientation_is_honoured(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RAMP).save(tmp_path / "x.png", exif=exif)
    found = read(tmp_path / "x.png")
    assert np.array_equal(to_array(found.image), np.rot90(RAMP, 3))
    assert "orientation" in found.notes[0]


@pytest.mark.parametrize("profile", [False, True])
def test_cmyk_becomes_rgb(tmp_path: Path, profile: bool) -> None:
    settings: dict[str, Any] = {"icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()} if profile else {}
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "x.jpg", quality=95, **settings)
    found = read(tmp_path / "x.jpg")
    red, green, blue = to_array(found.image)[8, 8]
    assert red > 200
    assert max(green, blue) < 80
    assert "CMYK" in found.notes[0]


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


def test_what_is_not_an_image_gets_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    with pytest.raises(ImageError, match="million pixels"):
        read(tmp_path / "photo.png")


def test_a_name_that_is_neither_sample_nor_file_gets_the_nearest() -> None:
    with pytest.raises(ImageError, match="did you mean 'astronaut'"):
        open_picture("astronuat")


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_opens(name: str) -> None:
    image = sample(name).image
    assert image.shape[:2] == (1, 3)
    assert 0 <= image.min() < image.max() <= 1


def test_what_cannot_be_saved_gets_a_sentence(tmp_path: Path) -> None:
    image = from_array(RAMP)
    (tmp_path / "file").touch()
    for bad, path, sentence in (
        (image, tmp_path / "x.xyz", "format"),
        (image, tmp_path / "file" / "x.png", "cannot be written"),
        (image * torch.nan, tmp_path / "x.png", "NaN"),
        (image.repeat(2, 1, 1, 1), tmp_path / "x.png", "must be"),
    ):
        with pytest.raises(ImageError, match=sentence):
            save_image(bad, path)


@given(height=st.integers(8, 60), width=st.integers(8, 60), longer=st.integers(8, 40))
def test_resizing_only_reduces(height: int, width: int, longer: int) -> None:
    small = resize(torch.rand(1, 3, height, width), longer)
    assert max(small.shape[-2:]) == min(longer, max(height, width))
    assert 0 <= small.min() <= small.max() <= 1
