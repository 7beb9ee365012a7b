"""Everything that must hold, on every Python that is declared: `nox`, or one session with `nox -s wheel`.

Pythons that the machine does not have are skipped.
"""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from pathlib import Path

import nox

nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "tests", "wheel"]
PYTHONS = ["3.11", "3.12", "3.13"]
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
TOOLS = ("test", "dev")  # extras that no user installs
LOWEST = re.compile(r"(?P<name>[\w.-]+)>=(?P<version>[\w.]+)")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The suite; warnings are errors. Arguments after -- go to pytest, e.g. -- -m slow."""
    session.install("-e", ".[test]")
    run_suite(session)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """The suite with the lowest version of each dependency that pyproject.toml admits.

    Warnings are no errors here: old versions warn beside new ones of what they need themselves.
    """
    with tempfile.TemporaryDirectory() as name:
        constraints = Path(name) / "lowest.txt"
        constraints.write_text("\n".join(lowest_versions()), encoding="utf-8")
        session.install("-e", ".[test]", "--constraint", str(constraints))
    run_suite(session, "-W", "default")


@nox.session(python=PYTHONS[-1])
def newest(session: nox.Session) -> None:
    """The suite with the newest version of each dependency, release candidates included: of Hydra one that
    pyproject.toml does not admit yet.
    """
    session.install("--pre", "--upgrade", "--upgrade-strategy", "eager", "-e", ".[test]")
    session.install("--pre", "hydra-core>=1.4.0rc0")
    run_suite(session)


def run_suite(session: nox.Session, *options: str) -> None:
    """Arguments after -- go to pytest."""
    session.run("python", "-m", "pytest", *options, *(session.posargs or ["-n", "2", "--dist", "loadfile"]))


def lowest_versions() -> list[str]:
    """Constraints for pip, `name==version`, of what a user installs."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for name, lines in project["optional-dependencies"].items() if name not in TOOLS for line in lines]
    found = map(LOWEST.match, [*project["dependencies"], *extras])
    return sorted({f"{match['name']}=={match['version']}" for match in found if match})


@nox.session
def lint(session: nox.Session) -> None:
    """ruff: rules and format; codespell."""
    session.install("codespell", "ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")


@nox.session
def types(session: nox.Session) -> None:
    """pyright."""
    session.install("-e", ".[test]")
    session.run("pyright", "--pythonpath", str(Path(session.bin) / "python"))


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """The wheel alone, in a clean environment, from a folder without a checkout and without a network."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        session.run("python", "-m", "pip", "wheel", ".", "--no-deps", "--wheel-dir", name)
        session.install(str(next(folder.glob("*.whl"))))
        command = str(Path(session.bin).resolve() / "enhance")
        with session.chdir(folder):
            session.run(command, "--help", silent=True)
            session.run(command, "task=recover", "metric=deepjsd", "steps=5", env={**OFFLINE, "TORCH_HOME": os.devnull})
        if not list(folder.glob("outputs/*/*/result.png")):
            session.error("The run has left no result.png.")
