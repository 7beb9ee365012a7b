"""What Hydra does anew for each command, though it cannot change while tests run, is done once in a process."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Hashable
from copy import copy, deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra._internal import config_loader_impl
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository, IConfigRepository
from hydra._internal.defaults_list import DefaultsList, create_defaults_list
from hydra._internal.hydra import Hydra
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.default_element import ResultDefault
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import DictConfig

from enhance.config.hydra_versions import version_base
from enhance.config.paths import home


def once() -> None:
    """Let Hydra read each file of conf/, of recipes/ and of its own once, and compose the same groups once; what else a
    command sets is laid on a copy. Where a folder of a test takes part, everything is done anew.

    Hydra composes the settings of a command twice, the first time to see whether they name a mode: that is left out.
    Versions of Hydra whose inside is another are left as they are.
    """
    if not version_base():
        return
    Plugins.instance()  # which loads the kinds of sources, in modules of their own
    for source in map(SourcesRegistry.instance().resolve, ("file", "pkg")):
        source.load_config = _read_once(source.load_config)  # type: ignore[method-assign]
    config_loader_impl.create_defaults_list = _chosen_once(create_defaults_list)  # type: ignore[attr-defined]
    ConfigLoaderImpl._compose_config_from_defaults_list = _merged_once(
        ConfigLoaderImpl._compose_config_from_defaults_list
    )
    CachingConfigRepository.__init__ = _repository  # type: ignore[method-assign]
    DictConfig.__deepcopy__ = _copy(DictConfig.__deepcopy__)  # type: ignore[method-assign]
    Hydra.get_mode = _mode(Hydra.get_mode)


def _repository(repository: CachingConfigRepository, delegate: IConfigRepository) -> None:
    """Hydra copies every source too, though it changes none."""
    repository.delegate, repository.cache = copy(delegate), {}


def _copy(deepcopy: Callable[[DictConfig, dict[int, Any]], DictConfig]) -> Callable[..., DictConfig]:
    """A pickle makes a copy in a fraction of the time, which is a third of that of a short run."""

    @functools.wraps(deepcopy)
    def copied(config: DictConfig, memo: dict[int, Any]) -> DictConfig:
        own = vars(config)
        parent, own["_parent"] = own["_parent"], None
        try:
            found = pickle.loads(pickle.dumps(config))
        except (pickle.PicklingError, AttributeError, TypeError):  # of a class that a test made
            own["_parent"] = parent
            return deepcopy(config, memo)
        own["_parent"] = vars(found)["_parent"] = parent
        return found

    return copied


def _place(source: ConfigSource) -> Hashable | None:
    """What distinguishes a source from others; None for a folder that a test may write anew."""
    if source.scheme() == "file" and not Path(source.path).is_relative_to(home()):
        return None
    return source.scheme(), source.path, source.provider


def _places(repo: IConfigRepository) -> Hashable | None:
    found = tuple(map(_place, repo.get_sources()))
    return None if None in found else found


def _read_once(load: Callable[[Any, str], ConfigResult]) -> Callable[[Any, str], ConfigResult]:
    known: dict[Hashable, ConfigResult] = {}

    @functools.wraps(load)
    def read(source: ConfigSource, config_path: str) -> ConfigResult:
        if (place := _place(source)) is None:
            return load(source, config_path)
        if (key := (place, config_path)) not in known:
            known[key] = load(source, config_path)
        return deepcopy(known[key])

    return read


def _chosen_once(create: Callable[..., DefaultsList]) -> Callable[..., DefaultsList]:
    known: dict[Hashable, DefaultsList] = {}

    @functools.wraps(create)
    def chosen(repo: IConfigRepository, overrides_list: list[Override], **given: Any) -> DefaultsList:
        if (places := _places(repo)) is None:
            return create(repo=repo, overrides_list=overrides_list, **given)
        groups: list[Override] = []
        settings: list[Override] = []
        for each in overrides_list:
            chooses = repo.group_exists(each.key_or_group) and not isinstance(each.value(), dict)
            (groups if chooses or each.is_sweep_override() else settings).append(each)
        key = (places, *(each.input_line for each in groups), *given.items())
        if key not in known:
            known[key] = create(repo=repo, overrides_list=groups, **given)
        return replace(known[key], config_overrides=known[key].config_overrides + settings)

    return chosen


def _merged_once(compose: Callable[..., DictConfig]) -> Callable[..., DictConfig]:
    known: dict[Hashable, DictConfig] = {}

    @functools.wraps(compose)
    def merged(loader: ConfigLoaderImpl, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        if (places := _places(repo)) is None:
            return compose(loader, defaults, repo)
        if (key := (places, str([vars(each) for each in defaults]))) not in known:
            known[key] = compose(loader, defaults, repo)
        return deepcopy(known[key])

    return merged


def _mode(compose: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(compose)
    def mode(hydra: Hydra, config_name: str | None, overrides: list[str]) -> Any:
        return compose(hydra, config_name, overrides) if any("hydra.mode" in each for each in overrides) else None

    return mode
