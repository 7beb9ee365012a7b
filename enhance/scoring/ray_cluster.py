"""A cluster of Ray: one that is joined, or one of this machine for as long as it takes."""

from __future__ import annotations

import itertools
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from enhance.utils.errors import SettingsError

_PATIENCE = 10.0  # seconds until a cluster that does not answer is not there


def import_ray() -> Any:
    """The module.

    Raises:
        SettingsError: if it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a score reports nothing to anybody
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what fails is raised, too
    try:
        import_module("ray.data")
        return import_module("ray")
    except ImportError as error:
        raise SettingsError("engine=ray needs pip install 'enhance[ray]'.") from error


@contextmanager
def cluster(ray: Any, address: str | None, say: Callable[[str], object]) -> Iterator[None]:
    """A cluster while the block runs: one that is joined, or one of this machine; nothing where one is joined already.

    Args:
        ray: the module.
        address: of a running cluster; None: one of this machine.
        say: called with a sentence for each worker that dies.

    Raises:
        SettingsError: if there is none at the address.
    """
    if ray.is_initialized():
        yield
        return
    own = {"include_dashboard": False} if address is None else {}
    try:
        _reach(_found(address) if address == "auto" else address or "")
        with _no_output():
            ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **own)
    except Exception as error:  # Ray has one for each way in which a cluster can be gone
        ray.shutdown()  # else what Ray began hinders the next attempt of this process
        reason = " ".join(str(error).split())[:160]
        raise SettingsError(
            f"address={address}: there is no cluster of Ray that can be joined ({reason}); start one with `ray start "
            "--head`, set RAY_AUTH_MODE=token where it asks for a token, or leave address= out."
        ) from error
    try:
        with _deaths_said(say):
            yield
    finally:
        ray.shutdown()


@contextmanager
def _deaths_said(say: Callable[[str], object]) -> Iterator[None]:
    """What Ray prints on stdout, where the scores are, becomes a sentence for each worker that dies."""
    deaths = itertools.count(1)

    def shorten(data: dict[str, Any], **_: Any) -> None:
        for line in data.get("lines", ()):
            if "worker died" in line:
                say(f"ray: a worker died ({next(deaths)} so far); its pairs are given out again")
            elif "memory pressure" in line:
                say("ray: a node has too little memory, so that Ray kills workers; fewer of them (cores=) need less")

    try:
        worker: Any = import_module("ray._private.worker")
        printed = worker.print_to_stdstream
    except (ImportError, AttributeError):  # another version of Ray, whose own words remain
        yield
        return
    worker.print_to_stdstream = shorten
    try:
        yield
    finally:
        worker.print_to_stdstream = printed


@contextmanager
def _no_output() -> Iterator[None]:
    """Nothing on stderr while the block runs, from code in C++ either: Ray says there that its log level is set."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _found(address: str) -> str:
    """HOST:PORT of the cluster that `auto` stands for, by the environment or by a file on this machine, which may
    outlive it; empty where Ray does not say.
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
