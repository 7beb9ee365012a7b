"""What takes long and is kept in the folder of a distillation, under a name that says on what it depends."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from enhance.backbones.network import Backbone
from enhance.utils.files import write_json

_Item = TypeVar("_Item")


def cache_folder(folder: Path, kind: str, backbone: Backbone, photographs: str, *settings: object) -> Path:
    """The folder of what a backbone computes from photographs, whose `digest` is given."""
    parts = (kind, backbone.name, backbone.origin.sha256[:12], photographs[:12], *settings)
    return folder / "-".join(map(str, parts))


def cached(file: Path, compute: Callable[[], Any]) -> Any:
    """The content of a JSON file; computed and written where there is none, or one that cannot be read."""
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        write_json(file, computed := compute())
        return computed


def progress(items: Sequence[_Item], title: str) -> Iterable[_Item]:
    """The items one by one, with a bar on a terminal and a line elsewhere, on standard error."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        note(title)
    return track(items, title, console=console, disable=not console.is_terminal)


def note(line: str) -> None:
    """Print a line on standard error."""
    print(line, file=sys.stderr, flush=True)
