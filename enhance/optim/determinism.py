"""The same numbers from the same run, on a GPU too."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

_WITHOUT = " does not have a deterministic implementation"


@contextmanager
def deterministic(wanted: bool, report: Callable[[str], object]) -> Iterator[None]:
    """While it is entered, torch takes algorithms that add up in a fixed order, where it has them.

    On a CPU it has them everywhere that a run goes, so runs there are the same without it.

    Args:
        wanted: False changes nothing.
        report: called with a sentence for each operator that has no such algorithm.

    Example:
        >>> image = torch.rand(1, 3, 8, 8, requires_grad=True)
        >>> with deterministic(True, print):
        ...     (image**2).sum().backward()
    """
    if not wanted:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it matrix products are not deterministic
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # no number depends on it
    try:
        with _reported(report):
            yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]


@contextmanager
def _reported(report: Callable[[str], object]) -> Iterator[None]:
    """Torch's warnings of operators without such an algorithm become one sentence each; others stay as they are."""
    known: set[str] = set()

    def show(message: Any, *args: Any, **kwargs: Any) -> None:
        operator, found, _ = str(message).partition(_WITHOUT)
        if not found:
            shown(message, *args, **kwargs)
        elif operator not in known:
            known.add(operator)
            report(f"deterministic=true: torch has no deterministic {operator}, so last digits may differ between runs")

    with warnings.catch_warnings():
        warnings.filterwarnings("always", message=f".*{_WITHOUT}")
        shown, warnings.showwarning = warnings.showwarning, show
        yield
