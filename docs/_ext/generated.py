"""Pages that are written from the package itself: every setting, what scores mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING as NOTHING
from importlib import import_module
from pathlib import Path
from typing import Any

import enhance
from enhance.cli.commands import TOOLS
from enhance.config.paths import choices, home, summary
from enhance.config.reference import Setting, described
from enhance.config.schema import MISSING, Config
from enhance.scoring.meaning_tables import SHIPPED

_OTHERS = ("index", "start", "comparison", "figures")
_KINDS = {
    "jpeg": ("JPEG quality", "Means over the photographs, and in brackets the standard deviation over them."),
    "noise": ("Gaussian noise, sigma of 255", ""),
    "blur": ("Gaussian blur, sigma in pixels", ""),
}


def write(docs: Path) -> None:
    """Write the pages; those that stay as they are keep their time, so that they are not built anew."""
    pages = {
        "reference/settings.md": settings_page(),
        "explanation/meaning.md": meaning_page(),
        "figures.md": figures_page(docs),
    }
    for name, text in pages.items():
        file = docs / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def figures_page(docs: Path) -> str:
    """The pages of docs/ that commands write, all that lie there."""
    names = sorted(file.stem for file in docs.glob("*.md") if file.stem not in _OTHERS)
    return "\n".join(
        [
            "# Figures\n\nMeasured; each page names the command that made it.\n",
            "```{toctree}",
            ":maxdepth: 1",
            "",
            *names,
            "```",
            "",
        ]
    )


def settings_page() -> str:
    """Every setting of a run and of each tool, from the typed configurations, and every choice of each group."""
    parts = [
        "# Settings\n\nGenerated from the typed settings of the package. "
        "`python -m enhance --cfg job` shows those of a "
        "run without running it; a typo gets one sentence with the nearest valid name.\n",
        "## A run\n",
        _table(described(Config)),
        "## Groups\n\nA group is chosen by name, `metric=deepjsd`; its "
        "settings are those above, `metric.layout=spatial`.\n",
    ]
    for group, names in choices().items():
        rows = [f"| `{group}={name}` | {_cell(summary(group, name)) or _values(group, name)} |" for name in names]
        parts.append("\n".join([f"### `{group}=`\n", "| choice | what |", "|---|---|", *rows, ""]))
    for tool, what in TOOLS.items():
        known = described(import_module(f"enhance.cli.commands.{tool}").Settings)
        parts += [f"## `task={tool}`\n\n{what[:1].upper()}{what[1:].rstrip('.')}.\n", _table(known)]
    restoration = described(import_module("enhance.cli.commands.restore").Settings)
    parts += [
        "## `image=`, a restoration\n\nWith `task=denoise`, `deblur`, `jpeg` or `upscale`.\n",
        _table({name: each for name, each in restoration.items() if name != "task.name"}),
    ]
    return "\n".join(parts)


def _values(group: str, name: str) -> str:
    """What a YAML without a comment chooses."""
    folder = home() if group == "recipes" else home() / "conf"
    lines = (folder / group / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return ", ".join(f"`{line.partition(' #')[0].strip()}`" for line in lines if line.strip() not in ("", "{}"))


def _table(known: Mapping[str, Setting]) -> str:
    rows = ["| setting | values | default | what |", "|---|---|---|---|"]
    for name, each in known.items():
        if name == "task":
            continue
        accepted = _cell(each.values) + (f" ({each.range})" if each.range else "")
        rows.append(f"| `{name}` | {accepted} | {_default(each.default)} | {_cell(each.description)} |")
    return "\n".join([*rows, ""])


def _default(value: Any) -> str:
    if value is NOTHING or value == MISSING:
        return "of the choice"
    if value in ({}, [], ""):
        return "empty"
    return f"`{json.dumps(value)}`" if isinstance(value, bool) or value is None else f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def meaning_page() -> str:
    """The tables of `enhance.meaning` that come with the package."""
    table = json.loads(SHIPPED.read_text(encoding="utf-8"))
    metrics = table["metrics"]
    names = list(metrics)
    parts = [
        "# What a score means\n\nA score says how far an image is from its reference. This page has the scores of "
        f"degradations that people know, over {len(table['photographs'])} "
        f"sample photographs of {table['pixels']} pixels "
        f"({', '.join(table['photographs'])}), in the embedded backbone and "
        f"with the default settings. `enhance.meaning` "
        "reads the table backwards, and `task=score` puts the JPEG quality beside a number:\n\n"
        '```python\nimport enhance\n\nprint(enhance.meaning(0.45, "deepjsd"))\n```\n\n'
        f"> {enhance.meaning(0.45, 'deepjsd')}\n\n"
        "A score does not say in what way an image differs: one score is that of a JPEG quality, of a noise and of a "
        "blur alike. The spread over photographs is large, so the number is a "
        "rule of thumb and no measurement. Other metrics, backbones and settings are [measured "
        "once](../howto/score.md#what-a-score-means). Made by "
        f"`python -m benchmarks.meaning` with enhance {table['version']}.\n"
    ]
    for kind, (title, note) in _KINDS.items():
        tables = [_meanings(table, kind, title, names[first : first + 6]) for first in range(0, len(names), 6)]
        parts.append("\n".join([f"## {title.partition(',')[0]}\n", *([note, ""] if note else []), *tables]))
    return "\n".join(parts)


def _meanings(table: dict[str, Any], kind: str, title: str, names: list[str]) -> str:
    """Means and spreads of some metrics, a column each."""
    rows = [f"| {title} | " + " | ".join(f"`{name}`" for name in names) + " |", "|---:|" + "---:|" * len(names)]
    for index, level in enumerate(table["levels"][kind]):
        found = [table["metrics"][name] for name in names]
        cells = [f"{row['mean'][kind][index]:.3g} ({row['spread'][kind][index]:.1g})" for row in found]
        rows.append(f"| {level:g} | " + " | ".join(cells) + " |")
    return "\n".join([*rows, ""])


def escape(_app: object, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Powers and unpacked arguments outside of code are no markup: x ** 2, *args."""
    for index, line in enumerate(lines):
        if ">>>" not in line and "``" not in line and "*" in line:
            parts = line.split("`")
            parts[::2] = [part.replace("*", r"\*") for part in parts[::2]]
            lines[index] = "`".join(parts)
