"""`task=score` of two videos: a table with a row for each frame, a document and a page beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enhance.cli.saying import say
from enhance.cli.score.loading import load_mask, load_scorers
from enhance.cli.score.settings import Settings
from enhance.cli.score.unused import unused
from enhance.utils.errors import SettingsError
from enhance.utils.files import lock, write_json, write_text

if TYPE_CHECKING:
    from torch import Tensor

    from enhance.scoring import Scorer
    from enhance.video.scoring import Scored, Videos
    from enhance.video.table import Rows


def score_videos(settings: Settings) -> int:
    """Score every frame, write table, document and page, and print the figures.

    Args:
        settings: `reference` and `image` are videos.

    Returns:
        0.

    Raises:
        ValueError: one sentence about what is wrong with the settings, the files or the weights.
        OSError: if the files cannot be written.
    """
    from enhance.scoring import Pair
    from enhance.video.document import check_free
    from enhance.video.scoring import Videos
    from enhance.video.stream import read_stream

    if settings.map not in (None, "false"):
        raise SettingsError("map= draws one pair of images; the page of two videos has the maps of the worst seconds.")
    if settings.range is not None:
        raise SettingsError("range= is for pictures of floats; what is white in a video its own signal says.")
    pair = Pair(settings.reference or "", settings.image or "")
    videos = Videos.opened(read_stream(pair.reference), read_stream(pair.image), settings.align)
    mask = load_mask(settings, videos.notes.append)
    size = videos.reference.stream.height, videos.reference.stream.width
    if mask is not None and tuple(mask.shape[-2:]) != size:
        raise SettingsError(
            f"mask={settings.mask} has {mask.shape[-1]} x {mask.shape[-2]} pixels and the frames "
            f"{videos.reference.stream.size}; resize it."
        )
    videos.notes.extend(unused(settings, ("background",), "the alpha channel of a video is not used"))
    if os.path.samefile(videos.reference.stream.path, videos.image.stream.path):
        videos.notes.append("reference and image are the same file")
    table = Path(settings.output or f"{Path(pair.image).stem}-scores.csv").expanduser()
    check_free(table, [table.with_suffix(".json"), table.with_suffix(".html")])
    found = load_scorers(settings)
    for note in videos.notes:
        say(f"note: {note}")
    table.parent.mkdir(parents=True, exist_ok=True)
    with lock(table.parent, f".{table.name}.lock"):
        return _scored(settings, pair, videos, found, mask, table)


def _scored(
    settings: Settings,
    pair: Any,
    videos: Videos,
    scorers: list[Scorer],
    mask: Tensor | None,
    table: Path,
) -> int:
    from enhance.experiment.devices import choose_device
    from enhance.scoring.identity import Identity
    from enhance.video.document import lines, values
    from enhance.video.maps import shown
    from enhance.video.page import page
    from enhance.video.table import Rows, digest

    device = choose_device(settings.device)
    inputs = digest(Identity(scorers, settings.background, mask, None), pair, settings.align)
    rows = Rows(table, pair, [scorer.name for scorer in scorers], inputs)
    scored = _with_bar(videos, scorers, rows, mask, settings, device)
    document = values(pair, videos, scorers, scored, settings.align, settings.mask)
    for note in document["notes"][len(videos.notes) :]:
        say(f"note: {note}")
    pictures, scale = shown(videos, scored.worst, scorers, device, mask)
    html = table.with_suffix(".html")
    write_json(table.with_suffix(".json"), document)
    write_text(html, page(document, scored, pictures, scale, table))
    if settings.format == "json":
        print(json.dumps(document, indent=2))
    else:
        print("\n".join(lines(document, scored, table, html)))
    return 0


def _with_bar(
    videos: Videos, scorers: list[Scorer], rows: Rows, mask: Tensor | None, settings: Settings, device: Any
) -> Scored:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from enhance.video.scoring import score_frames

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("scoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=videos.most)
        return score_frames(
            videos,
            scorers,
            rows,
            batch=settings.batch,
            device=device,
            mask=mask,
            done=lambda count: bar.advance(task, count),
        )
