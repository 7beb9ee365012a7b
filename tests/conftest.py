"""What every test shares: seeded images of an awkward size, and settings without side effects."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from torch import Tensor

from enhance.cli import main as cli
from enhance.config import paths, schema

os.environ.setdefault("MPLBACKEND", "agg")
paths.register()
schema.register()
hypothesis.settings.register_profile("patient", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("patient")
torch.set_num_threads(1)  # the tests themselves run side by side


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def enhance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """`python -m enhance ARGUMENTS`, run in this process and in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr("sys.argv", ["enhance", *arguments])
        GlobalHydra.instance().clear()
        capfd.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        finally:
            logging.shutdown()
            logging.getLogger().handlers.clear()
        said = capfd.readouterr()
        return Ended(code, said.out, said.err)

    return run


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def images(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A distorted image and its reference, (2, 3, 37, 50) in [0, 1]."""
    coarse = torch.rand(2, 3, 6, 8, generator=generator)
    reference = torch.nn.functional.interpolate(coarse, size=(37, 50), mode="bicubic").clamp(0, 1)
    noise = torch.randn(reference.shape, generator=generator)
    return (reference + 0.1 * noise).clamp(0, 1), reference
