"""Everything that must hold, on every Python that is declared: `nox`, or one session with `nox -s wheel`.

Pythons that the machine does not have are skipped.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import nox

nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "tests", "wheel"]
PYTHONS = ["3.11", "3.12", "3.13"]
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The suite; warnings are errors. Arguments after -- go to pytest, e.g. -- -m slow."""
    session.install("-e", ".[test]")
    session.run("pytest", *(session.posargs or ["-n", "2", "--dist", "loadfile"]))


@nox.session
def lint(session: nox.Session) -> None:
    """ruff: rules and format."""
    session.install("ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """pyright."""
    session.install("-e", ".[test]")
    session.run("pyright", "--pythonpath", str(Path(session.bin) / "python"))


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """The wheel alone, in a clean environment, from a folder with no checkout near and without a network."""
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
