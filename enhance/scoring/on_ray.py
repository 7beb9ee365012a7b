"""Scores on a cluster of Ray: Ray Data deals the list out to actors that hold the networks, starts those anew that die,
and brings the results to the driver, which alone writes.

A pair on which its actor dies again and again (memory, a decoder that aborts) is given up after so many tries: first
its chunk is, then, alone, the pair.
"""

from __future__ import annotations

import logging
import math
import os
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from enhance.scoring.batches import Result
from enhance.scoring.many import Engine
from enhance.scoring.ray_actor import Actor, Build, results_of, rows_of
from enhance.scoring.ray_cluster import cluster, import_ray
from enhance.scoring.reading import Item, Open
from enhance.utils.errors import SettingsError
from enhance.utils.numbers import counted

_CHUNK = 64  # pairs that an actor is given at once, which a kill costs
_MOST_CHUNKS = 4096  # of a list: each is an object of the cluster
_CORES = 4  # of an actor, where nothing is said and the cluster has them
_TRIES = 3  # of a chunk, and of a pair alone
_MOST_LOST = 16  # chunks given up until those that remain are given out anew, if anything came back meanwhile

KILLED = f"It killed its worker {_TRIES} times: too large for the memory, or a file on which its decoder aborts."


def ray_engine(
    build: Build,
    opened: Open,
    address: str | None,
    cores: int | None,
    device: str,
    say: Callable[[str], object] = lambda line: None,
) -> Engine:
    """The engine of a cluster: an actor for each GPU, or for so many cores, holds the networks.

    Args:
        build: makes the `Scoring` of an actor, on CUDA or the CPU, with so many threads; pickled.
        opened: opens a name; pickled.
        address: of a running cluster, `auto` or `ray://HOST:10001`; None: one on this machine for as long as it takes.
        cores: of an actor; None: four, or as many as there are.
        device: auto, cpu or cuda.
        say: called with a sentence about the cluster, and about workers that die.
    """

    def run(items: Sequence[Item]) -> Iterator[list[Result]]:
        if not items:
            return
        ray = import_ray()
        with cluster(ray, address, say):
            have = ray.cluster_resources()
            gpus = int(have.get("GPU", 0)) if device != "cpu" else 0
            if device.startswith("cuda") and not gpus:
                raise SettingsError(f"device={device}: the cluster of Ray has no GPU; device=cpu scores without.")
            each = min(cores or _CORES, max(1, int(have.get("CPU", 1)) // (gpus or 1)))
            actors = min(gpus or max(1, int(have.get("CPU", 1)) // each), math.ceil(len(items) / _CHUNK))
            nodes = counted(sum(node["Alive"] for node in ray.nodes()), "node")
            say(
                f"ray: {'up to ' * (actors > 1)}{counted(actors, 'worker')}, {'a GPU and ' * bool(gpus)}"
                f"{counted(each, 'core')} each, on {nodes}"
            )
            yield from _Work(_Pool(ray, actors, each, bool(gpus), build, opened), say).results(items)

    return run


class _Work:
    """A list in rounds: chunks, those that remain where many were given up, and in the end suspicious pairs alone."""

    def __init__(self, pool: _Pool, say: Callable[[str], object]) -> None:
        self._pool, self._say = pool, say

    def results(self, items: Sequence[Item]) -> Iterator[list[Result]]:
        """The results of all items, each once."""
        todo, suspects = dict(enumerate(items)), dict[int, Item]()
        while todo:
            before = set(todo)
            stopped = yield from self._round(todo, _CHUNK, max(_MOST_LOST, self._pool.actors))
            came = before - set(todo)
            if stopped and not came:
                raise SettingsError(
                    "engine=ray: the workers die one after the other and no score comes back, perhaps for lack of "
                    "memory; fewer of them (cores=) have more of it each, and batch=1 needs less."
                ) from stopped
            tried = max(came, default=0) if stopped else len(items)  # Ray goes through the list in its order
            suspects |= {place: todo.pop(place) for place in list(todo) if place <= tried}
        if suspects:
            self._say(
                f"ray: {counted(len(suspects), 'pair')} lay in chunks that lost their worker {_TRIES} times; "
                "each is tried alone"
            )
            yield from self._round(suspects, 1, -1)
            yield [Result(item.pair, {}, reason=KILLED) for item in suspects.values()]

    def _round(
        self, todo: dict[int, Item], chunk: int, most_lost: int
    ) -> Generator[list[Result], None, Exception | None]:
        """Results as they come, whose items leave `todo`; returns what stopped it, where too many chunks were lost."""
        try:
            for batch in self._pool.batches(dict(todo), chunk, most_lost):
                came = results_of(
                    batch, {place: todo[place].pair for place in map(int, batch["place"]) if place in todo}
                )
                for place in came:
                    del todo[place]
                if came:
                    yield list(came.values())
        except self._pool.ray.exceptions.RayError as error:
            if most_lost < 0 or isinstance(error, self._pool.ray.exceptions.RayTaskError):
                raise
            return error
        return None


@dataclass(frozen=True)
class _Pool:
    """Actors, started for each round."""

    ray: Any
    actors: int
    cores: int
    on_gpu: bool
    build: Build
    opened: Open

    def batches(self, items: Mapping[int, Item], chunk: int, most_lost: int) -> Iterator[Mapping[str, Any]]:
        """What the actors send.

        Args:
            items: by their places.
            chunk: pairs that an actor is given at once.
            most_lost: chunks that may be given up; -1: any number.
        """
        data = self.ray.data
        alone = chunk == 1  # and one at a time: what waits in an actor's queue is lost with it
        blocks = len(items) if alone else min(_MOST_CHUNKS, math.ceil(len(items) / chunk))
        with _settings(data.DataContext.get_current(), max_errored_blocks=most_lost):
            with warnings.catch_warnings(action="ignore"):  # Ray has no other name for the number of tries as yet
                mapped = data.from_items(rows_of(items), override_num_blocks=blocks).map_batches(
                    Actor,
                    fn_constructor_args=(self.build, self.opened, self.cores, self.on_gpu, os.getcwd()),
                    batch_size=chunk,
                    num_cpus=self.cores,
                    num_gpus=1 if self.on_gpu else None,
                    compute=data.ActorPoolStrategy(
                        min_size=self.actors if alone else 1,
                        max_size=self.actors,
                        max_tasks_in_flight_per_actor=1 if alone else None,
                    ),
                    max_task_retries=_TRIES - 1,
                )
            yield from mapped.iter_batches(batch_size=None)


@contextmanager
def _settings(context: Any, **changed: Any) -> Iterator[None]:
    """Ray Data without a word of its own, and with other settings, while the block runs."""
    changed |= {"enable_progress_bars": False, "print_on_execution_start": False}  # the command has its own
    before = {key: getattr(context, key) for key in changed}
    logger = logging.getLogger("ray.data")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # what it gives up is reported, and its errors are raised
    for key, value in changed.items():
        setattr(context, key, value)
    try:
        yield
    finally:
        logger.setLevel(level)
        for key, value in before.items():
            setattr(context, key, value)
