"""What runs on the nodes of a cluster: an actor of Ray Data that scores a part of a list."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from enhance.scoring.batches import Result, Scoring
from enhance.scoring.pairs import Pair
from enhance.scoring.reading import Item, Open, read_in_threads

Build = Callable[[bool, int], Scoring]
"""Makes the `Scoring` of an actor, on CUDA or the CPU, with so many threads; pickled."""

_FAULT = -1  # in place of a place
_COLUMNS = ("place", "reference", "image", "shared")


def rows_of(items: Mapping[int, Item]) -> list[dict[str, Any]]:
    """Items by their place in the list, as an actor takes them."""
    return [
        {"place": place, "reference": item.pair.reference, "image": item.pair.image, "shared": item.shared}
        for place, item in items.items()
    ]


class Actor:
    """Scores chunks of a list. An error of its own is sent to the driver, so that Ray's are deaths of actors alone.

    Args:
        build: makes its `Scoring`.
        opened: opens a name; pickled.
        cores: threads that read images.
        on_gpu: whether it has a GPU.
        folder: of the driver, to which names may be relative.
    """

    def __init__(self, build: Build, opened: Open, cores: int, on_gpu: bool, folder: str) -> None:
        if os.path.isdir(folder):
            os.chdir(folder)
            sys.path.append(folder)
        self._build, self._opened, self._cores, self._on_gpu = build, opened, cores, on_gpu
        self._scoring: Scoring | None = None

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        """The results of a chunk, as `results_of` reads them."""
        try:
            if self._scoring is None:  # not in the constructor, which Ray repeats without end if it is killed there
                self._scoring = self._build(self._on_gpu, self._cores)
            results = self._results(batch, self._scoring)
        except Exception as error:
            results = {_FAULT: _fault(error)}
        return {"place": list(results), "result": list(results.values())}

    def _results(self, batch: Mapping[str, Any], scoring: Scoring) -> dict[int, str]:
        items, results, before = [], {}, None
        for place, reference, image, shared in zip(*(batch[key] for key in _COLUMNS), strict=True):
            pair = Pair(str(reference), str(image), {"place": str(place)})
            items.append(Item(pair, bool(shared), reference != before))
            before = reference
        for scored in scoring(read_in_threads(items, self._opened, self._cores)):
            for result in scored:
                results[int(result.pair.extra["place"])] = _encoded(result)
        return results


def results_of(batch: Mapping[str, Any], pairs: Mapping[int, Pair]) -> dict[int, Result]:
    """What an actor has sent, by the places of the pairs; of places that `pairs` lacks nothing.

    Raises:
        ValueError: what its settings or weights lack, a sentence.
        RuntimeError: a fault of the program, with its traceback.
    """
    found = {}
    for place, text in zip(map(int, batch["place"]), batch["result"], strict=True):
        if place == _FAULT:
            is_sentence, said = json.loads(text)
            raise ValueError(said) if is_sentence else RuntimeError(said)
        if place in pairs:
            found[place] = _decoded(pairs[place], text)
    return found


def _fault(error: Exception) -> str:
    if isinstance(error, ValueError):
        return json.dumps([True, str(error)])
    return json.dumps([False, f"An actor of Ray failed.\n{traceback.format_exc()}"])


def _encoded(result: Result) -> str:
    return json.dumps([result.scores, result.digests, result.reason, result.averaged, result.notes])


def _decoded(pair: Pair, text: str) -> Result:
    scores, digests, reason, averaged, notes = json.loads(text)
    return Result(pair, scores, tuple(digests), reason, averaged, tuple((file, said) for file, said in notes))
