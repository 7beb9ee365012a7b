"""encode.html: originals beside the files that were chosen, and their figures."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from enhance.encoding.choose import Choice, Encoded
from enhance.encoding.curve import CURVE, common_target
from enhance.encoding.tables import CURVES, DOCUMENT, TABLE, decibels, number, totals
from enhance.report.embed import data_uri, lossless
from enhance.report.template import render_page

PAGE = "encode.html"
_TEMPLATE = Path(__file__).with_name("template")
_WIDTH, _HEIGHT = 1024, 768  # pixels of a picture in the page, at full resolution: more of an image is cut off
_STAGES = 12  # images with pictures
_SHOW = 760  # CSS pixels: width of the largest picture
_BLOCK = 16


def page(
    images: Sequence[Encoded], files: Mapping[tuple[str, str], str], title: str, metric: str, curve: bytes | None
) -> str:
    """The page.

    Args:
        images: one or several.
        files: names of the files written, by image and format.
        title: of the page.
        metric: how the scores are called.
        curve: the PNG of the curves, if they were drawn.
    """
    return render_page(
        "encode",
        _TEMPLATE,
        "slider",
        title=title,
        task="encode",
        metric=metric,
        images=[_image(each, files, place) for place, each in enumerate(images)],
        totals=[_total(each, images) for each in totals(images)] if len(images) > 1 else [],
        curve=data_uri(curve, "png") if curve else "",
        dashed=common_target(images) is not None,
        several=len(images) > 1,
        files=[TABLE, *([CURVES, f"{CURVE}.png", f"{CURVE}.pdf"] if curve else []), DOCUMENT],
    )


def _image(image: Encoded, files: Mapping[tuple[str, str], str], place: int) -> dict[str, Any]:
    width, height = image.original.pixels.size
    left, top, wide, high = window(image)
    shown = place < _STAGES
    box = (left, top, left + wide, top + high)
    return {
        "name": Path(image.original.name).name,
        "size": f"{width} x {height}",
        "shown": shown,
        "cut": (wide, high) != (width, height),
        "window": f"{wide} x {high}",
        "ratio": round(wide / high, 4),
        "show": min(_SHOW, wide * max(1, _SHOW // (2 * wide))) if wide < _SHOW else _SHOW,
        "original": _cut(image.original.pixels, box) if shown else "",
        "choices": [
            {
                "title": choice.format.title,
                "knob": choice.format.knob,
                "quality": choice.quality,
                "bytes": f"{choice.bytes:,}",
                "share": _percent(choice.bytes / image.original.bytes),
                "score": number(choice.score),
                "psnr": decibels(choice.psnr),
                "wanted": number(choice.wanted),
                "reached": choice.reached,
                "best": choice is image.best,
                "file": files.get((image.original.name, choice.format.name), ""),
                "picture": _picture(choice, box, (width, height)) if shown else "",
            }
            for choice in image.choices
        ],
    }


def window(image: Encoded) -> tuple[int, int, int, int]:
    """Left, top, width and height of the part that is shown: of a large image where the choices differ most from it."""
    original = image.original.pixels
    width, height = min(original.width, _WIDTH), min(original.height, _HEIGHT)
    if original.height <= _WIDTH >= original.width:
        return 0, 0, original.width, original.height
    expected = np.asarray(original, dtype=np.int16)
    errors = [np.abs(np.asarray(_decoded(choice), dtype=np.int16) - expected).sum(-1) for choice in image.choices]
    worst = np.max(errors, axis=0)
    rows, columns = (side - side % _BLOCK for side in worst.shape)
    blocks = worst[:rows, :columns].reshape(rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK).sum((1, 3))
    total = np.pad(blocks.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    high, wide = max(1, height // _BLOCK), max(1, width // _BLOCK)
    sums = total[high:, wide:] - total[:-high, wide:] - total[high:, :-wide] + total[:-high, :-wide]
    row, column = np.unravel_index(int(sums.argmax()), sums.shape)
    return int(column) * _BLOCK, int(row) * _BLOCK, width, height


def _total(each: Mapping[str, Any], images: Sequence[Encoded]) -> dict[str, Any]:
    original = sum(image.original.bytes for image in images)
    return {
        "format": each["format"],
        "bytes": f"{each['bytes']:,}",
        "share": _percent(each["bytes"] / original),
        "score": number(each["score"]),
        "psnr": decibels(each["psnr"]),
        "reached": f"{each['reached']} of {each['images']}",
    }


def _picture(choice: Choice, box: tuple[int, int, int, int], size: tuple[int, int]) -> str:
    """The chosen file itself where all of it is shown, else its part."""
    if box == (0, 0, *size):
        return data_uri(choice.data, choice.format.kind.lower())
    return _cut(_decoded(choice), box)


def _cut(image: Image.Image, box: tuple[int, int, int, int]) -> str:
    """The part of an image in a box, without loss and at full size."""
    return lossless(image.crop(box), max(image.size))


def _decoded(choice: Choice) -> Image.Image:
    with Image.open(io.BytesIO(choice.data)) as opened:
        return opened.convert("RGB")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
