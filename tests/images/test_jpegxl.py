"""JPEG XL: every bit of the first frame, upright, in the colours that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from enhance.images import jpegxl
from enhance.images.arrays import ImageError
from enhance.images.jpegxl import Header, header
from enhance.images.reading import read
from enhance.images.suffixes import Extra

DEEP = (np.arange(192).reshape(8, 8, 3) * 341).astype(np.uint16)
HEAD = bytes.fromhex("ff0a41f00350b40808040100a0024b3840b94da7ec0e0ebe")  # of DEEP, lossless
CLOSE = 3e-4  # the primaries of a profile are rounded; 8 bits would be out by 2e-3
_SIZE, _TRANSFER, _COLOURS = 9, 35, 41  # bits of HEAD up to these fields or, the last, with them


@pytest.fixture
def codecs() -> Any:
    pytest.importorskip("pillow_jxl")
    return pytest.importorskip("imagecodecs")


def turned(data: bytes, orientation: int) -> bytes:
    """A file like DEEP's with an orientation in its header."""
    fields = int.from_bytes(data[2:8], "little")
    extra = 1 | (orientation - 1) << 1  # then no intrinsic size, no preview, no animation
    start, middle = fields & ((1 << 10) - 1), (fields >> 11) & ((1 << _COLOURS - 11) - 1)
    made = start | extra << 10 | middle << 17 | 1 << _COLOURS + 6 | (fields >> _COLOURS) << _COLOURS + 7
    return data[:2] + made.to_bytes(7, "little") + data[8:]


def codestream(data: bytes) -> bytes:
    return data[data.find(b"\xff\x0a") :]


def linear(values: Any) -> Any:
    """What is shown of linear light."""
    values = np.asarray(values, dtype=np.float64)
    return np.where(values <= 0.0031308, 12.92 * values, 1.055 * values ** (1 / 2.4) - 0.055)


def shown(found: Any) -> Any:
    return found.image[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("container", [False, True])
@pytest.mark.parametrize("bits", [12, 16])
def test_all_bits_are_kept(codecs: Any, tmp_path: Path, bits: int, container: bool) -> None:
    values = DEEP >> (16 - bits)
    file = tmp_path / "x.jxl"
    file.write_bytes(codecs.jpegxl_encode(values, lossless=True, bitspersample=bits, usecontainer=container))
    found = read(file)
    assert (found.bits, found.notes[0]) == (16, f"{bits} bits a channel were kept")
    assert np.abs(shown(found) - linear(values / (2**bits - 1))).max() < CLOSE  # its profile is linear


def test_grey_and_alpha_of_16_bits(codecs: Any, tmp_path: Path) -> None:
    (tmp_path / "grey.jxl").write_bytes(codecs.jpegxl_encode(DEEP[..., 0] >> 4, lossless=True, bitspersample=12))
    assert np.abs(shown(read(tmp_path / "grey.jxl"))[..., 0] - linear((DEEP[..., 0] >> 4) / 4095)).max() < CLOSE
    clear = np.dstack([DEEP, np.full((8, 8), 65535 // 3, np.uint16)])
    (tmp_path / "clear.jxl").write_bytes(codecs.jpegxl_encode(clear, lossless=True))
    assert np.abs(shown(read(tmp_path / "clear.jxl")) - (linear(DEEP / 65535) / 3 + 2 / 3)).max() < CLOSE


def test_floats_have_the_white_that_range_names(codecs: Any, tmp_path: Path) -> None:
    values = (DEEP / 65535 * 4).astype(np.float32)
    (tmp_path / "x.jxl").write_bytes(codecs.jpegxl_encode(values, lossless=True))
    with pytest.raises(ImageError, match=r"floats in \[0, 3\.9.*range="):
        read(tmp_path / "x.jxl")
    assert np.abs(shown(read(tmp_path / "x.jxl", range=4)) - linear(values / 4)).max() < CLOSE


def test_of_several_frames_the_first_is_read(codecs: Any, tmp_path: Path) -> None:
    frames = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (10, 100, 200)])
    (tmp_path / "x.jxl").write_bytes(codecs.jpegxl_encode(frames, lossless=True))
    found = read(tmp_path / "x.jxl")
    assert (found.bits, found.notes) == (8, ("the first frame of x.jxl is used",))
    assert np.allclose(255 * shown(found), 10)


@pytest.mark.parametrize("orientation", [2, 6, 8])
def test_the_orientation_is_applied_once(codecs: Any, tmp_path: Path, orientation: int) -> None:
    plain = codestream(codecs.jpegxl_encode(DEEP, lossless=True))
    exif = Image.Exif()
    exif[274] = orientation
    upright = codecs.jpegxl_decode(turned(plain, orientation))
    assert not (upright == DEEP).all()
    (tmp_path / "x.jxl").write_bytes(boxed(turned(plain, orientation), exif.tobytes()))
    found = read(tmp_path / "x.jxl")
    assert "the orientation is honoured" in found.notes
    assert np.abs(shown(found) - linear(upright / 65535)).max() < CLOSE
    (tmp_path / "x.jxl").write_bytes(boxed(plain, exif.tobytes()))
    found = read(tmp_path / "x.jxl")
    assert "the EXIF orientation of x.jxl contradicts that of JPEG XL, which counts" in found.notes
    assert np.abs(shown(found) - linear(DEEP / 65535)).max() < CLOSE


def boxed(data: bytes, exif: bytes) -> bytes:
    """A container of a codestream and EXIF data."""
    boxes = [(b"ftyp", b"jxl \0\0\0\0jxl "), (b"Exif", bytes(4) + exif.removeprefix(b"Exif\0\0")), (b"jxlc", data)]
    body = b"".join((len(content) + 8).to_bytes(4) + name + content for name, content in boxes)
    return b"\0\0\0\x0cJXL \r\n\x87\n" + body


@pytest.mark.parametrize(("code", "name"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_refused_by_name(codecs: Any, tmp_path: Path, code: int, name: str) -> None:
    data = bytearray(codestream(codecs.jpegxl_encode(DEEP, lossless=True)))
    fields = int.from_bytes(data[2:8], "little")
    if code == 16:  # 2 and four bits
        fields = fields & ~(15 << _TRANSFER) | (code - 2) << _TRANSFER
    else:  # 18 and six bits, two more
        low, high = fields & ((1 << _TRANSFER - 2) - 1), fields >> _TRANSFER + 4
        fields = low | 3 << _TRANSFER - 2 | high << _TRANSFER + 6
    (tmp_path / "x.jxl").write_bytes(data[:2] + fields.to_bytes(6, "little") + data[8:])
    with pytest.raises(ImageError, match=rf"high dynamic range \({name}\)"):
        read(tmp_path / "x.jxl")


def test_the_header_says_depth_orientation_and_frames() -> None:
    assert header(HEAD) == Header(16)
    assert header(turned(HEAD, 6)) == Header(16, orientation=6)
    assert header(b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(4) + b"jxlp" + bytes(4) + HEAD) == Header(16)
    assert header(b"\xff\x0a" + (1 << _SIZE).to_bytes(2, "little")) == Header()
    for damaged in (b"", HEAD[:2], b"\xff\x0a" + b"\xff" * 40, b"jxlc"):
        assert 1 <= header(damaged).bits <= 64


def test_without_the_library_many_bits_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpegxl, "RADIANCE", Extra("Radiance HDR", "not_here", "hdr"))
    with pytest.raises(ImageError, match=r"JPEG XL of 16 bits a channel, read after pip install 'enhance\[jxl\]'"):
        jpegxl.whole_jpeg_xl(tmp_path / "x.jxl", Header(16), None, [])
    with pytest.raises(ImageError, match="JPEG XL of several frames"):
        jpegxl.whole_jpeg_xl(tmp_path / "x.jxl", Header(animated=True), None, [])
