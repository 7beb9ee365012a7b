"""progress.gif: how the image came to be, in a few seconds."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from enhance.files import write_bytes
from enhance.runs import folder as names
from enhance.runs.history import Row, read

_MOST_FRAMES = 36
_LONGER = 480  # pixels
_FRAME_MS, _PAUSE_MS = 110, 1800
_CAPTION = 18  # pixels
_LIMIT = 2_900_000  # bytes


def progress_gif(folder: Path) -> None:
    """Draw progress.gif from the frames of a run, evenly spaced by PSNR rather than by step, with a pause on the last.

    The caption below the image tells step and PSNR. Large images are reduced; should the file still be large, frames
    are left out.
    """
    frames = names.frame_files(folder)
    if not frames:
        return
    rows = {row.step: row for row in read(folder / names.HISTORY)}
    count = _MOST_FRAMES
    while True:
        steps = evenly(list(frames), rows, count)
        data = _encode([_drawn(frames[step], rows.get(step), step) for step in steps])
        if len(data) <= _LIMIT or count <= 4:
            break
        count = max(4, int(count * min(0.9, _LIMIT / len(data))))
    write_bytes(folder / names.GIF, data)


def evenly(steps: list[int], rows: dict[int, Row], count: int) -> list[int]:
    """At most `count` of the steps, first and last included, each about as far in PSNR from the one before as any
    other.

    The way that PSNR has travelled up and down by each step is divided into equal parts, and a little of the way is
    counted by order so that frames during a standstill are not all left out.
    """
    if len(steps) <= count:
        return steps
    values = np.array([min(rows[step].psnr, 60.0) if step in rows else np.nan for step in steps])
    moved = np.abs(np.diff(values, prepend=values[:1]))
    moved = np.nan_to_num(moved)
    travelled = np.cumsum(moved) + 0.15 * max(moved.sum(), 1e-9) * np.linspace(0, 1, len(steps))
    wanted = np.linspace(travelled[0], travelled[-1], count)
    places = {0, len(steps) - 1} | {int(np.abs(travelled - value).argmin()) for value in wanted}
    return [steps[place] for place in sorted(places)]


def _drawn(path: Path, row: Row | None, step: int) -> Image.Image:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    if max(picture.size) > _LONGER:
        picture.thumbnail((_LONGER, _LONGER), Image.Resampling.LANCZOS)
    while max(picture.size) < 64:
        picture = picture.resize((picture.width * 2, picture.height * 2), Image.Resampling.NEAREST)
    canvas = Image.new("RGB", (picture.width, picture.height + _CAPTION), "white")
    canvas.paste(picture)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=11)
    draw.text((4, picture.height + 2), f"step {step}", fill="#222222", font=font)
    if row is not None and picture.width >= 120:
        text = f"{row.psnr:.1f} dB"
        draw.text(
            (picture.width - 4 - draw.textlength(text, font=font), picture.height + 2), text, fill="#222222", font=font
        )
    return canvas


def _encode(frames: list[Image.Image]) -> bytes:
    """Each frame has its own palette of 256 colours, without dithering: dithering trembles from frame to frame."""
    buffer = BytesIO()
    quantised = [
        frame.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB")
        for frame in frames
    ]
    durations = [_FRAME_MS] * (len(frames) - 1) + [_PAUSE_MS] if len(frames) > 1 else _PAUSE_MS
    iio.imwrite(buffer, [np.asarray(frame) for frame in quantised], extension=".gif", duration=durations, loop=0)
    return buffer.getvalue()
