"""The rounds in which a list goes to a cluster, with a pool in place of Ray's: who is given up, and what stops."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from enhance.scoring import Pair
from enhance.scoring.on_ray import KILLED, _Work
from enhance.scoring.ray_actor import Actor, results_of
from enhance.scoring.reading import Item
from enhance.utils.errors import SettingsError


class RayError(Exception):
    pass


class RayTaskError(RayError):
    pass


class Pool:
    """Chunks in their order; one that holds a deadly pair is lost, and after `most_lost` of them the round stops."""

    def __init__(self, deadly: set[int]) -> None:
        self.deadly, self.actors, self.rounds = deadly, 1, list[tuple[int, int, int]]()
        self.ray = SimpleNamespace(exceptions=SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError))

    def batches(self, items: Mapping[int, Item], chunk: int, most_lost: int) -> Iterator[dict[str, Any]]:
        self.rounds.append((len(items), chunk, most_lost))
        places, lost = list(items), 0
        for start in range(0, len(places), chunk):
            part = places[start : start + chunk]
            if self.deadly & set(part):
                lost += 1
                if 0 <= most_lost < lost:
                    raise RayError("the actor died")
                continue
            yield {
                "place": part,
                "result": [json.dumps([{"psnr": str(place)}, ["", ""], "", False, []]) for place in part],
            }


def worked(monkeypatch: pytest.MonkeyPatch, count: int, deadly: set[int]) -> tuple[Pool, list[Any], list[str]]:
    monkeypatch.setattr("enhance.scoring.on_ray._CHUNK", 4)
    monkeypatch.setattr("enhance.scoring.on_ray._MOST_LOST", 2)
    pool, said = Pool(deadly), list[str]()
    items = [Item(Pair(f"r{place}", f"i{place}")) for place in range(count)]
    results = [result for batch in _Work(pool, said.append).results(items) for result in batch]  # pyright: ignore[reportArgumentType]
    return pool, results, said


@pytest.mark.parametrize("deadly", [set(), {5}, {0, 19}, {1, 5, 13, 17, 25}, {2, 10, 18, 26, 34, 42, 50}])
def test_each_pair_has_one_result_and_the_deadly_ones_a_reason(
    deadly: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, results, _ = worked(monkeypatch, 60, deadly)
    assert sorted(int(result.pair.image[1:]) for result in results) == list(range(60))
    assert {int(result.pair.image[1:]) for result in results if not result.scores} == deadly
    assert {result.reason for result in results if not result.scores} <= {KILLED}


def test_what_was_not_tried_yet_goes_on_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, _, said = worked(monkeypatch, 60, {0, 8, 16, 40})
    assert pool.rounds == [(60, 4, 2), (44, 4, 2), (16, 1, -1)]  # the third chunk that is lost stops the first
    assert said == ["ray: 16 pairs lay in chunks that lost their worker 3 times; each is tried alone"]


def test_a_list_of_which_nothing_comes_back_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="no score comes back"):
        worked(monkeypatch, 60, set(range(0, 60, 4)))


def test_a_few_pairs_that_are_all_deadly_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    _, results, _ = worked(monkeypatch, 4, {0, 1, 2, 3})
    assert [result.reason for result in results] == [KILLED] * 4


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (ValueError("The weights are not there."), ValueError, r"^The weights are not there\.$"),
        (KeyError("oops"), RuntimeError, "KeyError: 'oops'"),
    ],
)
def test_an_error_of_an_actor_is_raised_by_the_driver(error: Exception, kind: type[Exception], said: str) -> None:
    def build(on_gpu: bool, threads: int) -> Any:
        raise error

    sent = Actor(build, lambda name: None, 1, False, "/nowhere")({"place": [0]})  # pyright: ignore[reportArgumentType]
    with pytest.raises(kind, match=said):
        results_of(sent, {0: Pair("r", "i")})
