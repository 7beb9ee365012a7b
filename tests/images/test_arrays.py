"""Arrays and tensors that are given as images are read as files are, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from enhance.images.reading import read
from enhance.inputs import read_image

Array = np.ndarray[Any, Any]


@pytest.fixture
def rgba() -> Array:
    return np.random.default_rng(0).integers(0, 256, (10, 12, 4), dtype=np.uint8)


@pytest.mark.parametrize("background", ["white", "#204080"])
@pytest.mark.parametrize("channels", [2, 4])
def test_transparency_of_an_array_is_that_of_a_file(
    channels: int, background: str, rgba: Array, tmp_path: Path
) -> None:
    values = rgba[..., -channels:]
    Image.fromarray(values).save(tmp_path / "a.png")
    expected, found = read(tmp_path / "a.png", background), read_image(values, "reference", background)
    assert torch.equal(found.image, expected.image)
    assert (found.bits, found.notes) == (8, (f"the transparent pixels of reference are laid on {background}",))
    deep = read_image(values.astype(np.uint16) * 257, "reference", background)
    floats = read_image((values / 255).astype(np.float32), "reference", background)
    assert deep.bits == floats.bits == 16
    for other in (deep, floats):
        assert torch.allclose(other.image, expected.image, atol=1e-6)


def test_an_opaque_array_loses_nothing(rgba: Array) -> None:
    rgba[..., 3] = 255
    found = read_image(rgba, "image")
    assert found.notes == ()
    assert torch.equal(found.image, read_image(rgba[..., :3], "image").image)


def test_the_range_is_that_of_the_colours_and_not_of_the_alpha(rgba: Array) -> None:
    values = (rgba / 255).astype(np.float32)
    bright = values * np.array([4, 4, 4, 1], np.float32)
    found = read_image(bright, "image", "white", range=4.0)
    assert torch.allclose(found.image, read_image(values, "image", "white").image, atol=1e-6)
    assert [note.partition(" ")[0] for note in found.notes] == ["white", "the"]
    whole = read_image(rgba, "image", "white", range=4.0)
    assert torch.equal(whole.image, read_image(rgba, "image", "white").image)
    assert len(whole.notes) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.ma.masked_greater(np.full((9, 9, 3), 255, np.uint8), 250), "some are masked; fill them"),
        (np.ma.masked_greater(np.ones((9, 9, 3), np.float32), 0.5), "some are masked; fill them"),
        (np.full((9, 9, 4), 2.0), r"must lie in \[0, 1\]"),
        (np.concatenate([np.zeros((9, 9, 3)), np.full((9, 9, 1), np.nan)], axis=-1), "must not contain NaN"),
        (np.zeros((9, 9, 4), np.int32), "got int32"),
        (np.zeros((9, 9, 5), np.uint8), r"got \(9, 9, 5\)"),
        (torch.zeros(1, 3, 9, 9, device="meta"), "meta device, which has no values"),
        (torch.full((1, 3, 9, 9), 1.0004), r"got \[1.0004, 1.0004\]"),
    ],
)
def test_what_is_no_image_gets_a_sentence(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_image(given, "image")


def test_a_masked_array_is_refused_with_a_range_too() -> None:
    with pytest.raises(ValueError, match="are masked"):
        read_image(np.ma.masked_greater(np.ones((9, 9, 3), np.float32), 0.5), "image", range=2.0)


@pytest.mark.parametrize("kind", ["tif", "png", "webp"])
def test_the_frame_that_pillow_shows_is_the_one_that_is_read(kind: str, rgba: Array, tmp_path: Path) -> None:
    frames = [Image.fromarray(rgba[..., :3]), Image.fromarray(255 - rgba[..., :3])]
    options: dict[str, Any] = {"lossless": True} if kind == "webp" else {}
    frames[0].save(tmp_path / f"a.{kind}", save_all=True, append_images=frames[1:], **options)
    with Image.open(tmp_path / f"a.{kind}") as opened:
        for number in (0, 1):
            opened.seek(number)
            assert torch.equal(read_image(opened, "image").image, read_image(frames[number], "image").image), number


def test_a_draft_of_pillow_stays_reduced(tmp_path: Path) -> None:
    Image.effect_noise((96, 64), 50).convert("RGB").save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as opened:
        opened.draft("RGB", (48, 32))
        assert read_image(opened, "image").image.shape[-2:] == (32, 48)


def test_a_url_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match=r"^https://example\.org/a\.png is a URL"):
        read_image("https://example.org/a.png", "reference")
