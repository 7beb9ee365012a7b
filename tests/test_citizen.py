"""What the files around the code say is so: citation, changelog, guides, workflows and hooks."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import enhance
from enhance.images.suffixes import EXTRAS, FORMATS, KINDS

ROOT = Path(__file__).parents[1]
GUIDES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "NOTICE")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def project() -> dict[str, Any]:
    return tomllib.loads(read("pyproject.toml"))["project"]


def test_the_citation_is_valid() -> None:
    command = "from cffconvert.cli.cli import cli; cli()"
    arguments = [sys.executable, "-c", command, "--validate", "--infile", str(ROOT / "CITATION.cff")]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_citation_and_changelog_are_of_this_version() -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == enhance.__version__
    assert citation["license"] == project()["license"]
    assert f"## [{enhance.__version__}] - {citation['date-released']}" in read("CHANGELOG.md")


@pytest.mark.parametrize("guide", GUIDES)
def test_files_that_a_guide_names_exist(guide: str) -> None:
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`|^([\w/]+\.\w+)$", read(guide), flags=re.MULTILINE)
    missing = [name for name in map("".join, named) if not (ROOT / name.replace("NAME.yaml", "")).exists()]
    assert not missing
    assert named or guide == "SECURITY.md"


def test_the_kinds_of_images_that_security_names_are_those_that_are_opened() -> None:
    (row,) = (line for line in read("SECURITY.md").splitlines() if line.startswith("| images |"))
    assert f"Only {KINDS} are opened" in row
    assert all(f"`{extra.extra}`" in row and extra.title in row for extra in EXTRAS.values())


def test_the_kinds_in_words_have_every_format() -> None:
    variants = {"MPO", "DIB"}  # of JPEG and BMP
    words = KINDS.upper().replace("JPEG 2000", "JPEG2000")
    assert not [name for name in {*FORMATS.values(), "PGM", "PFM"} - variants if name not in words]


def test_no_page_takes_an_extra_from_an_index() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    assert not [page for page in pages if "install 'enhance" in page.read_text(encoding="utf-8")]


@pytest.fixture
def noxfile(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """noxfile.py with a stand-in for nox, in which each session has the names by which nox calls it."""

    def session(function: Callable[..., Any] | None = None, python: str | list[str] = "") -> Any:
        def named(function: Callable[..., Any]) -> Callable[..., Any]:
            versions = python if isinstance(python, list) else []
            names = {function.__name__, *(f"{function.__name__}-{version}" for version in versions)}
            return partial(function, names=names)

        return named(function) if function else named

    nox: Any = ModuleType("nox")
    nox.session, nox.options, nox.Session = session, ModuleType("options"), object
    monkeypatch.setitem(sys.modules, "nox", nox)
    monkeypatch.chdir(ROOT)
    spec = importlib.util.spec_from_file_location("noxfile", ROOT / "noxfile.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(workflow: Path) -> Iterator[str]:
    """Every command of a workflow, once for each value of its matrix."""
    for job in yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {})
        sessions = matrix.get("session", [])
        for line in (step["run"] for step in job["steps"] if "run" in step):
            yield from (line.replace("${{ matrix.session }}", session) for session in sessions or [""])


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_call_what_the_project_has(workflow: Path, noxfile: ModuleType) -> None:
    sessions = set().union(*(each.keywords["names"] for each in vars(noxfile).values() if isinstance(each, partial)))
    targets = set(re.findall(r"^(\w+):", read("Makefile"), flags=re.MULTILINE))
    found = list(commands(workflow))
    assert found
    for command in found:
        made = re.fullmatch(r"make (?:PYTHON=python )?(?:nox-([\w.-]+)|(\w+))", command)
        assert made, f"{command} is no target of the Makefile"
        assert made[1] in sessions if made[1] else made[2] in targets


def test_workflows_are_on_three_systems_and_every_python(noxfile: ModuleType) -> None:
    matrix = yaml.safe_load(read(".github/workflows/tests.yml"))["jobs"]["tests"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    assert matrix["session"] == [*(f"tests-{version}" for version in noxfile.PYTHONS), "lowest", "newest"]
    declared = [line.rpartition(" ")[2] for line in project()["classifiers"] if re.search(r":: 3\.\d+$", line)]
    assert declared == noxfile.PYTHONS


def test_the_lowest_versions_are_those_of_pyproject(noxfile: ModuleType) -> None:
    found = dict(line.split("==") for line in noxfile.lowest_versions())
    needed = project()["dependencies"]
    assert {re.split(r"[^\w-]", line)[0] for line in needed} <= set(found)
    assert all(f"{name}>={version}" in read("pyproject.toml") for name, version in found.items())


def test_hooks_are_what_make_check_asks() -> None:
    repos = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    hooks = [hook["entry"].removesuffix(" --force-exclude") for repo in repos for hook in repo["hooks"]]
    check = read("Makefile").partition("\ncheck:")[2].partition("\n\n")[0]
    asked = [line.removesuffix(" .").removesuffix(" --check") for line in re.findall(r"\$\(BIN\)/(.+)", check)]
    assert [line for line in asked if not line.startswith("pyright")] == hooks[:3]
