"""README.md and docs/: links lead somewhere, commands compose, and what is generated names everything."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from itertools import takewhile
from pathlib import Path
from types import ModuleType

import pytest
import torch

import enhance
from enhance.cli.commands import RESTORE
from enhance.cli.overrides import checked, chosen_tool, for_restorations, tool_settings
from enhance.cli.quoting import quoted
from enhance.config.reference import described
from enhance.config.schema import Config
from enhance.scoring.meaning_tables import SHIPPED

ROOT = Path(__file__).resolve().parents[1]
GENERATED = ("reference/settings.md", "explanation/meaning.md", "figures.md")
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in page.parts),
]
WRITTEN = [page for page in PAGES if not page.as_posix().endswith(GENERATED)]


@pytest.fixture(scope="module")
def generated() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated", ROOT / "docs" / "_ext" / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"(?m)^#+ (.*)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < 1200


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists() or target.as_posix().endswith(GENERATED), link
        assert not anchor or anchor in _anchors(target), link


def _commands() -> list[str]:
    found = []
    for page in WRITTEN:
        for block in re.findall(r"(?s)```sh\n(.*?)```", page.read_text(encoding="utf-8")):
            lines = (line.partition(" #")[0].strip() for line in block.splitlines())
            found += [line for line in lines if line.startswith("python -m enhance ")]
    return sorted(set(found))


@pytest.mark.parametrize("command", _commands())
def test_commands_compose(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(command)[3:]
    settings = [word for word in words if "=" in word]
    if any(word.startswith(("resume=", "hydra/launcher=")) for word in words):
        pytest.skip("a folder or an extra that is not here")
    monkeypatch.chdir(tmp_path)
    tool = chosen_tool(settings)
    if tool == RESTORE and "-m" in words:
        checked(for_restorations(quoted(settings)), restores=True)
    elif tool:
        tool_settings(tool, quoted(settings))
    else:
        checked(quoted(settings), sweep="-m" in words)


@pytest.mark.parametrize("page", ["howto/metric.md", "howto/backbone.md"])
def test_the_code_of_a_page_runs(page: str) -> None:
    known: dict[str, object] = {}
    for block in re.findall(r"(?s)```python\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8")):
        if "import timm" not in block or importlib.util.find_spec("timm"):
            exec(compile(block, page, "exec"), known)
    assert isinstance(known["metric"], torch.nn.Module)
    assert len(known["result"].history) == 6  # type: ignore[attr-defined]


def test_every_setting_has_a_row(generated: ModuleType) -> None:
    page = generated.settings_page()
    assert all(f"| `{name}` |" in page for name in described(Config))
    assert "| `logger=tensorboard` | TensorBoard's event files" in page


def test_every_public_name_is_listed() -> None:
    page = (ROOT / "docs" / "reference" / "api.rst").read_text(encoding="utf-8")
    listed = re.findall(r"(?m)^   ([\w.~]+)$", page)
    tables = re.findall(r"``(\w+)``", page.partition("Tables\n")[2])
    base = [name for name in listed if name.startswith("~")]
    assert len(base) == 1
    assert sorted({*listed, *tables} - {*base}) == sorted(enhance.__all__)
    assert len(set(listed)) == len(listed)


def test_the_page_of_meanings_has_the_table(generated: ModuleType) -> None:
    page = generated.meaning_page()
    assert len(re.findall(r"(?m)^\| [\d.]+ \|", page)) == 3 * (14 + 10 + 10)  # six metrics a table


@pytest.mark.parametrize("page", ["README.md", "docs/howto/score.md"])
def test_the_short_table_of_meanings_is_the_table(page: str) -> None:
    table = json.loads(SHIPPED.read_text(encoding="utf-8"))
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if "JPEG quality |" in line)
    names = re.findall(r"`(\w+)`", lines[start])
    rows = list(takewhile(lambda line: line.startswith("|"), lines[start + 2 :]))
    assert len(rows) >= 4
    for row in rows:
        quality, *shown = (float(cell) for cell in row.strip("| ").split("|"))
        index = table["levels"]["jpeg"].index(quality)
        assert [f"{each:g}" for each in shown] == [
            f"{table['metrics'][name]['mean']['jpeg'][index]:.3g}" for name in names
        ]
