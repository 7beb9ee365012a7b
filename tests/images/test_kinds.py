"""Every kind of file that the libraries read, and the names of those that they do not."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from enhance.images import decoding, jpeg2000, kinds
from enhance.images.arrays import ImageError, to_array
from enhance.images.reading import read
from enhance.images.suffixes import EXTRAS, Extra

_LEVELS = np.linspace(0, 255, 24 * 20, dtype=np.uint8).reshape(20, 24)
RGB = np.stack([_LEVELS, _LEVELS[::-1], _LEVELS[:, ::-1]], axis=-1)
DEEP = RGB.astype(np.uint16) * 250 + 77

LOSSLESS: dict[str, tuple[str, dict[str, Any]]] = {
    "x.ppm": ("PPM", {}),
    "x.pnm": ("PPM", {}),
    "x.tga": ("TGA", {}),
    "x.dib": ("DIB", {}),
    "x.jp2": ("JPEG2000", {}),
    "x.j2k": ("JPEG2000", {"no_jp2": True}),
    "x.qoi": ("QOI", {}),
    "x.jfif": ("JPEG", {"quality": 100, "subsampling": 0}),
    "x.mpo": ("MPO", {"quality": 100, "subsampling": 0}),
    "x.avif": ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_every_kind_is_read(tmp_path: Path, name: str) -> None:
    kind, settings = LOSSLESS[name]
    if name == "x.avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    try:
        Image.fromarray(RGB).save(tmp_path / name, kind, **settings)
    except KeyError:
        pytest.skip(f"this Pillow does not write {kind}")
    found = to_array(read(tmp_path / name).image).astype(int)
    most = 0 if kind in ("PPM", "TGA", "DIB", "JPEG2000", "QOI") else 8
    assert np.abs(found - RGB).max() <= most


@pytest.mark.parametrize("top", [1023, 65535])
def test_netpbm_keeps_its_depth(tmp_path: Path, top: int) -> None:
    for kind, values in ((b"P6", DEEP), (b"P5", DEEP[..., :1])):
        head = kind + b" # a comment\n# another\n24 20\n%d\n" % top
        values = np.minimum(values, top)
        (tmp_path / "x.ppm").write_bytes(head + values.astype(">u2").tobytes())
        found = read(tmp_path / "x.ppm")
        expected = np.broadcast_to(values / top, (20, 24, 3))
        assert np.allclose(found.image[0].permute(1, 2, 0), expected, atol=1e-6)
        assert found.bits == 16
        (tmp_path / "x.ppm").write_bytes(head + values.astype(">u2").tobytes()[:-1])
        with pytest.raises(ImageError, match="cut short"):
            read(tmp_path / "x.ppm")


@pytest.mark.parametrize("order", ["<", ">"])
def test_floats_of_a_pfm(tmp_path: Path, order: str) -> None:
    values = (RGB / 255).astype(np.float32)
    head = b"PF\n24 20\n%s1.0\n" % (b"-" if order == "<" else b"")
    (tmp_path / "x.pfm").write_bytes(head + values[::-1].astype(f"{order}f4").tobytes())
    assert np.allclose(read(tmp_path / "x.pfm").image[0].permute(1, 2, 0), values)
    (tmp_path / "x.pfm").write_bytes(head + (values * 5).astype(f"{order}f4").tobytes())
    with pytest.raises(ImageError, match=r"floats in \[0, 5\].*range=5"):
        read(tmp_path / "x.pfm")


def box(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + bytes(4) + brand + b"\0\0\0\0"


NOT_READ = {
    "page.jpg": (b"\n <!DOCTYPE html><title>404</title>", "a web page"),
    "pointer.png": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer.*git lfs pull"),
    "clip.png": (box(b"isom"), "a video"),
    "clip.mkv": (b"\x1aE\xdf\xa3" + bytes(40), "a video"),
    "clip.avi": (b"RIFF" + bytes(4) + b"AVI LIST", "a video"),
    "photo.heic": (box(b"heic"), r"HEIC, read after pip install 'enhance\[heic\]'"),
    "photo.jxl": (b"\xff\x0a" + bytes(20), r"JPEG XL, read after pip install 'enhance\[jxl\]'"),
    "photo.nef": (b"MM\0*" + bytes(40), r"camera RAW, read after pip install 'enhance\[raw\]'"),
    "scene.exr": (b"\x76\x2f\x31\x01" + bytes(40), r"OpenEXR, read after pip install 'enhance\[hdr\]'"),
    "scene.hdr": (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", r"Radiance HDR, read after pip install 'enhance\[hdr\]'"),
    "twelve.jpg": (b"\xff\xd8\xff\xe0\0\4ab\xff\xc1\0\x11\x0c" + bytes(40), "JPEG of 12 bits"),
    "drawing.png": (b"<?xml version='1.0'?><svg xmlns='...'/>", "SVG"),
    "paper.png": (b"%PDF-1.7", "a PDF"),
    "array.png": (b"\x93NUMPY\1\0", "a NumPy array"),
    "words.png": ("Wörter".encode() * 300, "a text file, not an image; PNG, JPEG.* can be read"),
    "noise.png": (b"\x00\x01\x02\x03" * 30, "not an image; PNG, JPEG.* can be read"),
}


@pytest.mark.parametrize("name", NOT_READ)
def test_what_is_not_read_is_called_by_its_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enhance.images.suffixes.find_spec", lambda module: None)
    content, sentence = NOT_READ[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=sentence) as error:
        read(tmp_path / name)
    assert "\n" not in str(error.value)


def test_an_extra_that_is_installed_reads_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Raw:
        def __enter__(self) -> Raw:
            return self

        def __exit__(self, *_: object) -> None: ...

        def postprocess(self, **_: object) -> np.ndarray:
            return DEEP

    monkeypatch.setattr("enhance.images.suffixes.find_spec", lambda module: object())
    monkeypatch.setitem(sys.modules, "rawpy", types.SimpleNamespace(imread=lambda path: Raw()))  # type: ignore[arg-type]
    (tmp_path / "photo.dng").write_bytes(b"II*\0" + bytes(40))
    found = read(tmp_path / "photo.dng")
    assert np.allclose(found.image[0].permute(1, 2, 0), DEEP / 65535, atol=1e-6)
    assert "developed" in found.notes[0]


def test_heif_brands_are_distinguished_from_avif_and_video() -> None:
    assert kinds.needed(Path("x"), box(b"mif1")) is EXTRAS[".heic"]
    assert kinds.needed(Path("x"), b"\0\0\0\x1cftypmif1" + bytes(4) + b"mif1avif" + bytes(8)) is None
    assert kinds.needed(Path("x"), box(b"mp42")) is None


@pytest.mark.parametrize("settings", [{}, {"progressive": True}, {"quality": 30}])
def test_a_jpeg_is_read_without_its_end_marker_and_only_that(tmp_path: Path, settings: dict[str, Any]) -> None:
    Image.fromarray(RGB).save(tmp_path / "whole.jpg", **settings)
    whole, expected = (tmp_path / "whole.jpg").read_bytes(), read(tmp_path / "whole.jpg").image
    for cut in (1, 2):
        (tmp_path / "cut.jpg").write_bytes(whole[:-cut])
        found = read(tmp_path / "cut.jpg")
        assert (found.image == expected).all()
        assert "end marker of cut.jpg is missing" in found.notes[0]
    for cut in (3, 4, 10, 60):
        (tmp_path / "cut.jpg").write_bytes(whole[:-cut])
        with pytest.raises(ImageError, match="cut short"):
            read(tmp_path / "cut.jpg")


def test_depth_that_pillow_loses_is_said(tmp_path: Path) -> None:
    Image.fromarray(DEEP[..., 0]).save(tmp_path / "grey.jp2")
    found = read(tmp_path / "grey.jp2")
    assert np.abs(found.image[0, 0].numpy() - DEEP[..., 0] / 65535).max() < 1e-6
    assert found.notes[0] == "16 bits a channel were kept"
    assert kinds_bits("JPEG2000", b"\xff\x4f\xff\x51" + bytes(38) + b"\x0b") == 12
    assert kinds_bits("AVIF", b"....av1C\x81\x04\x4c\x00") == 10
    assert kinds_bits("AVIF", b"....av1C\x81\x04\x6c\x00") == 12
    assert kinds_bits("AVIF", b"....av1C\x81\x04\x0c\x00") == 8


def test_deep_colour_of_jpeg_2000_is_not_left_to_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(RGB).save(tmp_path / "deep.jp2")
    monkeypatch.setattr(decoding, "_bits", lambda kind, head: 16)
    monkeypatch.setattr(jpeg2000, "RADIANCE", Extra("Radiance HDR", "not_here", "hdr"))
    with pytest.raises(ImageError, match=r"JPEG 2000 of 16 bits a channel, read after pip install 'enhance\[hdr\]'"):
        read(tmp_path / "deep.jp2")
    codecs = types.ModuleType("codecs")
    codecs.jpeg2k_decode = lambda data: DEEP  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "enhance_codecs", codecs)
    monkeypatch.setattr(jpeg2000, "RADIANCE", types.SimpleNamespace(module="enhance_codecs", installed=True))
    found = read(tmp_path / "deep.jp2")
    assert (found.bits, found.notes) == (16, ("16 bits a channel were kept",))
    assert np.abs(found.image[0].permute(1, 2, 0).numpy() - DEEP / 65535).max() < 1e-6
    monkeypatch.setattr(jpeg2000, "_space", lambda head: 18)
    with pytest.raises(ImageError, match="not in RGB"):
        read(tmp_path / "deep.jp2")


def kinds_bits(kind: str, head: bytes) -> int:
    from enhance.images.decoding import _bits

    return _bits(kind, head)
