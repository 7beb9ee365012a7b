"""What is said to Hydra 1.3 and not to 1.4, and the reverse; `nox -s newest` runs the suite with the latter."""

from __future__ import annotations

from collections.abc import Iterator

import hydra
import pytest
from hydra import utils
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from enhance.config import hydra_versions


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    hydra_versions._is_1_3.cache_clear()
    yield
    hydra_versions._is_1_3.cache_clear()


def test_1_3_gets_its_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hydra, "__version__", "1.3.2")
    assert hydra_versions.main_arguments() == hydra_versions.version_base() == {"version_base": "1.3"}
    assert hydra_versions.instantiate_arguments() == {}


def test_1_4_gets_that_settings_are_code(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[tuple[object, ...], dict[str, object]]] = []
    monkeypatch.setattr(hydra, "__version__", "1.4.0rc3")
    monkeypatch.setattr(utils, "UNSAFE_DISABLE_EXECUTION_CHECKS", "any", raising=False)
    monkeypatch.setattr(ConfigStore, "store", lambda _, **given: said.append(((), given)))
    monkeypatch.setattr(OmegaConf, "register_resolver", lambda *given, **options: said.append((given, options)))
    assert hydra_versions.version_base() == {}
    assert hydra_versions.main_arguments() == {"execution_whitelist": "any"}
    assert hydra_versions.instantiate_arguments() == {"_execution_whitelist_": "any"}
    hydra_versions.store("schema", dict)
    hydra_versions.register_resolver("enhance.home", str)
    assert said == [
        ((), {"name": "schema", "node": dict, "replace": True}),
        (("enhance.home", str), {"replace": True, "use_cache": False}),
    ]
