"""Samples of a video as RGB: depth, range and matrix by the formulas of ITU-T H.273, and not by ffmpeg, whose 16-bit
RGB has its white at 65280.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from enhance.images import spaces
from enhance.images.arrays import Array, from_array
from enhance.images.spaces import Space
from enhance.video import VideoError
from enhance.video.stream import Stream

# Shares of red and blue in luma, by ffmpeg's names.
_MATRICES = {
    "bt709": (0.2126, 0.0722),
    "smpte170m": (0.299, 0.114),
    "bt470bg": (0.299, 0.114),
    "fcc": (0.3, 0.11),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
}
_TITLES = {"bt709": "BT.709", "smpte170m": "BT.601", "bt470bg": "BT.601", "bt2020nc": "BT.2020"}
_HDR = {"smpte2084": "PQ", "arib-std-b67": "HLG"}
_PRIMARIES = {"bt2020": (spaces.BT2020, "BT.2020"), "smpte432": (spaces.DISPLAY_P3, "Display P3")}
_CURVES = {"linear": spaces.gamma(1.0), "bt470m": spaces.gamma(2.2), "gamma22": spaces.gamma(2.2)}
_HD = 720  # lines, from which untagged video is BT.709 by convention

_YUV = re.compile(r"(yuv|nv\d|p[024]\d\d|y2\d\d|uyvy|yvyu|xv|vuy|ayuv)")
_GREY = re.compile(r"(gray|ya\d|monob|monow)")
_RGB = re.compile(r"(rgb|bgr|gbr|argb|abgr|0rgb|0bgr|x2rgb|x2bgr|pal8)")
_ALPHA = re.compile(r"(yuva|ya\d|argb|abgr|rgba|bgra|gbrap|ayuv|vuya|pal8)")
_DEPTHS = (8, 9, 10, 12, 14, 16)


@dataclass(frozen=True)
class Signal:
    """How the samples of a video become RGB.

    Attributes:
        kind: yuv, grey or rgb.
        bits: of a sample.
        full: whether the samples use the whole range.
        matrix: shares of red and blue in luma.
        space: of the colours, where it is not sRGB.
        notes: what was assumed or converted, in sentences.
    """

    kind: str
    bits: int
    full: bool
    matrix: tuple[float, float]
    space: Space | None = None
    notes: tuple[str, ...] = ()

    @property
    def decoded_as(self) -> str:
        """The pixel format that ffmpeg is asked for: planes of the same depth and range, none of them subsampled."""
        name = {"yuv": "yuv444p", "grey": "gray", "rgb": "gbrp"}[self.kind]
        return name if self.bits == 8 else f"{name}{self.bits}le"

    @property
    def planes(self) -> int:
        """How many planes a frame has."""
        return 1 if self.kind == "grey" else 3

    def image(self, planes: Array) -> Tensor:
        """RGB (1, 3, H, W) in [0, 1] of the planes (1 or 3, H, W) of a frame; what is beyond white or black is clipped.

        Limited range: Y' = (y - 16 u) / 219 u and C = (c - 128 u) / 224 u with u = 2^(bits - 8); full range:
        Y' = y / (2^bits - 1) and C = (c - 2^(bits - 1)) / (2^bits - 1). Then R = Y' + 2 (1 - kr) Cr,
        B = Y' + 2 (1 - kb) Cb, G = (Y' - kr R - kb B) / (1 - kr - kb).
        """
        samples = torch.from_numpy(planes.astype(np.float32))
        if self.kind == "yuv":
            rgb = self._rgb(samples)
        else:
            rgb = self._luma(samples)[[2, 0, 1] if self.kind == "rgb" else [0, 0, 0]]  # planes of RGB are G, B, R
        rgb = rgb.clamp(0, 1)
        if self.space is None:
            return rgb[None]
        return from_array(self.space.to_srgb(rgb.permute(1, 2, 0).numpy()))

    def _luma(self, samples: Tensor) -> Tensor:
        unit = 2 ** (self.bits - 8)
        return samples / (2**self.bits - 1) if self.full else (samples - 16 * unit) / (219 * unit)

    def _rgb(self, samples: Tensor) -> Tensor:
        luma = self._luma(samples[0])
        extent = 2**self.bits - 1 if self.full else 224 * 2 ** (self.bits - 8)
        blue_difference, red_difference = (samples[1:] - 2 ** (self.bits - 1)) / extent
        red_share, blue_share = self.matrix
        red = luma + 2 * (1 - red_share) * red_difference
        blue = luma + 2 * (1 - blue_share) * blue_difference
        green = (luma - red_share * red - blue_share * blue) / (1 - red_share - blue_share)
        return torch.stack([red, green, blue])


def signals(reference: Stream, image: Stream) -> tuple[Signal, Signal]:
    """The signals of two videos that are compared: what one does not say of its matrix is taken from the other, and
    where neither says it from the size.

    Raises:
        VideoError: for high dynamic range, and for pixel formats and matrices that have no formula here.
    """
    lines = max(reference.height, image.height)
    return _signal(reference, image, lines), _signal(image, reference, lines)


def _signal(stream: Stream, other: Stream, lines: int) -> Signal:
    name = stream.path.name
    if stream.transfer in _HDR:
        raise VideoError(
            f"{name} is in high dynamic range ({_HDR[stream.transfer]}), for which [0, 1] has no meaning; tone-map it "
            "to BT.709 first."
        )
    kind = _kind(stream)
    notes = []
    full = stream.range == "full" if stream.range else kind != "yuv" or stream.pixel_format.startswith("yuvj")
    matrix, source = _matrix(stream, other, lines)
    if kind == "yuv":
        samples = f"{'full' if full else 'limited'} range" + ("" if stream.range else " (not tagged)")
        notes.append(f"{name}: {_bits(stream)} bits, {samples}, {_TITLES.get(matrix, matrix)}{source}")
    else:
        notes.append(f"{name}: {kind}, {_bits(stream)} bits, {'full' if full else 'limited'} range")
    if _ALPHA.match(stream.pixel_format):
        notes.append(f"{name} has an alpha channel, which is not used")
    if stream.interlaced:
        notes.append(f"{name} is interlaced; frames are compared as they are woven of two fields")
    space = _space(stream)
    if space is not None:
        notes.append(f"{name} is converted to sRGB from {_PRIMARIES.get(stream.primaries, (0, stream.transfer))[1]}")
    return Signal(kind, _bits(stream), full, _MATRICES.get(matrix, (0.0, 0.0)), space, tuple(notes))


def _kind(stream: Stream) -> str:
    kinds = {"yuv": _YUV, "grey": _GREY, "rgb": _RGB}
    kind = next((kind for kind, pattern in kinds.items() if pattern.match(stream.pixel_format)), None)
    if kind is None or _bits(stream) not in _DEPTHS:
        raise VideoError(
            f"{stream.path.name} has the pixel format {stream.pixel_format}, which is not read; convert it, e.g. with "
            "ffmpeg -i IN -pix_fmt yuv444p10le OUT.mkv."
        )
    return kind


def _bits(stream: Stream) -> int:
    """Bits of a sample, by the name of the pixel format."""
    name = stream.pixel_format
    if re.match(r"x2(rgb|bgr)10|xv30|v30x|nv20", name):
        return 10
    if re.match(r"(rgb|bgr)(48|a64)|(rgba|bgra)64|ya16|.*f(16|32)(le|be)", name):
        return 16
    if packed := re.match(r"(?:p[024]|y2)(\d\d)|xv(36|48)", name):
        return int(packed[1]) if packed[1] else int(packed[2]) // 3
    planar = re.search(r"(?:p|gray)(\d+)(?:le|be|msble|msbbe)?$", name)
    return int(planar[1]) if planar else 8


def _matrix(stream: Stream, other: Stream, lines: int) -> tuple[str, str]:
    """The name of the matrix, and where it is from."""
    if _kind(stream) != "yuv":
        return "", ""
    for tag, source in ((stream.matrix, ""), (other.matrix, f" (not tagged; that of {other.path.name})")):
        if tag in _MATRICES:
            return tag, source
        if tag not in ("", "gbr"):
            raise VideoError(
                f"{stream.path.name} has the colour matrix {tag}, which is not read; convert it, e.g. with "
                "ffmpeg -i IN -vf scale=out_color_matrix=bt709 OUT.mkv."
            )
    if lines >= _HD:
        return "bt709", f" (not tagged; usual from {_HD} lines on)"
    return "smpte170m", f" (not tagged; usual below {_HD} lines)"


def _space(stream: Stream) -> Space | None:
    if stream.primaries not in _PRIMARIES and stream.transfer not in _CURVES:
        return None
    primaries = _PRIMARIES.get(stream.primaries, (spaces.BT709, ""))[0]
    return spaces.of_chromaticities(primaries, _CURVES.get(stream.transfer, spaces.srgb))
