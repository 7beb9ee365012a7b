"""progress.gif: how the image came to be, in a few seconds."""

from __future__ import annotations

import math
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from enhance.files import write_bytes
from enhance.runs import folder as names
from enhance.runs.history import Row, read

_MOST_FRAMES, _FEWEST_FRAMES = 36, 12
_LONGER, _SMALLEST = 480, 256  # pixels of the longer side: at most, and while frames need not be left out
_NARROWEST = 128  # pixels: what the caption needs
_MS, _PAUSE_MS = 5500, 1800  # of the whole animation, and of its last frame
_CAPTION = 18  # pixels
_LIMIT = 2_900_000  # bytes
_COLOURS, _GREYS = 240, 16  # of a palette: for the picture, and for the caption
_SAMPLE = 128  # pixels a side, from which a palette is made: as good to the eye as all of them, and ten times as fast
_CONVERGED = 200  # pixels that may still change colour when the search for a palette ends


def progress_gif(folder: Path) -> None:
    """Draw progress.gif from the frames of a run, evenly spaced by PSNR rather than by step, with a pause on the last.

    The caption below the image tells step and PSNR. Large images are reduced, further where the file would still be
    large, and only then are frames left out.
    """
    frames = names.frame_files(folder)
    if not frames:
        return
    rows = {row.step: row for row in read(folder / names.HISTORY)}
    with Image.open(next(iter(frames.values()))) as first:
        count, longer = _MOST_FRAMES, min(_LONGER, max(first.size))
    while True:
        steps = evenly(list(frames), rows, count)
        data = _encode([_drawn(frames[step], rows.get(step), step, longer) for step in steps])
        excess = len(data) / _LIMIT
        if excess <= 1 or count <= _FEWEST_FRAMES:
            break
        if longer > _SMALLEST:
            longer = max(_SMALLEST, int(longer * 0.95 / math.sqrt(excess)))
        else:
            count = max(_FEWEST_FRAMES, int(min(count, len(steps)) * 0.95 / excess))
    write_bytes(folder / names.GIF, data)


def evenly(steps: list[int], rows: dict[int, Row], count: int) -> list[int]:
    """`count` of the steps, first and last included, each about as far in PSNR from the one before as any other.

    While there are too many, the step goes whose neighbours are closest to each other. Some of the distance between
    steps is their order, so that a standstill is shortened and not left out.
    """
    values = np.array([min(rows[step].psnr, 60.0) if step in rows else np.nan for step in steps])
    moved = np.nan_to_num(np.abs(np.diff(values, prepend=values[:1])))
    travelled = list(np.cumsum(moved) + 0.15 * max(moved.sum(), 1e-9) * np.linspace(0, 1, len(steps)))
    kept = list(steps)
    while len(kept) > max(2, count):
        gaps = [after - before for before, after in zip(travelled, travelled[2:], strict=False)]
        place = 1 + gaps.index(min(gaps))
        del kept[place], travelled[place]
    return kept


def _drawn(path: Path, row: Row | None, step: int, longer: int) -> Image.Image:
    """The picture and, below it, the caption: in a palette whose last entries are the caption's greys, so that the text
    looks the same in every frame.

    The picture is not dithered: dither is noise, which would tremble and pass for the run's own.
    """
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    if max(picture.size) > longer:
        picture.thumbnail((longer, longer), Image.Resampling.LANCZOS)
    scale = _NARROWEST // max(picture.size)
    if scale > 1:
        picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
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


def _caption(width: int, step: int, row: Row | None) -> Image.Image:
    bar = Image.new("L", (width, _CAPTION), 255)
    draw = ImageDraw.Draw(bar)
    font = ImageFont.load_default(size=11)
    draw.text((4, 2), f"step {step}", fill=34, font=font)
    if row is not None:
        text = f"{row.psnr:.1f} dB" if math.isfinite(row.psnr) else "identical"
        draw.text((width - 4 - draw.textlength(text, font=font), 2), text, fill=34, font=font)
    return bar


def _encode(frames: list[Image.Image]) -> bytes:
    each = min(250, max(60, (_MS - _PAUSE_MS) // max(1, len(frames) - 1)))
    durations = [each // 10 * 10] * (len(frames) - 1) + [_PAUSE_MS]  # GIF counts hundredths of a second
    buffer = BytesIO()
    frames[0].save(
        buffer, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=False, disposal=1
    )
    return buffer.getvalue()
