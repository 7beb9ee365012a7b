"""`task=score`: how far images are from their references, one pair, two folders, a list of pairs, or two videos."""

from __future__ import annotations

import os
from pathlib import Path

from enhance.cli.score.loading import as_list, check_metrics, load_pairs
from enhance.cli.score.settings import Settings
from enhance.cli.score.unused import check_merge
from enhance.utils.errors import SettingsError

__all__ = ["Settings", "run"]

_NO_FILE = ("true", "false")


def run(settings: Settings) -> int:
    """Score, and print the result.

    Returns:
        0, or 1 where some of several pairs could not be scored.

    Raises:
        ValueError: one sentence about what is wrong with the settings, the files or the weights.
    """
    _check(settings)
    if settings.merge:
        from enhance.cli.score.table import merge_tables

        return merge_tables(settings)
    if _are_videos(settings):
        from enhance.cli.score.videos import score_videos

        return score_videos(settings)
    pairs = load_pairs(settings)
    table = settings.pairs or settings.output or settings.shard or settings.engine != "local"
    if len(pairs) == 1 and not table and not Path(settings.image or "").is_dir():
        from enhance.cli.score.pair import score_pair

        return score_pair(settings, pairs[0])
    if settings.map not in (None, "false"):
        raise SettingsError("map= draws one pair, without output=: name two files, reference=a.png image=b.png.")
    from enhance.cli.score.table import score_many

    return score_many(settings, pairs)


def _check(settings: Settings) -> None:
    if settings.map and settings.map.lower() in _NO_FILE:  # map=true arrives as the text True
        settings.map = settings.map.lower()
    if settings.merge:
        check_merge(settings)
    if settings.pairs and (settings.reference or settings.image):
        raise SettingsError("Give pairs=FILE.csv, or reference= and image=, not both.")
    if not (settings.merge or settings.pairs or (settings.reference and settings.image)):
        raise SettingsError("task=score needs reference=... and image=..., files or folders, or pairs=FILE.csv.")
    if settings.map and settings.map not in _NO_FILE and not settings.map.lower().endswith((".png", ".pdf")):
        raise SettingsError(f"map={settings.map} must be true, or a file that ends in .png or .pdf.")
    if settings.output and "://" in settings.output:
        raise SettingsError(f"output={settings.output} must be a file of this machine, not a URL.")
    if settings.output is not None and not settings.output.lower().endswith(".csv"):
        raise SettingsError(f"output={settings.output} must end in .csv; the same as JSON goes beside it.")
    for key, engine in (("slurm", "slurm"), ("address", "ray"), ("cores", "ray")):
        if getattr(settings, key) and settings.engine != engine:
            raise SettingsError(f"{key}= goes with engine={engine}.")
    if settings.workers is not None and settings.engine == "ray":
        raise SettingsError("workers= goes with engine=local; an actor of Ray reads with as many threads as cores=.")
    as_list(settings, "merge")
    check_metrics(settings)
    for key in ("reference", "image", "pairs", "mask"):
        given = getattr(settings, key)
        if given and not os.path.exists(given):
            setattr(settings, key, os.path.expanduser(given))


def _are_videos(settings: Settings) -> bool:
    """Whether two videos are compared."""
    from enhance.video import is_video

    files = {"reference": settings.reference or "", "image": settings.image or ""}
    videos = [key for key, name in files.items() if is_video(name)]
    if len(videos) == 1:
        (other,) = files.keys() - videos
        raise SettingsError(f"{videos[0]}={files[videos[0]]} is a video and {other}={files[other]} is not.")
    if videos and (settings.engine != "local" or settings.shard or settings.workers is not None):
        raise SettingsError("engine=, shard= and workers= are of lists of images; one process scores two videos.")
    if not videos and settings.align != "none":
        raise SettingsError(f"align={settings.align} is of two videos: reference=a.mp4 image=b.mp4.")
    return bool(videos)
