"""What every test shares: seeded images of an awkward size, devices, no drawing, and settings without side effects."""

from __future__ import annotations

import functools
import gc
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import composing
import hypothesis
import pytest
import torch
from helpers import Ended, no_drawing
from hydra.core.global_hydra import GlobalHydra
from torch import Tensor

from enhance.cli import main as cli
from enhance.cli import overrides
from enhance.cli.resolvers import register_resolvers
from enhance.config import nodes

os.environ.setdefault("MPLBACKEND", "agg")
register_resolvers()
nodes.register()
# A busy machine is no failure. The same few examples every time, so that a failure is of the change; others are drawn,
# and more, by `pytest --hypothesis-profile=thorough`.
hypothesis.settings.register_profile("quick", deadline=None, max_examples=15, derandomize=True)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=200)
hypothesis.settings.load_profile("quick")
composing.once()
torch.set_num_threads(1)  # the tests themselves run side by side

LONG = (  # files that take longest
    *("test_processes", "test_citizens", "test_settings", "test_bad_inputs", "test_parity", "test_library"),
    *("test_distance", "test_main", "test_video_score", "test_report_browser", "test_live", "test_drawings"),
    *("test_wasserstein_kernel", "test_gpu", "test_wheel"),
)
_composer = functools.cache(overrides.Composer)
DEVICES = [
    "cpu",
    *(["cuda"] if torch.cuda.is_available() else []),
    *(["mps"] if torch.backends.mps.is_available() else []),
]
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def pytest_configure(config: pytest.Config) -> None:
    """Let pytest-xdist take files as they are sorted below; it would take those of most tests first."""
    config.option.loadscopereorder = False


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """EfficientNet-B7 takes seconds where other networks take tenths: its cases are slow, but for the one that runs."""
    for item in items:
        name = getattr(item, "originalname", item.name)
        if "efficientnet" in item.name and name != "test_every_pair_runs":
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.path.stem not in LONG)  # begun first, so that both workers end together


def pytest_collection_finish() -> None:
    """What is imported by now stays: the garbage collector need not go through it again and again."""
    gc.collect()
    gc.freeze()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`device` is every kind of device that is here, `dtype` every precision that the device has."""
    names = [name for name in ("device", "dtype") if name in metafunc.fixturenames]
    pairs = [(device, dtype) for device in DEVICES for dtype in DTYPES if device != "mps" or dtype != "float64"]
    cases = dict.fromkeys(tuple({"device": device, "dtype": dtype}[name] for name in names) for device, dtype in pairs)
    objects = {name: torch.device(name) for name in DEVICES} | DTYPES
    if names:
        metafunc.parametrize(
            names,
            [
                pytest.param(
                    *(objects[name] for name in case),
                    marks=[pytest.mark.gpu] if "cuda" in case else [],
                    id="-".join(case),
                )
                for case in cases
            ],
        )


@pytest.fixture(autouse=True)
def _drawing(request: pytest.FixtureRequest) -> Iterator[None]:
    """A run takes 0.1 s, its figures take 0.9 s: they are drawn for the tests marked `draws` alone, and coarsely."""
    drawn = request.node.get_closest_marker("draws")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("enhance.report.style.DPI", {"png": 40, "pdf": 40})
        if drawn is None or drawn.args:
            no_drawing(patch, but=drawn.args if drawn else ())
        yield


@pytest.fixture(autouse=True)
def _no_power_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that a test wrote need not reach the disk."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(autouse=True)
def _composed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Hydra has composed of the same groups in the same folders is not composed again for the next test."""
    monkeypatch.setattr(overrides, "Composer", _composer)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window; without one the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        pytest.skip(f"no browser is installed: none of {', '.join(names)}")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


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
