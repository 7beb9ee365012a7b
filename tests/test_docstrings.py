"""The examples of docstrings run, and give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest
import torch

import enhance

KNOWN = {"enhance": enhance, "torch": torch}


def _modules() -> list[str]:
    """Those of the package with an example."""
    names = (each.name for each in pkgutil.walk_packages(enhance.__path__, "enhance."))
    files = {name: Path(enhance.__path__[0], *name.split(".")[1:]) for name in names}
    return [
        name
        for name, place in files.items()
        if ">>>" in (place / "__init__.py" if place.is_dir() else place.with_suffix(".py")).read_text(encoding="utf-8")
    ]


@pytest.mark.parametrize("name", _modules())
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        pytest.skip(f"{error.name} is not installed")
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(module, extraglobs=KNOWN, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert found.attempted
    assert not found.failed


def test_public_names_have_an_example() -> None:
    public = [getattr(enhance, name) for name in enhance.__all__]
    without = [each.__name__ for each in public if callable(each) and ">>>" not in (each.__doc__ or "")]
    assert without == ["WeightsError"]
