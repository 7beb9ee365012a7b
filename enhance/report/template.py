"""Pages that open from disk: one file, no network, and a policy that lets no script run but the page's own."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from enhance.report import style
from enhance.report.numbers import write

SHARED = Path(__file__).with_name("page")
_COLOURS = ("BLUE", "SKY", "GREEN", "VERMILION", "ORANGE", "PURPLE")


def render_page(name: str, folder: Path = SHARED, /, *scripts: str, **context: Any) -> str:
    """The page NAME.html with its style and script, which lie beside it in `folder`. All pages share one style.

    Args:
        name: of the page.
        folder: where it lies.
        scripts: names of shared scripts that its own calls.
        context: values for the page; every one is escaped.
    """
    environment = Environment(
        loader=FileSystemLoader([folder, SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["write"] = lambda value, key: write(key, value)
    colours = "; ".join(f"--{colour.lower()}: {getattr(style, colour)}" for colour in _COLOURS)
    sheets = dict.fromkeys([SHARED / "report.css", folder / f"{name}.css"])
    files = [*(SHARED / f"{shared}.js" for shared in scripts), folder / f"{name}.js"]
    script = "\n".join(file.read_text(encoding="utf-8") for file in files)
    return environment.get_template(f"{name}.html").render(
        context,
        style=Markup("\n".join([f":root {{ {colours} }}", *(sheet.read_text(encoding="utf-8") for sheet in sheets)])),
        script=Markup(script),
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
