"""Samples of a video become RGB by the formulas of H.273, whatever depth and range, and what is assumed is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers_video import write

from enhance.images.arrays import Array
from enhance.video import VideoError
from enhance.video.frames import Frames
from enhance.video.signal import signals
from enhance.video.stream import Stream, read_stream

PLAIN = Stream(Path("a.mp4"), "h264", 320, 240, 25.0, 50, "yuv420p")
SHARES = {"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114), "bt2020nc": (0.2627, 0.0593)}


def expected(planes: Array, bits: int, full: bool, matrix: str) -> Array:
    """RGB (3, H, W) in double precision."""
    luma, blue, red = planes.astype(np.float64)
    unit, middle = 2 ** (bits - 8), 2 ** (bits - 1)
    if full:
        luma, blue, red = luma / (2**bits - 1), (blue - middle) / (2**bits - 1), (red - middle) / (2**bits - 1)
    else:
        luma, blue, red = (
            (luma - 16 * unit) / (219 * unit),
            (blue - middle) / (224 * unit),
            (red - middle) / (224 * unit),
        )
    kr, kb = SHARES[matrix]
    r, b = luma + 2 * (1 - kr) * red, luma + 2 * (1 - kb) * blue
    return np.stack([r, (luma - kr * r - kb * b) / (1 - kr - kb), b]).clip(0, 1)


def decoded(path: Path) -> tuple[Array, tuple[str, ...]]:
    """The first frame of a video and the notes."""
    stream = read_stream(str(path))
    signal, _ = signals(stream, stream)
    frame = next(iter(Frames(stream, signal)))
    return signal.image(frame.planes)[0].numpy(), signal.notes


@pytest.mark.parametrize("matrix", SHARES)
@pytest.mark.parametrize("range_", ["tv", "pc"])
@pytest.mark.parametrize(("bits", "pixel_format"), [(8, "yuv444p"), (10, "yuv444p10le"), (12, "yuv444p12le")])
def test_every_depth_range_and_matrix_has_its_formula(
    bits: int, pixel_format: str, range_: str, matrix: str, tmp_path: Path
) -> None:
    planes = np.random.default_rng(0).integers(0, 2**bits, (3, 32, 48)).astype("<u2" if bits > 8 else "u1")
    tags = f"setparams=range={range_}:colorspace={matrix}"
    codec = "-c:v libx265 -x265-params lossless=1:log-level=none" if bits == 12 else "-c:v libx264 -qp 0"
    path = write(
        tmp_path / "a.mkv", [planes], pixel_format, "10", "-vf", tags, "-pix_fmt", pixel_format, *codec.split()
    )
    image, notes = decoded(path)
    assert np.abs(image - expected(planes, bits, range_ == "pc", matrix)).max() < 1e-5
    title = {"bt709": "BT.709", "smpte170m": "BT.601", "bt2020nc": "BT.2020"}[matrix]
    assert notes == (f"a.mkv: {bits} bits, {'limited' if range_ == 'tv' else 'full'} range, {title}",)


@pytest.mark.parametrize(("bits", "pixel_format"), [(8, "gbrp"), (10, "gbrp10le"), (16, "gbrp16le")])
def test_white_of_rgb_is_1_at_any_depth(bits: int, pixel_format: str, tmp_path: Path) -> None:
    planes = np.full((3, 8, 8), 2**bits - 1).astype("<u2" if bits > 8 else "u1")
    planes[0] = 0  # green
    image, notes = decoded(write(tmp_path / "a.mkv", [planes], pixel_format, "10", "-pix_fmt", pixel_format))
    assert image[:, 0, 0].tolist() == [1.0, 0.0, 1.0]
    assert notes == (f"a.mkv: rgb, {bits} bits, full range",)


def test_grey_is_every_channel(tmp_path: Path) -> None:
    planes = np.arange(64, dtype=np.uint8).reshape(1, 8, 8)
    image, _ = decoded(write(tmp_path / "a.mkv", [planes], "gray", "10", "-pix_fmt", "gray"))
    assert np.array_equal(image, np.repeat(planes, 3, 0).astype(np.float32) / 255)


def test_an_untagged_video_takes_the_matrix_of_the_other_and_says_so() -> None:
    tagged = replace(PLAIN, path=Path("b.mp4"), matrix="bt709", range="limited")
    one, other = signals(PLAIN, tagged)
    assert one.matrix == other.matrix == SHARES["bt709"]
    assert one.notes == ("a.mp4: 8 bits, limited range (not tagged), BT.709 (not tagged; that of b.mp4)",)


@pytest.mark.parametrize(("lines", "matrix"), [(576, "smpte170m"), (720, "bt709")])
def test_without_any_tag_the_larger_size_decides(lines: int, matrix: str) -> None:
    small, large = replace(PLAIN, height=360), replace(PLAIN, height=lines)
    assert [signal.matrix for signal in signals(small, large)] == [SHARES[matrix]] * 2


@pytest.mark.parametrize(
    ("pixel_format", "bits", "kind"),
    [
        ("yuvj420p", 8, "yuv"),
        ("nv12", 8, "yuv"),
        ("p010le", 10, "yuv"),
        ("p210le", 10, "yuv"),
        ("y212le", 12, "yuv"),
        ("yuva444p12le", 12, "yuv"),
        ("gray10le", 10, "grey"),
        ("rgb565le", 8, "rgb"),
        ("x2rgb10le", 10, "rgb"),
        ("rgb48le", 16, "rgb"),
        ("gbrpf32le", 16, "rgb"),
        ("pal8", 8, "rgb"),
    ],
)
def test_the_depth_is_that_of_the_pixel_format(pixel_format: str, bits: int, kind: str) -> None:
    signal, _ = signals(replace(PLAIN, pixel_format=pixel_format), PLAIN)
    assert (signal.bits, signal.kind) == (bits, kind)
    assert signal.full == (kind != "yuv" or pixel_format == "yuvj420p")


def test_wide_colours_are_converted_to_srgb() -> None:
    wide, _ = signals(replace(PLAIN, primaries="bt2020", matrix="bt2020nc"), PLAIN)
    plain, _ = signals(replace(PLAIN, matrix="bt2020nc"), PLAIN)
    planes = np.full((3, 8, 8), 128, np.uint8)
    planes[2] = 160
    assert wide.image(planes)[0, 0, 0, 0] > plain.image(planes)[0, 0, 0, 0] + 0.02  # the same red is purer in BT.2020
    assert wide.notes[-1] == "a.mp4 is converted to sRGB from BT.2020"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"transfer": "smpte2084"}, r"high dynamic range \(PQ\).*tone-map"),
        ({"transfer": "arib-std-b67"}, r"high dynamic range \(HLG\)"),
        ({"matrix": "ictcp"}, "colour matrix ictcp.*convert"),
        ({"pixel_format": "xyz12le"}, "pixel format xyz12le.*convert"),
    ],
)
def test_what_has_no_formula_is_refused(changed: dict[str, str], said: str) -> None:
    with pytest.raises(VideoError, match=said):
        signals(PLAIN, replace(PLAIN, **changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(("field", "said"), [("interlaced", "is interlaced"), ("alpha", "alpha channel")])
def test_what_is_not_seen_is_said(field: str, said: str) -> None:
    stream = replace(PLAIN, interlaced=True) if field == "interlaced" else replace(PLAIN, pixel_format="yuva420p")
    assert said in signals(stream, PLAIN)[0].notes[-1]
