"""Ten random files of each kind, read here and by a second decoder, imagecodecs: alike to the last value."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from enhance.images.reading import read

pytestmark = pytest.mark.slow
codecs: Any = pytest.importorskip("imagecodecs")
Array = np.ndarray[Any, Any]


def photo(seed: int, channels: int = 3) -> Array:
    """Random smooth pixels with some noise, of a random size."""
    draw = np.random.default_rng(seed)
    height, width = draw.integers(9, 90, 2)
    coarse = draw.integers(0, 256, (height // 6 + 2, width // 6 + 2, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    noisy = (smooth + draw.normal(0, 6, smooth.shape)).clip(0, 255).astype(np.uint8)
    return noisy if channels == 3 else noisy[..., 0]


def deep(seed: int) -> Array:
    values = photo(seed).astype(np.uint16) * 256
    return values + np.random.default_rng(seed).integers(0, 256, values.shape, dtype=np.uint16)


def pillow(kind: str, grey: bool = False, **settings: Any) -> Callable[[int], bytes]:
    def make(seed: int) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(photo(seed, 1 if grey else 3)).save(stream, kind, **settings)
        return stream.getvalue()

    return make


def tiff(deep_samples: bool = True, **settings: Any) -> Callable[[int], bytes]:
    def make(seed: int) -> bytes:
        stream = io.BytesIO()
        tifffile.imwrite(stream, deep(seed) if deep_samples else photo(seed), photometric="rgb", **settings)
        return stream.getvalue()

    return make


def _tiff_float(seed: int) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, (photo(seed) / 255).astype(np.float16), photometric="rgb")
    return stream.getvalue()


def _tiff_planes(seed: int) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, deep(seed).transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    return stream.getvalue()


def _clear(kind: str, **settings: Any) -> Callable[[int], bytes]:
    """Files with an alpha channel."""

    def make(seed: int) -> bytes:
        values = photo(seed)
        alpha = np.random.default_rng(seed).integers(0, 256, (*values.shape[:2], 1), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(np.concatenate([values, alpha], axis=-1)).save(stream, kind, **settings)
        return stream.getvalue()

    return make


def _clear_palette(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(photo(seed)).quantize(64).save(stream, "PNG", transparency=bytes(range(0, 256, 4)))
    return stream.getvalue()


def _light(seed: int) -> bytes:
    """A PNG of 16 bits in linear light, as its gAMA says."""
    data, chunk = bytes(codecs.png_encode(deep(seed))), b"gAMA" + (100000).to_bytes(4)
    return data[:33] + (4).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4) + data[33:]


def _pfm(seed: int) -> bytes:
    values = (photo(seed) / 255).astype("<f4")
    return b"PF\n%d %d\n-1.0\n" % (values.shape[1], values.shape[0]) + values[::-1].tobytes()


def _of_pfm(data: bytes) -> Array:
    width, height = map(int, data.split(b"\n")[1].split())
    return np.frombuffer(data[-width * height * 12 :], "<f4").reshape(height, width, 3)[::-1]


def _numpy(decoder: str, **settings: Any) -> Callable[[bytes], Array]:
    return lambda data: np.asarray(getattr(codecs, decoder)(data, **settings))


def _tiff(data: bytes) -> Array:
    return np.asarray(codecs.tiff_decode(data))


KINDS: dict[str, tuple[Callable[[int], bytes], Callable[[bytes], Array]]] = {
    "png": (pillow("PNG"), _numpy("png_decode")),
    "grey.png": (pillow("PNG", grey=True), _numpy("png_decode")),
    "deep.png": (lambda seed: codecs.png_encode(deep(seed)), _numpy("png_decode")),
    "jpg": (pillow("JPEG", quality=90, subsampling=0), _numpy("jpeg8_decode")),
    "progressive.jpg": (pillow("JPEG", quality=70, progressive=True, subsampling=2), _numpy("jpeg8_decode")),
    "grey.jpg": (pillow("JPEG", grey=True, quality=50), _numpy("jpeg8_decode")),
    "webp": (pillow("WEBP", quality=80), _numpy("webp_decode")),
    "lossless.webp": (pillow("WEBP", lossless=True), _numpy("webp_decode")),
    "avif": (pillow("AVIF", quality=80), _numpy("avif_decode")),
    "bmp": (pillow("BMP"), _numpy("bmp_decode")),
    "gif": (pillow("GIF"), _numpy("gif_decode")),
    "qoi": (lambda seed: codecs.qoi_encode(photo(seed)), _numpy("qoi_decode")),
    "jp2": (lambda seed: codecs.jpeg2k_encode(photo(seed), level=0), _numpy("jpeg2k_decode")),
    "lossy.jp2": (lambda seed: codecs.jpeg2k_encode(photo(seed), level=35), _numpy("jpeg2k_decode")),
    "deep.jp2": (lambda seed: codecs.jpeg2k_encode(deep(seed), level=0), _numpy("jpeg2k_decode")),
    "grey.jp2": (lambda seed: codecs.jpeg2k_encode(deep(seed)[..., 0], level=0), _numpy("jpeg2k_decode")),
    "raw.tif": (tiff(), _tiff),
    "big-endian.tif": (tiff(byteorder=">"), _tiff),
    "lzw16.tif": (tiff(compression="lzw", predictor=True), _tiff),
    "jpeg.tif": (tiff(deep_samples=False, compression="jpeg", compressionargs={"level": 90}), _tiff),
    "zip.tif": (tiff(compression="zlib", predictor=True), _tiff),
    "lzw.tif": (tiff(deep_samples=False, compression="lzw"), _tiff),
    "tiles.tif": (tiff(tile=(32, 32), compression="zlib"), _tiff),
    "separate.tif": (_tiff_planes, lambda data: tifffile.imread(io.BytesIO(data)).transpose(1, 2, 0)),
    "planes.tif": (pillow("TIFF", compression="packbits"), _tiff),
    "half.tif": (_tiff_float, lambda data: tifffile.imread(io.BytesIO(data))),
    "clear.png": (_clear("PNG"), _numpy("png_decode")),
    "palette.png": (_clear_palette, _numpy("png_decode")),
    "clear.webp": (_clear("WEBP", quality=60), _numpy("webp_decode")),
    "clear.avif": (_clear("AVIF", quality=80), _numpy("avif_decode")),
    "clear.jp2": (_clear("JPEG2000"), _numpy("jpeg2k_decode")),
    "light.png": (_light, _numpy("png_decode")),
    "pfm": (_pfm, _of_pfm),
    "hdr": (lambda seed: codecs.rgbe_encode((photo(seed) / 255).astype(np.float32)), _numpy("rgbe_decode")),
}


def unit(values: Array, name: str) -> Array:
    """What a second decoder found as RGB (H, W, 3) in [0, 1], on white; light is encoded as sRGB."""
    plain = values if values.dtype.kind == "f" else values / np.float64(np.iinfo(values.dtype).max)
    plain = plain.astype(np.float64)
    if name in ("hdr", "light.png"):
        plain = np.where(plain <= 0.0031308, 12.92 * plain, 1.055 * plain.clip(0) ** (1 / 2.4) - 0.055)
    if plain.ndim == 3 and plain.shape[-1] == 4:
        plain = plain[..., :3] * plain[..., 3:] + 1 - plain[..., 3:]
    plain = plain[..., None] if plain.ndim == 2 else plain
    return np.broadcast_to(plain, (*plain.shape[:2], 3))


@pytest.mark.parametrize("name", KINDS)
def test_two_decoders_agree(name: str, tmp_path: Path) -> None:
    make, decode = KINDS[name]
    worst = 0.0
    for seed in range(10):
        file = tmp_path / f"{seed}.{name}"
        file.write_bytes(bytes(make(seed)))
        found = read(file).image[0].permute(1, 2, 0).numpy()
        other = unit(decode(file.read_bytes()), name)
        assert found.shape == other.shape
        worst = max(worst, 255 * float(np.abs(found - other).max()))
    assert worst < 1e-3, f"{worst:.3g} of 255 levels"
