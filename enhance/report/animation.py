"""progress.gif and progress.mp4: how the image came to be, in a few seconds."""

from __future__ import annotations

import importlib.util
import logging
import math
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from enhance.report.run_data import Story
from enhance.runs import layout as names
from enhance.runs.history import Row
from enhance.utils.files import write_bytes

_log = logging.getLogger(__name__)

_MOST_FRAMES, _FEWEST_FRAMES = 36, 12
_LONGER, _SMALLEST = 480, 256  # pixels of the longer side: at most, and while frames need not be left out
_NARROWEST = 128  # pixels: what the caption needs
_MS, _PAUSE_MS = 5500, 1800  # of the whole animation, and of its last frame
_CAPTION = 18  # pixels
_VIDEO_LONGER, _VIDEO_LEAST = 1280, 512  # pixels of the longer side: at most, and what small images are enlarged to
_ENCODED = "-preset fast -crf 18 -maxrate 8M -bufsize 8M -movflags +faststart"
_RATE = 20  # frames of a video a second
_LIMIT = 2_900_000  # bytes
_COLOURS, _GREYS = 240, 16  # of a palette: for the picture, and for the caption
_SAMPLE = 128  # pixels a side, from which a palette is made: as good to the eye as all of them, and ten times as fast
_CONVERGED = 200  # pixels that may still change colour when the search for a palette ends


def progress_gif(story: Story) -> None:
    """Draw progress.gif from the frames of a run, evenly spaced by PSNR rather than by step, with a pause on the last.

    The caption below the image tells step and PSNR. Large images are reduced, further where the file would still be
    large, and only then are frames left out.
    """
    frames = story.frames
    if not frames:
        return
    rows = {row.step: row for row in story.rows}
    with Image.open(next(iter(frames.values()))) as first:
        count, longer = _MOST_FRAMES, min(_LONGER, max(first.size))
    while True:
        steps = evenly(list(frames), rows, count)
        drawn = [_drawn(frames[step], rows.get(step), step, longer) for step in steps]
        data = _encode(drawn, _durations(steps, rows))
        excess = len(data) / _LIMIT
        if excess <= 1 or count <= _FEWEST_FRAMES:
            break
        if longer > _SMALLEST:
            longer = max(_SMALLEST, int(longer * 0.95 / math.sqrt(excess)))
        else:
            count = max(_FEWEST_FRAMES, int(min(count, len(steps)) * 0.95 / excess))
    write_bytes(story.folder / names.GIF, data)


def progress_video(story: Story) -> None:
    """Draw progress.mp4, the same animation in full colour and larger, where imageio-ffmpeg is installed."""
    if not story.frames or importlib.util.find_spec("imageio_ffmpeg") is None:
        return
    from imageio_ffmpeg import write_frames

    rows = {row.step: row for row in story.rows}
    steps = evenly(list(story.frames), rows, _MOST_FRAMES)
    shown = [max(1, round(ms * _RATE / 1000)) for ms in _durations(steps, rows)]
    with tempfile.TemporaryDirectory() as scratch:
        path, writer = Path(scratch) / names.VIDEO, None
        try:
            for step, times in zip(steps, shown, strict=True):
                image = _filmed(story.frames[step], rows.get(step), step)
                if writer is None:
                    writer = write_frames(
                        str(path),
                        image.size,
                        fps=_RATE,
                        codec="libx264",
                        quality=None,  # type: ignore[arg-type]
                        macro_block_size=2,
                        ffmpeg_log_level="error",
                        output_params=_ENCODED.split(),
                    )
                    writer.send(None)
                for _ in range(times):
                    writer.send(image.tobytes())
        except (OSError, RuntimeError) as error:  # the latter where imageio-ffmpeg finds no ffmpeg
            _log.warning("%s is left out: ffmpeg failed (%s).", names.VIDEO, error)
            return
        finally:
            if writer is not None:
                writer.close()
        write_bytes(story.folder / names.VIDEO, path.read_bytes())


def evenly(steps: list[int], rows: dict[int, Row], count: int) -> list[int]:
    """`count` of the steps, first and last included, each about as far in PSNR from the one before as any other.

    While there are too many, the step goes whose neighbours are closest to each other. Some of the distance between
    steps is their order, so that a standstill is shortened and not left out.
    """
    travelled, kept = _travelled(steps, rows), list(steps)
    while len(kept) > max(2, count):
        gaps = [after - before for before, after in zip(travelled, travelled[2:], strict=False)]
        place = 1 + gaps.index(min(gaps))
        del kept[place], travelled[place]
    return kept


def _travelled(steps: list[int], rows: dict[int, Row]) -> list[float]:
    """How far the image has come at each of the steps."""
    values = np.array([min(rows[step].psnr, 60.0) if step in rows else np.nan for step in steps])
    moved = np.nan_to_num(np.abs(np.diff(values, prepend=values[:1])))
    return list(np.cumsum(moved) + 0.15 * max(moved.sum(), 1e-9) * np.linspace(0, 1, len(steps)))


def _drawn(path: Path, row: Row | None, step: int, longer: int) -> Image.Image:
    """The picture and, below it, the caption: in a palette whose last entries are the caption's greys, so that the text
    looks the same in every frame.

    The picture is not dithered: dither is noise, which would tremble and pass for the run's own.
    """
    picture = _sized(path, longer, _NARROWEST)
    width = max(picture.width, _NARROWEST)
    canvas = Image.new("P", (width, picture.height + _CAPTION), 255)
    sample = picture.resize([min(side, _SAMPLE) for side in picture.size], Image.Resampling.NEAREST)
    palette = sample.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=_CONVERGED)
    paletted = picture.quantize(palette=palette, dither=Image.Dither.NONE)
    colours = (palette.getpalette() or [])[: 3 * _COLOURS]
    greys = [level * 255 // (_GREYS - 1) for level in range(_GREYS) for _ in "rgb"]
    canvas.putpalette([*colours, *[0] * (3 * _COLOURS - len(colours)), *greys])
    canvas.paste(paletted, ((width - picture.width) // 2, 0))
    shades = [_COLOURS + level * _GREYS // 256 for level in range(256)]
    canvas.paste(_caption(width, step, row).point(shades), (0, picture.height))
    return canvas


def _filmed(path: Path, row: Row | None, step: int) -> Image.Image:
    """The picture and its caption in RGB; both sides are even, as the encoder needs. Small pictures are enlarged, since
    a video keeps colour at half the resolution.
    """
    picture = _sized(path, _VIDEO_LONGER, _VIDEO_LEAST)
    scale = 2 if picture.width >= _VIDEO_LEAST // 2 else 1
    width = max(picture.width, _NARROWEST)
    canvas = Image.new("RGB", (width + width % 2, picture.height + picture.height % 2 + _CAPTION * scale), "white")
    canvas.paste(picture, ((canvas.width - picture.width) // 2, 0))
    canvas.paste(_caption(canvas.width, step, row, scale), (0, canvas.height - _CAPTION * scale))
    return canvas


def _sized(path: Path, most: int, least: int) -> Image.Image:
    """The picture, its longer side reduced to `most` pixels; one smaller than `least` is enlarged by a whole number."""
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    if max(picture.size) > most:
        picture.thumbnail((most, most), Image.Resampling.LANCZOS)
    scale = least // max(picture.size)
    return (
        picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
        if scale > 1
        else picture
    )


def _caption(width: int, step: int, row: Row | None, scale: int = 1) -> Image.Image:
    bar = Image.new("L", (width, _CAPTION * scale), 255)
    draw = ImageDraw.Draw(bar)
    font = ImageFont.load_default(size=11 * scale)
    draw.text((4 * scale, 2 * scale), f"step {step}", fill=34, font=font)
    if row is not None:
        text = f"{row.psnr:.1f} dB" if math.isfinite(row.psnr) else "identical"
        draw.text((width - 4 * scale - draw.textlength(text, font=font), 2 * scale), text, fill=34, font=font)
    return bar


def _durations(steps: list[int], rows: dict[int, Row]) -> list[int]:
    """Milliseconds for which each frame is shown: the longer, the farther it is to the next, since at first every step
    is a frame and still far from the one before.
    """
    gaps = np.diff(_travelled(steps, rows))
    shown = (_MS - _PAUSE_MS) * gaps / (gaps.sum() or 1)
    return [*(int(ms) // 10 * 10 for ms in np.clip(shown, 60, 250)), _PAUSE_MS]  # GIF counts hundredths of a second


def _encode(frames: list[Image.Image], durations: list[int]) -> bytes:
    buffer = BytesIO()
    frames[0].save(
        buffer, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=False, disposal=1
    )
    return buffer.getvalue()
