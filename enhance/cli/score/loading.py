"""What `task=score` compares, where, and by which metrics."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from enhance.cli.saying import say, say_untrained, say_unused_backbone
from enhance.cli.score.settings import Measured, Settings
from enhance.cli.score.unused import unused_choices
from enhance.experiment.metric_checks import check_scored, check_weights
from enhance.utils.errors import SettingsError

if TYPE_CHECKING:
    from torch import Tensor

    from enhance.scoring import Pair, Scorer


def as_list(settings: object, key: str) -> None:
    """Make a list of a setting that may be one name.

    Raises:
        SettingsError: if it is an empty list.
    """
    given = getattr(settings, key)
    if given == []:
        raise SettingsError(f"{key}=[] names none.")
    setattr(settings, key, [str(name) for name in given] if isinstance(given, list) else given and [str(given)])


def check_metrics(settings: Measured) -> None:
    """Make lists of `metrics` and `backbones`, and say which settings have no effect.

    Raises:
        SettingsError: one sentence about what is wrong with them.
    """
    for key in ("metrics", "backbones"):
        as_list(settings, key)
    names = settings.metrics or [settings.metric.name]
    check_scored(settings.metric, names)
    say_unused_backbone(settings.backbone.name, names)
    for note in unused_choices(settings, names):
        say(f"note: {note}")


def load_pairs(settings: Settings) -> list[Pair]:
    """What is compared; what is left out of two folders is said."""
    from enhance.images.samples import SAMPLES
    from enhance.scoring import find_pairs, left_out, read_pairs
    from enhance.scoring.pairs import unique
    from enhance.scoring.sources import is_url
    from enhance.utils.suggest import short

    if settings.pairs:
        listed = read_pairs(settings.pairs)
        found = unique(listed)
        if twice := len(listed) - len(found):
            say(f"note: {twice} {'line of the list repeats' if twice == 1 else 'lines of the list repeat'} another")
        return found
    reference, image = settings.reference or "", settings.image or ""
    for key, name in (("reference", reference), ("image", image)):
        if name not in SAMPLES and not os.path.exists(name) and not is_url(name):
            raise SettingsError(f"{key}={short(name)}: there is no such file or folder.")
    pairs = find_pairs(reference, image)
    for folder in (reference, image):
        used = [file for pair in pairs for file in (pair.reference, pair.image)]
        for line in left_out(folder, used) if os.path.isdir(folder) else ():
            say(f"note: {folder}: {line}")
    return pairs


def load_scorers(settings: Measured) -> list[Scorer]:
    """The columns; loading a network is the slow part."""
    import torch

    from enhance.experiment.devices import choose_device
    from enhance.experiment.metrics import Metrics
    from enhance.scoring import scorers

    device = choose_device(settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    metrics = Metrics(settings.metric, settings.backbone, scoring=True)

    def build(name: str) -> Any:
        return metrics.named(name).to(device)

    names = settings.metrics or [settings.metric.name]
    check_weights(settings.metric, names)
    found = scorers(names, build, settings.backbones or [settings.backbone.name])
    for scorer in found:
        say_untrained(scorer.name, scorer.metric)
    return found


def load_mask(settings: Settings, note: Callable[[str], object]) -> Tensor | None:
    """Where images are compared, (1, 1, H, W) in [0, 1]; `note` is called with what was done to the file."""
    if settings.mask is None:
        return None
    from enhance.images.masks import as_mask
    from enhance.images.pictures import open_picture

    picture = open_picture(settings.mask, "black")
    mask, notes = as_mask(picture.image, os.path.basename(settings.mask))
    if not mask.any():
        raise SettingsError(f"mask={settings.mask} is black everywhere: no pixel would be compared; white is compared.")
    for each in (*picture.notes, *notes):
        note(f"mask: {each}")
    return mask
