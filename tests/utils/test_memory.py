"""Memory that was freed goes back to the system."""

from __future__ import annotations

import ctypes
import sys

import pytest

from enhance.utils import memory


def test_giving_back_asks_the_c_library_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    library = type("Library", (), {"malloc_trim": staticmethod(lambda padding: asked.append(padding) or 1)})
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    memory._trim.cache_clear()
    memory.give_back()
    assert asked == [0]
    memory._trim.cache_clear()


@pytest.mark.parametrize("error", [OSError, TypeError, AttributeError])
def test_other_c_libraries_are_left_alone(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: None) -> None:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", absent)
    memory._trim.cache_clear()
    memory.give_back()
    memory._trim.cache_clear()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_many_small_gaps_go_back() -> None:
    if memory._trim() is None:
        pytest.skip("another C library than the GNU one")

    def resident() -> int:
        with open("/proc/self/statm", encoding="ascii") as opened:
            return int(opened.read().split()[1])

    kept = [bytes(50_000) for _ in range(2_000)]
    del kept[::2]  # each gap lies between two that live on
    before = resident()
    memory.give_back()
    assert resident() < before
    assert len(kept) == 1_000
