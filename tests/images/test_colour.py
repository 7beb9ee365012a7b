"""Colour is what the file says: profiles, gamma, code points; the same for files, Pillow's images and any depth."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms, PngImagePlugin
from profiles import ADOBE_RGB, P3, PROPHOTO, SRGB, parametric, power, profile, table

from enhance.images import png, spaces
from enhance.images.arrays import ImageError, to_array
from enhance.images.colour import Colours, said_by
from enhance.images.reading import from_pillow, read
from enhance.images.writing import save_image

SIDE = 16
_LEVELS = np.linspace(40, 215, SIDE * SIDE, dtype=np.uint8).reshape(SIDE, SIDE)
RGB = np.stack([_LEVELS, _LEVELS.T, _LEVELS[::-1]], axis=-1)  # not so vivid that a space would lack it

PROFILES = {
    "Display P3": profile(P3, power(2.2)),
    "linear": profile(SRGB, power(1.0)),
    "ProPhoto": profile(PROPHOTO, power(1.8)),
    "table": profile(P3, table(2.4)),
    "parametric": profile(P3, parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)),
    "parametric, one number": profile(SRGB, parametric(0, 1.8)),
    "parametric, three numbers": profile(SRGB, parametric(1, 2.0, 0.9, 0.1)),
    "parametric, four numbers": profile(SRGB, parametric(2, 2.0, 0.8, 0.1, 0.05)),
}


def seen(profile_bytes: bytes, values: np.ndarray = RGB) -> np.ndarray:
    """What littlecms makes of samples, relative colorimetric with black point compensation."""
    converted = ImageCms.profileToProfile(
        Image.fromarray(values),
        ImageCms.ImageCmsProfile(io.BytesIO(profile_bytes)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return np.asarray(converted)


@pytest.mark.parametrize("kind", PROFILES)
def test_an_rgb_profile_is_converted_at_any_depth(tmp_path: Path, kind: str) -> None:
    expected = seen(PROFILES[kind])
    assert np.abs(expected.astype(int) - RGB).max() > 5
    Image.fromarray(RGB).save(tmp_path / "8.png", icc_profile=PROFILES[kind])
    (tmp_path / "16.png").write_bytes(png.encode(RGB.astype(np.uint16) * 257, PROFILES[kind]))
    tifffile.imwrite(tmp_path / "16.tif", RGB.astype(np.uint16) * 257, photometric="rgb", iccprofile=PROFILES[kind])
    tifffile.imwrite(tmp_path / "float.tif", RGB.astype(np.float32) / 255, photometric="rgb", iccprofile=PROFILES[kind])
    for name in ("8.png", "16.png", "16.tif", "float.tif"):
        found = read(tmp_path / name)
        assert np.abs(to_array(found.image).astype(int) - expected).max() <= 1, name
        assert any("made for a test" in note for note in found.notes), name
        assert found.bits == (8 if name == "8.png" else 16)


def test_a_picture_in_another_space_is_the_same_picture(tmp_path: Path) -> None:
    for space, bits in ((P3, 8), (PROPHOTO, 16)):
        wide = profile(space, power(1.8))
        matrix = np.linalg.inv(np.array(space).T) @ np.array(SRGB).T
        samples = (spaces.srgb(RGB / 255) @ matrix.T).clip(0, 1) ** (1 / 1.8)
        data = (samples * (2**bits - 1)).round()
        if bits == 8:
            Image.fromarray(data.astype(np.uint8)).save(tmp_path / "x.png", icc_profile=wide)
        else:
            (tmp_path / "x.png").write_bytes(png.encode(data.astype(np.uint16), wide))
        found = to_array(read(tmp_path / "x.png").image).astype(int)
        assert np.abs(found - RGB).max() <= (2 if bits == 8 else 1)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("grey", [True, False])
def test_a_grey_picture_with_a_profile(tmp_path: Path, depth: Any, grey: bool) -> None:
    given = profile(None, power(1.0)) if grey else profile(SRGB, power(1.0))
    values = RGB[..., 0].astype(depth) * (257 if depth == np.uint16 else 1)
    Image.fromarray(values).save(tmp_path / "x.png", icc_profile=given)
    expected = seen(profile(SRGB, power(1.0)), RGB[..., :1].repeat(3, -1))
    found = to_array(read(tmp_path / "x.png").image)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_alpha_is_no_colour(tmp_path: Path) -> None:
    alpha = np.full((SIDE, SIDE, 1), 128, np.uint8)
    Image.fromarray(np.concatenate([RGB, alpha], axis=-1)).save(tmp_path / "x.png", icc_profile=PROFILES["linear"])
    found = read(tmp_path / "x.png", background="black").image[0].permute(1, 2, 0).numpy()
    assert np.abs(found - seen(PROFILES["linear"]) / 255 * 128 / 255).max() < 0.005


@pytest.mark.parametrize("kind", ["sRGB", "sRGB by a table"])
def test_srgb_is_left_as_it_is(tmp_path: Path, kind: str) -> None:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if kind != "sRGB":
        curve = b"curv" + bytes(4) + struct.pack(">I", 1024)
        curve += (spaces.srgb(np.linspace(0, 1, 1024)) * 65535).round().astype(">u2").tobytes()
        made = profile(SRGB, curve)
    Image.fromarray(RGB).save(tmp_path / "x.png", icc_profile=made)
    found = read(tmp_path / "x.png")
    assert np.array_equal(to_array(found.image), RGB)
    assert not found.notes


@pytest.mark.parametrize("made", [b"", b"not a profile at all, but long enough to be looked at" * 4])
def test_a_profile_that_does_not_fit_is_ignored_with_a_note(tmp_path: Path, made: bytes) -> None:
    Image.fromarray(RGB).save(tmp_path / "x.png", icc_profile=made or profile(None, power(1.0)))
    found = read(tmp_path / "x.png")
    assert np.array_equal(to_array(found.image), RGB)
    assert "does not fit its samples; it was ignored" in found.notes[0]


def test_a_damaged_profile_is_ignored_with_a_note(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "x.png", icc_profile=PROFILES["linear"][:200])
    found = read(tmp_path / "x.png")
    assert np.array_equal(to_array(found.image), RGB)
    assert "is damaged; it was ignored" in found.notes[0]


def chunks(**content: bytes) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for kind, data in content.items():
        info.add(kind.encode(), data)
    return info


def test_gamma_and_primaries_of_a_png(tmp_path: Path) -> None:
    cases = {
        "linear": (chunks(gAMA=struct.pack(">I", 100000)), seen(profile(SRGB, power(1.0)))),
        "usual": (chunks(gAMA=struct.pack(">I", 45455)), RGB),
        "said to be sRGB": (chunks(gAMA=struct.pack(">I", 100000), sRGB=b"\0"), RGB),
        "P3": (
            chunks(cHRM=struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)),
            seen(PROFILES["parametric"]),
        ),
    }
    for name, (info, expected) in cases.items():
        Image.fromarray(RGB).save(tmp_path / "x.png", pnginfo=info)
        found = read(tmp_path / "x.png")
        assert np.abs(to_array(found.image).astype(int) - expected).max() <= 1, name
        assert bool(found.notes) == (expected is not RGB), name


def with_code_points(primaries: int, transfer: int) -> bytes:
    """A PNG with the chunk cICP, which Pillow does not write."""
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, "PNG")
    data, content = stream.getvalue(), b"cICP" + bytes([primaries, transfer, 0, 1])
    return data[:33] + struct.pack(">I", 4) + content + struct.pack(">I", zlib.crc32(content)) + data[33:]


def test_code_points(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(with_code_points(12, 13))
    assert np.abs(to_array(read(tmp_path / "x.png").image).astype(int) - seen(PROFILES["parametric"])).max() <= 1
    (tmp_path / "x.png").write_bytes(with_code_points(1, 13))
    assert np.array_equal(to_array(read(tmp_path / "x.png").image), RGB)


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_refused_by_name(tmp_path: Path, transfer: int, name: str) -> None:
    (tmp_path / "x.png").write_bytes(with_code_points(9, transfer))
    Image.fromarray(RGB).save(tmp_path / "y.png", icc_profile=profile(P3, power(2.2), f"Rec2020 {name}"))
    for file in ("x.png", "y.png"):
        with pytest.raises(ImageError, match=rf"high dynamic range \({name}\).*tone-map"):
            read(tmp_path / file)


def test_adobe_rgb_of_cameras_is_said_by_exif(tmp_path: Path) -> None:
    def directory(tag: int, kind: int, count: int, value: bytes) -> bytes:
        return struct.pack(">HHHI", 1, tag, kind, count) + value + bytes(4)

    exif = b"Exif\0\0MM\0*" + struct.pack(">I", 8) + directory(0x8769, 4, 1, struct.pack(">I", 26))
    exif += directory(0xA005, 4, 1, struct.pack(">I", 44)) + directory(1, 2, 4, b"R03\0")
    Image.fromarray(RGB).save(tmp_path / "x.jpg", quality=100, subsampling=0, exif=exif)
    with Image.open(tmp_path / "x.jpg") as opened:
        decoded = np.asarray(opened)
    found = read(tmp_path / "x.jpg")
    assert "Adobe RGB" in found.notes[0]
    expected = seen(profile(ADOBE_RGB, power(2.19921875)), decoded)
    assert np.abs(to_array(found.image).astype(int) - expected).max() <= 1


def test_a_pillow_image_is_read_as_its_file_is(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    clear = Image.fromarray(RGB[:, :12]).convert("RGBA")
    clear.putalpha(100)
    clear.save(tmp_path / "x.png", exif=exif, icc_profile=PROFILES["linear"])
    (tmp_path / "deep.png").write_bytes(png.encode(RGB.astype(np.uint16) * 255 + 3, PROFILES["Display P3"]))
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "x.tif")
    for name in ("x.png", "deep.png", "x.tif"):
        by_name = read(tmp_path / name, background="navy")
        with Image.open(tmp_path / name) as opened:
            by_pillow = from_pillow(opened, background="navy")
            assert torch.equal(by_pillow.image, by_name.image)
            assert by_pillow.bits == by_name.bits
            opened.load()
            in_memory = from_pillow(opened, background="navy")
        assert torch.allclose(in_memory.image, by_name.image, atol=0.02), name  # 8 bits of 16, close to black
        assert len(in_memory.notes) >= len(by_name.notes) - 1


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_what_is_written_says_that_it_is_srgb(tmp_path: Path, suffix: str) -> None:
    save_image(torch.rand(1, 3, 16, 16), tmp_path / f"x{suffix}")
    with Image.open(tmp_path / f"x{suffix}") as opened:
        assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(opened.info["icc_profile"])))
    assert not read(tmp_path / f"x{suffix}").notes


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_written_and_read_back(tmp_path: Path, suffix: str, generator: torch.Generator) -> None:
    image = torch.rand(1, 3, 17, 23, generator=generator)
    save_image(image, tmp_path / f"x{suffix}", bits=16)
    found = read(tmp_path / f"x{suffix}")
    assert (found.image - image).abs().max() <= 0.5 / 65535 + 1e-6
    assert found.bits == 16


def test_bits_that_a_format_lacks_are_refused(tmp_path: Path) -> None:
    for name, bits in (("x.jpg", 16), ("x.png", 12)):
        with pytest.raises(ImageError, match=f"bits={bits}"):
            save_image(torch.rand(1, 3, 16, 16), tmp_path / name, bits)


def test_values_outside_the_range_are_refused_with_the_way_back(tmp_path: Path) -> None:
    image = torch.rand(1, 3, 16, 16)
    for values, remedy in (
        (2 * image - 1, r"\(image \+ 1\) / 2"),
        (image * 1.9, "Divide|Rescale"),
        (image - 0.02, "clamp"),
    ):
        with pytest.raises(ImageError, match=remedy):
            save_image(values, tmp_path / "x.png")
    save_image(image * 1.0005, tmp_path / "x.png")  # rounding


@pytest.mark.parametrize(
    ("codes", "hdr", "named"), [((9, 16), "PQ", ""), ((9, 18), "HLG", ""), ((12, 13), "", "12/13")]
)
def test_code_points_of_heic_are_honoured(codes: tuple[int, int], hdr: str, named: str) -> None:
    picture = Image.new("RGB", (8, 8))
    picture.info["nclx_profile"] = dict(zip(("color_primaries", "transfer_characteristics"), codes, strict=True))
    found = said_by(picture)
    assert (found.hdr, named in found.name) == (hdr, True)
    picture.info["nclx_profile"] = {"color_primaries": 1, "transfer_characteristics": 13}
    assert said_by(picture) == Colours()
