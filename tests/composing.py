"""What Hydra does anew for each command, though it cannot change while tests run, is done once in a process."""

from __future__ import annotations

import functools
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hydra._internal.hydra import Hydra
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource

from enhance.config.paths import home

_OURS = f"{home()}/"


def once() -> None:
    """Let Hydra read each file of conf/, of recipes/ and of its own once, and compose the settings of a command once:
    it composes them twice, the first time to see whether they name a mode.
    """
    Plugins.instance()  # which loads the kinds of sources, in modules of their own
    for source in map(SourcesRegistry.instance().resolve, ("file", "pkg")):
        source.load_config = _read_once(source.load_config)  # type: ignore[method-assign]
    Hydra.get_mode = _mode(Hydra.get_mode)


def _read_once(load: Callable[[Any, str], ConfigResult]) -> Callable[[Any, str], ConfigResult]:
    found: dict[tuple[str, str | None, str], ConfigResult] = {}

    @functools.wraps(load)
    def read(source: ConfigSource, config_path: str) -> ConfigResult:
        if source.scheme() == "file" and not str(source.path).startswith(_OURS):
            return load(source, config_path)  # of a test, which may write it anew
        key = (str(source.path), source.provider, config_path)
        if key not in found:
            found[key] = load(source, config_path)
        return deepcopy(found[key])

    return read


def _mode(compose: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(compose)
    def mode(hydra: Hydra, config_name: str | None, overrides: list[str]) -> Any:
        return compose(hydra, config_name, overrides) if any("hydra.mode" in each for each in overrides) else None

    return mode
