"""progress.gif and progress.mp4: how the image changes, in a few seconds."""

from __future__ import annotations

import importlib.util
import logging
import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from enhance.report.crops import Array
from enhance.report.numbers import QUANTITIES
from enhance.report.run_data import RunData, reduced
from enhance.runs import layout as names
from enhance.runs.history import Row
from enhance.utils.files import write_bytes

_log = logging.getLogger(__name__)

_MAX_FRAMES, _MIN_FRAMES = 36, 12
_MAX_SIDE, _MIN_SIDE = 480, 256  # pixels of the GIF's longer side: at most, and before frames are left out
_MIN_WIDTH = 128  # pixels: what the caption needs
_MS, _PAUSE_MS = 5500, 1800  # of the whole animation, and of its last frame
_CAPTION = 18  # pixels
_VIDEO_MAX_SIDE, _VIDEO_MIN_SIDE = (
    1280,
    512,
)  # pixels of the longer side; small images are enlarged
_ENCODER_OPTIONS = "-preset fast -crf 18 -maxrate 8M -bufsize 8M -movflags +faststart"
_FPS = 20  # of the video
_MAX_BYTES = 2_900_000  # of the GIF
_COLOURS, _GREYS = 240, 16  # of a palette: for the picture, and for the caption
_SAMPLE = 128  # pixels a side, from which a palette is made: as good to the eye as all of them, and ten times as fast
_CONVERGED = 200  # pixels that may still change colour when the search for a palette ends


def progress_gif(data: RunData) -> None:
    """Write progress.gif from the frames of a run, evenly spaced by PSNR rather than by step, with a pause on the last.

    The caption below the image gives step and PSNR. Large images are reduced, further where the file would still be
    large, and only then are frames left out.
    """
    if not data.frames:
        return
    count = _MAX_FRAMES
    side = min(_MAX_SIDE, max(max(frame.size) for frame in data.frames.values()))
    while True:
        encoded = _gif(data, count, side)
        excess = len(encoded) / _MAX_BYTES
        if excess <= 1 or count <= _MIN_FRAMES:
            break
        if side > _MIN_SIDE:
            side = max(_MIN_SIDE, int(side * 0.95 / math.sqrt(excess)))
        else:
            count = max(_MIN_FRAMES, int(min(count, len(data.frames)) * 0.95 / excess))
    write_bytes(data.folder / names.GIF, encoded)


def progress_video(data: RunData) -> None:
    """Write progress.mp4, the same animation in full colour and larger, where imageio-ffmpeg is installed."""
    if not data.frames or importlib.util.find_spec("imageio_ffmpeg") is None:
        return
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / names.VIDEO
        try:
            iio.imwrite(
                path,
                _video_frames(data),  # type: ignore[arg-type]  # an iterator: one frame in memory at a time
                plugin="FFMPEG",
                is_batch=True,
                fps=_FPS,
                codec="libx264",
                quality=None,
                macro_block_size=2,
                ffmpeg_log_level="error",
                output_params=_ENCODER_OPTIONS.split(),
            )
        except (OSError, RuntimeError) as error:  # the latter where imageio-ffmpeg finds no ffmpeg
            _log.warning("%s is left out: ffmpeg failed (%s).", names.VIDEO, error)
            return
        write_bytes(data.folder / names.VIDEO, path.read_bytes())


def evenly(steps: list[int], rows: dict[int, Row], count: int) -> list[int]:
    """`count` of the steps, first and last included, each about as far in PSNR from the one before as any other.

    While there are too many, the step goes whose neighbours are closest to each other. Some of the distance between
    steps is their order, so that a standstill is shortened and not left out.
    """
    distances, kept = _distances(steps, rows), list(steps)
    while len(kept) > max(2, count):
        gaps = [after - before for before, after in zip(distances, distances[2:], strict=False)]
        place = 1 + gaps.index(min(gaps))
        del kept[place], distances[place]
    return kept


def _distances(steps: list[int], rows: dict[int, Row]) -> list[float]:
    """How far the image has come at each of the steps."""
    values = np.array([min(rows[step].psnr, 60.0) if step in rows else np.nan for step in steps])
    moved = np.nan_to_num(np.abs(np.diff(values, prepend=values[:1])))
    return list(np.cumsum(moved) + 0.15 * max(moved.sum(), 1e-9) * np.linspace(0, 1, len(steps)))


def _durations(steps: list[int], rows: dict[int, Row]) -> list[int]:
    """Milliseconds for which each frame is shown: the longer, the farther it is to the next, since at first every step
    is a frame and still far from the one before.
    """
    gaps = np.diff(_distances(steps, rows))
    shown = (_MS - _PAUSE_MS) * gaps / (gaps.sum() or 1)
    return [*(int(ms) // 10 * 10 for ms in np.clip(shown, 60, 250)), _PAUSE_MS]  # GIF counts hundredths of a second


def _gif(data: RunData, count: int, side: int) -> bytes:
    """The GIF of at most `count` frames whose longer side has at most `side` pixels."""
    rows = data.rows_by_step
    steps = evenly(list(data.frames), rows, count)
    return gif([gif_frame(data.frames[step], rows.get(step), step, side) for step in steps], _durations(steps, rows))


def gif(frames: Sequence[Image.Image], durations: Sequence[int]) -> bytes:
    """A GIF of the frames, each shown for so many milliseconds, again and again."""
    return iio.imwrite(
        "<bytes>",
        [np.asarray(frame) for frame in frames],
        extension=".gif",
        plugin="pillow",
        duration=list(durations) if len(frames) > 1 else durations[0],
        loop=0,
        optimize=False,
        disposal=1,
    )


def gif_frame(image: Image.Image, row: Row | None, step: int, side: int) -> Image.Image:
    """The picture and, below it, the caption, in 256 colours that the GIF keeps exactly; the caption's greys are the
    same in every frame.

    The picture is not dithered: dither is noise, which would tremble and pass for the run's own.
    """
    picture = _resized(image, side, _MIN_WIDTH)
    sample = picture.resize([min(length, _SAMPLE) for length in picture.size], Image.Resampling.NEAREST)
    palette = sample.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=_CONVERGED)
    picture = picture.quantize(palette=palette, dither=Image.Dither.NONE).convert("RGB")
    width = max(picture.width, _MIN_WIDTH)
    canvas = Image.new("RGB", (width, picture.height + _CAPTION), "white")
    canvas.paste(picture, ((width - picture.width) // 2, 0))
    greys = [level * _GREYS // 256 * 255 // (_GREYS - 1) for level in range(256)]
    canvas.paste(_caption(width, step, row).point(greys), (0, picture.height))
    return canvas


def _video_frames(data: RunData) -> Iterator[Array]:
    """The frames of the video, each as often as it is shown."""
    rows = data.rows_by_step
    steps = evenly(list(data.frames), rows, _MAX_FRAMES)
    for step, ms in zip(steps, _durations(steps, rows), strict=True):
        frame = np.asarray(_video_frame(data.frames[step], rows.get(step), step))
        for _ in range(max(1, round(ms * _FPS / 1000))):
            yield frame


def _video_frame(image: Image.Image, row: Row | None, step: int) -> Image.Image:
    """The picture and its caption in RGB; both sides are even, as the encoder needs. Small pictures are enlarged, since
    a video keeps colour at half the resolution.
    """
    picture = _resized(image, _VIDEO_MAX_SIDE, _VIDEO_MIN_SIDE)
    scale = 2 if picture.width >= _VIDEO_MIN_SIDE // 2 else 1
    width = max(picture.width, _MIN_WIDTH)
    canvas = Image.new("RGB", (width + width % 2, picture.height + picture.height % 2 + _CAPTION * scale), "white")
    canvas.paste(picture, ((canvas.width - picture.width) // 2, 0))
    canvas.paste(_caption(canvas.width, step, row, scale), (0, canvas.height - _CAPTION * scale))
    return canvas


def _resized(image: Image.Image, most: int, least: int) -> Image.Image:
    """The image, its longer side reduced to `most` pixels; one smaller than `least` is enlarged by a whole number."""
    scale = least // max(image.size)
    if scale <= 1:
        return reduced(image, most)
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def _caption(width: int, step: int, row: Row | None, scale: int = 1) -> Image.Image:
    bar = Image.new("L", (width, _CAPTION * scale), 255)
    draw = ImageDraw.Draw(bar)
    font = ImageFont.load_default(size=11 * scale)
    draw.text((4 * scale, 2 * scale), f"step {step}", fill=34, font=font)
    if row is not None:
        text = QUANTITIES["psnr"].write(row.psnr, short=True) if math.isfinite(row.psnr) else "identical"
        draw.text((width - 4 * scale - draw.textlength(text, font=font), 2 * scale), text, fill=34, font=font)
    return bar
