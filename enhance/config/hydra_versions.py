"""What Hydra 1.3 asks for and 1.4 deprecates, and the reverse."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from omegaconf import OmegaConf


@cache
def _is_1_3() -> bool:
    import hydra

    return hydra.__version__.startswith("1.3.")


def version_base() -> dict[str, Any]:
    """`version_base=` of Hydra's entry points, which 1.4 deprecates.

    Example:
        >>> version_base() in ({"version_base": "1.3"}, {})
        True
    """
    return {"version_base": "1.3"} if _is_1_3() else {}


def main_arguments() -> dict[str, Any]:
    """The arguments of `hydra.main` beside its files. Settings are code here, see SECURITY.md: 1.4 must allow that."""
    return version_base() if _is_1_3() else {"execution_whitelist": _any_target()}


def instantiate_arguments() -> dict[str, Any]:
    """Those of `hydra.utils.instantiate` beside the settings, for the same reason."""
    return {} if _is_1_3() else {"_execution_whitelist_": _any_target()}


def store(name: str, node: Any) -> None:
    """Make types known to Hydra, in place of those of that name. 1.3 replaces always, 1.4 asks that it is said."""
    from hydra.core.config_store import ConfigStore

    options: dict[str, Any] = {} if _is_1_3() else {"replace": True}
    ConfigStore.instance().store(name=name, node=node, **options)


def register_resolver(name: str, function: Callable[..., Any], use_cache: bool = False) -> None:
    """Make ${NAME:...} known to YAML. OmegaConf 2.4, of Hydra 1.4, has another name for that."""
    register = getattr(OmegaConf, "register_new_resolver" if _is_1_3() else "register_resolver")
    register(name, function, replace=True, use_cache=use_cache)


def _any_target() -> Any:
    from hydra import utils

    return vars(utils)["UNSAFE_DISABLE_EXECUTION_CHECKS"]
