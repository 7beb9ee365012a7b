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


def place(folder: Path, kind: str, network: Backbone, photographs: str, *settings: object) -> Path:
    """The folder of what a network says of photographs, whose `digest` is given."""
    parts = (kind, network.name, network.origin.sha256[:12], photographs[:12], *settings)
    return folder / "-".join(map(str, parts))


def recall(file: Path, make: Callable[[], Any]) -> Any:
    """What a JSON file holds; made and written where there is none, or one that cannot be read."""
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        write_json(file, made := make())
        return made


def watched(items: Sequence[_Item], title: str) -> Iterable[_Item]:
    """The items one by one, with a bar on a terminal and a line elsewhere, on standard error."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        say(title)
    return track(items, title, console=console, disable=not console.is_terminal)


def say(line: str) -> None:
    """A line on standard error."""
    print(line, file=sys.stderr, flush=True)
