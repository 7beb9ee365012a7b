"""The folders of the package stand on floors: an import leads to a lower one, never up and never to a neighbour."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "enhance"
FLOORS = (
    {"utils"},
    {"images", "backbones", "config"},
    {"metrics", "restoration"},
    {"optim"},
    {"runs"},
    {"report", "scoring"},
    {"experiment", "evaluation", "encoding", "video"},
    {"cli", "__init__"},
    {"__main__"},
)
NEVER = {  # where the floors alone would allow it
    "metrics": {"images", "config"},  # in anybody's training loop
    "restoration": {"backbones"},
    "runs": {"config", "backbones", "restoration"},
    "report": {"backbones", "config", "images", "optim", "restoration"},  # draws from files and never runs
    "scoring": {"backbones", "config", "optim", "restoration"},
}


def room(module: str) -> str:
    """The folder or the file below enhance/ in which a module of the package stands."""
    return module.split(".")[1] if "." in module else "__init__"


def imported(code: str) -> Iterator[str]:
    """The modules of the package that a file imports, in functions and for types too."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module == "enhance":
            for name in node.names:
                yield f"enhance.{name.name}" if (PACKAGE / name.name).is_dir() else "enhance"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("enhance."):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.partition(".")[0] == "enhance")


def wrong(home: str, code: str) -> list[str]:
    """The imports of a file of the room `home` that lead up, to a neighbour, or where they never may."""
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    others = [(module, room(module)) for module in imported(code) if room(module) != home]
    return [module for module, to in others if floor[to] >= floor[home] or to in NEVER.get(home, ())]


@pytest.mark.parametrize("home", sorted(set().union(*FLOORS)))
def test_imports_lead_to_lower_floors(home: str) -> None:
    files = (PACKAGE / home).rglob("*.py") if (PACKAGE / home).is_dir() else [PACKAGE / f"{home}.py"]
    found = {str(file.relative_to(PACKAGE)): wrong(home, file.read_text(encoding="utf-8")) for file in files}
    assert found
    assert not {file: modules for file, modules in found.items() if modules}


def test_every_room_has_a_floor() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))}
    assert rooms == set().union(*FLOORS)


def test_an_import_that_leads_elsewhere_is_found() -> None:
    code = """
def late():
    from enhance.report.style import BLUE
    import enhance.metrics.registry
    from enhance import restoration, optimize
    from enhance.utils.files import lock
"""
    assert wrong("runs", code) == ["enhance.report.style", "enhance.restoration", "enhance"]
