"""Scores on a cluster of Ray: Ray Data deals the list out to actors that hold the networks, starts those anew that die,
and brings the results to the driver, which alone writes.
"""

from __future__ import annotations

import json
import logging
import math
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from enhance.config.schema import SettingsError
from enhance.scoring.batches import Result, Scoring
from enhance.scoring.many import Engine
from enhance.scoring.pairs import Pair
from enhance.scoring.reading import Item, Open, read_in_threads

_CHUNK = 64  # pairs that an actor is given at once, which a kill costs
_MOST_CHUNKS = 4096  # of a list: each is an object of the cluster
_PATIENCE = 10.0  # seconds until a cluster that does not answer is not there
_CORES = 4  # of an actor, where nothing is said and the cluster has them


def ray_engine(
    build: Callable[[bool, int], Scoring],
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
        say: called with a sentence about the cluster.
    """

    def run(items: Sequence[Item]) -> Iterator[list[Result]]:
        if not items:
            return
        ray = _imported()
        with _cluster(ray, address):
            have = ray.cluster_resources()
            gpus = int(have.get("GPU", 0)) if device != "cpu" else 0
            if device.startswith("cuda") and not gpus:
                raise SettingsError(f"device={device}: the cluster of Ray has no GPU; device=cpu scores without.")
            each = min(cores or _CORES, max(1, int(have.get("CPU", 1)) // (gpus or 1)))
            actors = min(gpus or max(1, int(have.get("CPU", 1)) // each), math.ceil(len(items) / _CHUNK))
            nodes = sum(node["Alive"] for node in ray.nodes())
            say(f"ray: up to {actors} actors of {'a GPU and ' if gpus else ''}{each} cores, on {nodes} nodes")
            yield from _results(_mapped(ray, items, actors, each, bool(gpus), build, opened), items)

    return run


def _mapped(
    ray: Any,
    items: Sequence[Item],
    actors: int,
    cores: int,
    on_gpu: bool,
    build: Callable[[bool, int], Scoring],
    opened: Open,
) -> Any:
    rows = [
        {"place": place, "reference": item.pair.reference, "image": item.pair.image, "shared": item.shared}
        for place, item in enumerate(items)
    ]
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False  # the command has its own
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    chunks = min(_MOST_CHUNKS, math.ceil(len(rows) / _CHUNK))
    return ray.data.from_items(rows, override_num_blocks=chunks).map_batches(
        _Actor,
        fn_constructor_args=(build, opened, cores, on_gpu, os.getcwd()),
        batch_size=_CHUNK,
        num_cpus=cores,
        num_gpus=1 if on_gpu else None,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=actors),
    )


def _results(mapped: Any, items: Sequence[Item]) -> Iterator[list[Result]]:
    """What the actors send, each place once."""
    seen: set[int] = set()
    for batch in mapped.iter_batches(batch_size=None):
        new = [(int(place), text) for place, text in zip(batch["place"], batch["result"], strict=True)]
        new = [(place, text) for place, text in new if place not in seen]
        seen.update(place for place, _ in new)
        if new:
            yield [_decoded(items[place].pair, text) for place, text in new]


class _Actor:
    """Scores chunks of a list."""

    def __init__(
        self, build: Callable[[bool, int], Scoring], opened: Open, cores: int, on_gpu: bool, folder: str
    ) -> None:
        if os.path.isdir(folder):  # names may be relative to the driver's folder
            os.chdir(folder)
            sys.path.append(folder)
        self._scoring, self._opened, self._cores = build(on_gpu, cores), opened, cores

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        items, places, before = [], {}, None
        for place, reference, image, shared in zip(*(batch[key] for key in _COLUMNS), strict=True):
            pair = Pair(str(reference), str(image), {"place": str(place)})
            items.append(Item(pair, bool(shared), reference != before))
            before, places[int(place)] = reference, None
        for results in self._scoring(read_in_threads(items, self._opened, self._cores)):
            for result in results:
                places[int(result.pair.extra["place"])] = _encoded(result)
        return {"place": list(places), "result": list(places.values())}


_COLUMNS = ("place", "reference", "image", "shared")


def _encoded(result: Result) -> str:
    return json.dumps([result.scores, result.digests, result.reason, result.averaged, result.notes])


def _decoded(pair: Pair, text: str) -> Result:
    scores, digests, reason, averaged, notes = json.loads(text)
    return Result(pair, scores, tuple(digests), reason, averaged, tuple((file, said) for file, said in notes))


def _imported() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a score reports nothing to anybody
    try:
        import_module("ray.data")
        return import_module("ray")
    except ImportError as error:
        raise SettingsError("engine=ray needs pip install 'enhance[ray]'.") from error


@contextmanager
def _cluster(ray: Any, address: str | None) -> Iterator[None]:
    """A cluster while the block runs: one that is joined, or one of this machine; nothing where one is joined already.

    Raises:
        SettingsError: if there is none at the address.
    """
    if ray.is_initialized():
        yield
        return
    own = {"include_dashboard": False} if address is None else {}
    try:
        _reach(_found(address) if address == "auto" else address or "")
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **own)
    except Exception as error:  # Ray has one for each way in which a cluster can be gone
        ray.shutdown()  # else what Ray began hinders the next attempt of this process
        reason = " ".join(str(error).split())[:160]
        raise SettingsError(
            f"address={address}: there is no cluster of Ray that can be joined ({reason}); start one with `ray start "
            "--head`, set RAY_AUTH_MODE=token where it asks for a token, or leave address= out."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _found(address: str) -> str:
    """HOST:PORT of the cluster that `auto` leads to, by the environment or by a file on this machine, which may outlive
    it; empty where Ray does not say.
    """
    if given := os.environ.get("RAY_ADDRESS", ""):
        return given if given != address else ""
    try:
        services = import_module("ray._private.services")
        return services.canonicalize_bootstrap_address(address) or ""
    except (ImportError, AttributeError):  # another version of Ray
        return ""


def _reach(address: str) -> None:
    """Connect to HOST:PORT once: Ray itself would try for minutes.

    Raises:
        OSError: if nothing answers.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), _PATIENCE).close()
