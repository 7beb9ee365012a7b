"""The page of a run while it is at work: made anew from the run's files, on this machine alone."""

from __future__ import annotations

import hmac
import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from enhance.report.html import BESIDE
from enhance.report.render import page_of
from enhance.runs import layout as names

_log = logging.getLogger(__name__)

_HERE = "127.0.0.1"
_LEAST = 2.0  # seconds from one page to the next
_SHARE = 0.15  # of the time, at most, goes into making pages
_POLL = 1.0  # seconds between two questions of a page, see live.js
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".csv": "text/plain; charset=utf-8",
    ".log": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".pdf": "application/pdf",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_NOT_YET = b"<!doctype html><title>enhance</title><p>The run has not made its first step yet."


class LiveView:
    """Serves the page of a run's folder, and the files that it links to, under an address that nobody can guess.

    Args:
        folder: of the run; None: `follow` will say.

    Attributes:
        address: of the page.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._token = secrets.token_urlsafe(16)
        self._making = threading.Lock()
        self._page, self._version = b"", ""
        self._made = self._took = self._asked = -1e9
        self.ended = False
        view = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                view._answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer((_HERE, 0), Handler)
        self._server.daemon_threads = True
        self._hosts = [f"{name}:{self._server.server_port}" for name in (_HERE, "localhost")]
        self.address = f"http://{self._hosts[0]}/{self._token}/"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def follow(self, folder: Path) -> None:
        """Serve the page of another folder from now on."""
        self._folder = folder

    def close(self) -> None:
        """End; pages that are open show the report of the whole run before."""
        self.ended = True
        if time.monotonic() - self._asked < 3 * _POLL:
            time.sleep(2.5 * _POLL)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        _, token, *rest = [*request.path.partition("?")[0].split("/"), ""]
        allowed = request.headers.get("Host") in self._hosts  # another name would be another site's
        if not (allowed and hmac.compare_digest(token.encode(), self._token.encode())):
            return _send(request, 404, "text/plain", b"not found")
        name = "/".join(rest).rstrip("/")
        if name == "state":
            self._asked = time.monotonic()
            state = {"version": self._current(), "ended": self.ended}
            return _send(request, 200, _TYPES[".json"], json.dumps(state).encode())
        if name == "" and request.path.endswith("/"):
            data = self._whole()
            return _send(request, 200 if data else 503, _TYPES[".html"], data or _NOT_YET)
        if (path := self._file(name)) is not None:
            return _send(request, 200, _TYPES[path.suffix], path.read_bytes())
        return _send(request, 404, "text/plain", b"not found")

    def _file(self, name: str) -> Path | None:
        """A file that the page links to; no other one, and none behind a link."""
        listed = name in (*BESIDE, names.INITIAL, names.REFERENCE, names.REPORT)
        if not listed or self._folder is None:
            return None
        path = self._folder / name
        return path if path.is_file() and not path.is_symlink() else None

    def _current(self) -> str:
        """What the page is of: it changes as files do, but no more often than pages may be made."""
        if time.monotonic() - self._made < max(_LEAST, self._took / _SHARE):
            return self._version
        return self._on_disk()

    def _on_disk(self) -> str:
        if self._folder is None:
            return ""
        files = (self._folder / name for name in (names.HISTORY, names.METRICS))
        return "-".join(f"{status.st_size}.{status.st_mtime_ns}" for file in files if (status := _status(file)))

    def _whole(self) -> bytes:
        """The page of now; after the end report.html itself."""
        folder = self._folder
        if folder is None:
            return b""
        report = folder / names.REPORT
        if self.ended and report.is_file():
            return report.read_bytes()
        with self._making:
            version = self._current()
            if self.ended or version != self._version:
                begin = time.monotonic()
                try:
                    made = page_of(folder, "" if self.ended else version)
                except (ValueError, OSError, KeyError):  # no run yet, or its files are of two moments
                    return self._page
                self._page, self._version = made.encode(), version
                self._made = time.monotonic()
                self._took = self._made - begin
            return self._page


@contextmanager
def live_view(folder: Path | None = None) -> Iterator[Callable[[Path], object]]:
    """Serve the page of a run while the block runs, and say where; the value makes it show another folder."""
    try:
        view = LiveView(folder)
    except OSError as error:  # no interface, or no port is free: the run does not need it
        _log.warning("There is no live view: %s", error)
        yield lambda folder: None
        return
    print(f"live view, on this machine: {view.address}", flush=True)
    try:
        yield view.follow
    finally:
        view.close()


def _status(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None


def _send(request: BaseHTTPRequestHandler, code: int, kind: str, data: bytes) -> None:
    try:
        request.send_response(code)
        for name, value in _HEADERS.items():
            request.send_header(name, value)
        if code == 503:
            request.send_header("Refresh", "1")
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)
    except ConnectionError:  # the page was closed
        pass
